//! Where in a trace time has come to.

use core::time::Duration;
use std::time::Instant;

use super::Trace;
use crate::rng::nanos;

const MILLISECOND: u64 = 1_000_000;

/// The chance of a trace that bytes cross at next, and what is left of it.
#[derive(Debug)]
pub(in crate::link) struct Cursor {
    trace: Trace,
    start: Instant,
    /// How often the trace has started again.
    cycle: u64,
    index: usize,
    left: u32,
}

impl Cursor {
    /// At the beginning of a trace that begins at `start`.
    pub(in crate::link) const fn new(trace: Trace, start: Instant) -> Self {
        Self { trace, start, cycle: 0, index: 0, left: Trace::CHANCE }
    }

    /// When `len` bytes that are there from `now` on have crossed, behind all before them.
    ///
    /// Chances that came while nothing waited are gone, as on the air.
    pub(in crate::link) fn pass(&mut self, now: Instant, len: u32) -> Instant {
        if self.moment() < now {
            self.skip_to(now);
        }
        let mut rest = len;
        while rest > self.left {
            rest -= self.left;
            self.go_on();
        }
        self.left -= rest;
        self.moment()
    }

    fn moment(&self) -> Instant {
        let stamp = self.trace.stamps.get(self.index).copied().unwrap_or_default();
        let period = u64::try_from(self.trace.period().as_millis()).unwrap_or(u64::MAX);
        let millis = period.saturating_mul(self.cycle).saturating_add(stamp.into());
        self.start + Duration::from_millis(millis)
    }

    /// Goes to the first chance not before `now`.
    fn skip_to(&mut self, now: Instant) {
        let elapsed = nanos(now.saturating_duration_since(self.start));
        let period = nanos(self.trace.period()).max(1);
        self.cycle = elapsed / period;
        let millis = (elapsed % period).div_ceil(MILLISECOND);
        self.index = self.trace.stamps.partition_point(|stamp| u64::from(*stamp) < millis);
        self.left = Trace::CHANCE;
    }

    fn go_on(&mut self) {
        self.left = Trace::CHANCE;
        self.index += 1;
        if self.index >= self.trace.stamps.len() {
            self.index = 0;
            self.cycle += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn cursor(text: &str) -> (Instant, Cursor) {
        let start = Instant::now();
        (start, Cursor::new(Trace::parse("x", text).unwrap(), start))
    }

    #[test]
    fn small_datagrams_share_a_chance_and_large_ones_take_several() {
        let (start, mut cursor) = cursor("3\n3\n9\n");
        assert_eq!(cursor.pass(start, 700), start + ms(3));
        assert_eq!(cursor.pass(start, 800), start + ms(3));
        assert_eq!(cursor.pass(start, 1_501), start + ms(9));
        assert_eq!(cursor.pass(start, 1_499), start + ms(9));
    }

    #[test]
    fn chances_while_nothing_waits_are_gone() {
        let (start, mut cursor) = cursor("3\n5\n9\n");
        assert_eq!(cursor.pass(start + ms(4), 100), start + ms(5));
        assert_eq!(cursor.pass(start + ms(5), 100), start + ms(5), "what is left of that one");
        assert_eq!(cursor.pass(start + Duration::from_micros(5_001), 100), start + ms(9));
    }

    #[test]
    fn the_trace_starts_again_at_its_last_line() {
        let (start, mut cursor) = cursor("3\n5\n");
        assert_eq!(cursor.pass(start, 3_000), start + ms(5));
        assert_eq!(cursor.pass(start, 1_500), start + ms(8));
        assert_eq!(cursor.pass(start + ms(1_001), 1_500), start + ms(1_003));
        assert_eq!(cursor.pass(start + ms(1_004), 1_500), start + ms(1_005));
    }
}
