//! The largest or smallest of what was seen lately, in constant room: the last stretch of time is cut
//! in two, and what is older than both halves is forgotten.

use core::time::Duration;
use std::time::Instant;

/// The extreme of at least the last half, and at most the whole, of a stretch of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windowed {
    half: Duration,
    /// Since when the current half lasts.
    since: Option<Instant>,
    current: Option<u64>,
    before: Option<u64>,
}

impl Windowed {
    pub(super) const fn new(length: Duration) -> Self {
        let half = length.checked_div(2);
        let half = if let Some(half) = half { half } else { Duration::ZERO };
        Self { half, since: None, current: None, before: None }
    }

    /// Lasts so long from the next half on.
    pub(super) fn set_length(&mut self, length: Duration) {
        self.half = length / 2;
    }

    pub(super) fn note_largest(&mut self, now: Instant, value: u64) {
        self.turn(now);
        self.current = self.current.max(Some(value));
    }

    pub(super) fn note_smallest(&mut self, now: Instant, value: u64) {
        self.turn(now);
        self.current = Some(self.current.map_or(value, |known| known.min(value)));
    }

    pub(super) fn largest(&self) -> Option<u64> {
        self.current.max(self.before)
    }

    pub(super) fn smallest(&self) -> Option<u64> {
        self.current.into_iter().chain(self.before).min()
    }

    fn turn(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let lasted = now.saturating_duration_since(since);
        if lasted < self.half {
            return;
        }
        self.before = if lasted < self.half * 2 { self.current } else { None };
        self.current = None;
        self.since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_stretch_is_forgotten() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut seen = Windowed::new(Duration::from_millis(100));
        assert_eq!((seen.largest(), seen.smallest()), (None, None));
        for (ms, value) in [(0, 7), (20, 3), (60, 5)] {
            seen.note_smallest(at(ms), value);
        }
        assert_eq!(seen.smallest(), Some(3));
        seen.note_smallest(at(115), 6);
        assert_eq!(seen.smallest(), Some(5));
        seen.note_smallest(at(500), 9);
        assert_eq!(seen.smallest(), Some(9));
    }

    #[test]
    fn the_largest_lasts_as_long() {
        let start = Instant::now();
        let mut seen = Windowed::new(Duration::from_secs(10));
        seen.note_largest(start, 9);
        seen.note_largest(start + Duration::from_secs(6), 4);
        assert_eq!(seen.largest(), Some(9));
        seen.note_largest(start + Duration::from_secs(12), 4);
        assert_eq!(seen.largest(), Some(4));
    }
}
