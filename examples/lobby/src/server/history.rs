//! How a server's sessions and memory went, for its report: a look a second, in bounded space.

use std::time::{Duration, Instant};

use crate::{report::Moment, system::Memory};

/// Moments kept at the most; when there are more, every other one goes and looks become rarer.
const MOMENTS_MAX: usize = 1200;

/// Moments at equal intervals from the start.
#[derive(Debug)]
pub(super) struct History {
    began: Instant,
    every: Duration,
    next: Instant,
    moments: Vec<Moment>,
}

impl History {
    /// The first look is due now.
    pub(super) fn new(now: Instant) -> Self {
        let every = Duration::from_secs(1);
        // All at once: a history of memory should not add to it.
        Self { began: now, every, next: now, moments: Vec::with_capacity(MOMENTS_MAX) }
    }

    /// Takes note of sessions, rooms and memory, if it is time to.
    pub(super) fn record_if_due(
        &mut self,
        now: Instant,
        look: impl FnOnce() -> (u64, usize, Memory),
    ) {
        if now < self.next {
            return;
        }
        if self.moments.len() == MOMENTS_MAX {
            self.thin_out();
        }
        let (sessions, rooms, memory) = look();
        self.moments.push(Moment {
            t: now.saturating_duration_since(self.began).as_secs_f64(),
            sessions,
            rooms,
            rss_bytes: memory.resident,
            rss_peak_bytes: memory.peak,
        });
        self.next = now + self.every;
    }

    /// All moments kept, the oldest first.
    pub(super) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    fn thin_out(&mut self) {
        let mut keep = false;
        self.moments.retain(|_| {
            keep = !keep;
            keep
        });
        self.every *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(history: &mut History, seconds: u64) {
        let began = history.began;
        for now in (0..=seconds * 4).map(|quarter| began + Duration::from_millis(250 * quarter)) {
            history.record_if_due(now, || (3, 1, Memory::default()));
        }
    }

    #[test]
    fn it_looks_once_a_second_from_the_start() {
        let mut history = History::new(Instant::now());
        after(&mut history, 5);
        let at: Vec<f64> = history.moments().iter().map(|moment| moment.t).collect();
        assert_eq!(at, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((history.moments()[0].sessions, history.moments()[0].rooms), (3, 1));
    }

    #[test]
    fn a_long_run_takes_no_more_space_and_keeps_its_start_and_its_order() {
        let mut history = History::new(Instant::now());
        after(&mut history, 10_000);
        let moments = history.moments();
        assert!(moments.len() <= MOMENTS_MAX && moments.len() > MOMENTS_MAX / 3);
        assert!((moments[0].t - 0.0).abs() < 1e-9);
        assert!(moments.windows(2).all(|pair| pair[0].t < pair[1].t));
        assert!(moments.last().unwrap().t > 9_900.0);
        assert_eq!(history.moments.capacity(), MOMENTS_MAX);
    }
}
