//! A loop of equal ticks, and what they cost.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::spread::Spread;

/// What is further behind than this is let go: the world has stood still, nobody runs after it.
const ARREARS_MAX: Duration = Duration::from_millis(250);

/// When the next tick is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    period: Duration,
    next: Instant,
}

/// What the ticks so far came to.
#[derive(Debug)]
pub(crate) struct Ticks {
    began: Instant,
    budget: Duration,
    count: u32,
    over_budget: u32,
    lengths: Spread,
}

impl Pace {
    /// The first tick is due now.
    pub(crate) fn new(ticks_a_second: u16, now: Instant) -> Self {
        Self { period: Duration::from_secs(1) / u32::from(ticks_a_second.max(1)), next: now }
    }

    /// From one tick to the next.
    pub(crate) const fn period(&self) -> Duration {
        self.period
    }

    /// Another rate from the next tick on.
    pub(crate) fn set_rate(&mut self, ticks_a_second: u16) {
        *self = Self::new(ticks_a_second, self.next);
    }

    /// When the next tick is due. A late tick is made up for, a long pause is not.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.next += self.period;
        if now > self.next + ARREARS_MAX {
            self.next = now;
        }
        self.next
    }

    /// Sleeps until the next tick is due.
    pub(crate) fn sleep(&mut self) {
        let now = Instant::now();
        thread::sleep(self.advance(now).saturating_duration_since(now));
    }
}

impl Ticks {
    /// None yet; a tick that takes longer than `budget` is over it.
    pub(crate) fn new(budget: Duration, now: Instant) -> Self {
        Self { began: now, budget, count: 0, over_budget: 0, lengths: Spread::default() }
    }

    /// Counts a tick by the length of its work.
    pub(crate) fn record(&mut self, work: Duration) {
        self.count += 1;
        self.over_budget += u32::from(work > self.budget);
        self.lengths.record(work);
    }

    /// Ticks a second since the start.
    pub(crate) fn rate_hz(&self, now: Instant) -> Option<f64> {
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        (seconds > 0.0).then(|| f64::from(self.count) / seconds)
    }

    /// One tick in a hundred worked longer, in milliseconds.
    pub(crate) fn p99_ms(&self) -> Option<f64> {
        self.lengths.percentiles().p99
    }

    /// Ticks whose work took longer than a tick may.
    pub(crate) const fn over_budget(&self) -> u32 {
        self.over_budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_tick_is_made_up_for() {
        let start = Instant::now();
        let mut pace = Pace::new(50, start);
        let ms = Duration::from_millis;
        assert_eq!(pace.advance(start), start + ms(20));
        assert_eq!(pace.advance(start + ms(55)), start + ms(40));
        assert_eq!(pace.advance(start + ms(56)), start + ms(60));
    }

    #[test]
    fn a_long_pause_is_not() {
        let start = Instant::now();
        let mut pace = Pace::new(50, start);
        let late = start + Duration::from_secs(3);
        assert_eq!(pace.advance(late), late);
    }

    #[test]
    fn ticks_over_budget_are_counted() {
        let start = Instant::now();
        let mut ticks = Ticks::new(Duration::from_millis(10), start);
        assert_eq!((ticks.rate_hz(start), ticks.p99_ms()), (None, None));
        for work in [1, 2, 10, 11] {
            ticks.record(Duration::from_millis(work));
        }
        assert_eq!(ticks.over_budget(), 1);
        assert_eq!(ticks.rate_hz(start + Duration::from_secs(2)), Some(2.0));
    }
}
