//! When the next of many equal steps is due.

use std::{thread, time::Duration};

use crate::meter;

/// Steps at a steady rate, each due whether or not the one before was taken in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    begun: Duration,
    /// Seconds between two steps.
    interval: f64,
    taken: u64,
    left_out: u64,
}

impl Pace {
    /// `rate` steps a second; the first is due now.
    pub(super) fn new(rate: f64) -> Self {
        Self { begun: meter::now(), interval: 1.0 / rate, taken: 0, left_out: 0 }
    }

    /// Counts from now on.
    pub(super) fn begin(&mut self) {
        *self = Self { begun: meter::now(), taken: 0, left_out: 0, ..*self };
    }

    /// How many steps were taken: the number of the next.
    pub(super) const fn next(&self) -> u64 {
        self.taken
    }

    /// How many were left out.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many were due so long ago and were neither taken nor left out.
    pub(super) fn overdue(&self, ago: Duration) -> u64 {
        let late = meter::now().checked_sub(self.due() + ago);
        late.map_or(0, |late| whole(late.as_secs_f64() / self.interval) + 1)
    }

    /// Counts a step as taken.
    pub(super) const fn step(&mut self) {
        self.taken += 1;
    }

    /// How long until the next step; nothing if it is due.
    pub(super) fn wait(&self) -> Duration {
        self.due().saturating_sub(meter::now())
    }

    /// Sleeps until the next step is due, and takes it. Steps that are over are left out.
    pub(super) fn sleep(&mut self) {
        let late = meter::now().saturating_sub(self.due()).as_secs_f64();
        if late > self.interval {
            self.left_out += whole(late / self.interval);
        } else {
            thread::sleep(self.wait());
        }
        self.taken += 1;
    }

    /// When the next step is due.
    #[expect(clippy::cast_precision_loss, reason = "a run has fewer than 2⁵³ steps")]
    pub(super) fn due(&self) -> Duration {
        let steps = self.taken + self.left_out;
        self.begun + Duration::from_secs_f64(self.interval * steps as f64)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a quotient of positive numbers, cut to the steps of one run"
)]
const fn whole(quotient: f64) -> u64 {
    quotient as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_due_at_their_rate_and_not_before() {
        let mut pace = Pace::new(1_000.0);
        assert_eq!(pace.wait(), Duration::ZERO);
        for _ in 0..20 {
            pace.sleep();
        }
        let took = meter::now() - pace.begun;
        assert!(took >= Duration::from_millis(19), "{took:?}");
        assert_eq!(pace.next(), 20);
    }

    #[test]
    fn what_was_missed_is_not_made_up_for_and_is_counted() {
        let mut pace = Pace::new(1_000.0);
        thread::sleep(Duration::from_millis(30));
        assert!((20..30).contains(&pace.overdue(Duration::from_millis(10)).min(29)));
        pace.sleep();
        assert_eq!(pace.next(), 1);
        assert!(pace.left_out() >= 29, "{}", pace.left_out());
        assert!(pace.wait() <= Duration::from_millis(1));
        assert_eq!(pace.overdue(Duration::from_secs(3_600)), 0);
    }
}
