//! What a session is told of the time, and when it is its turn at all.

use core::time::Duration;
use std::time::Instant;

use crate::{CanaryKind, Clock, EndConfig, Rng, Side, rng::nanos};

/// A clock that falters goes back so far at the most.
const BACK: Duration = Duration::from_millis(50);
/// So much further is a clock that runs, at every look.
const RUNS: Duration = Duration::from_secs(3_600);
/// A machine stands still for so long.
const STALL: Duration = Duration::from_millis(100);
/// It does so once in each of these.
const PERIOD: Duration = Duration::from_secs(1);

/// The clock and the scheduler of one end.
#[derive(Debug)]
pub(crate) struct Timekeeper {
    clock: Clock,
    lag: Duration,
    stalls: Option<u64>,
    start: Instant,
    rng: Rng,
    last: Option<Instant>,
    /// Looks at a clock that runs; `None` where it does not.
    looks: Option<u32>,
}

impl Timekeeper {
    /// That of an end of a session which began at `start`.
    pub(crate) fn new(start: Instant, side: Side, end: &EndConfig) -> Self {
        let role = u64::from(matches!(side, Side::Client(_)));
        let seed = end.stalls.unwrap_or_default() ^ (side.client() as u64) << 1 ^ role;
        let runs = end.canary.is_some_and(|canary| canary.kind == CanaryKind::Runs);
        Self {
            clock: end.clock,
            lag: end.lag,
            stalls: end.stalls,
            start,
            rng: Rng::new(seed),
            last: None,
            looks: runs.then_some(0),
        }
    }

    /// What the clock says at `now`.
    pub(super) fn tells(&mut self, now: Instant) -> Instant {
        if let Some(looks) = &mut self.looks {
            *looks = looks.saturating_add(1);
            return now + RUNS * *looks;
        }
        if self.clock == Clock::True {
            return now;
        }
        let told = match self.rng.between(0, 9) {
            0 | 1 => self.last.unwrap_or(now),
            2 => now.checked_sub(self.rng.duration(BACK)).unwrap_or(now),
            _ => now,
        };
        self.last = Some(told);
        told
    }

    /// When a session is woken that wants to be at `at`.
    pub(super) fn wakes(&self, at: Instant) -> Instant {
        // A clock that runs was so far ahead when it was last looked at.
        let ahead = self.looks.map_or(Duration::ZERO, |looks| RUNS * looks);
        stall(self.start, self.stalls, at.checked_sub(ahead).unwrap_or(at) + self.lag)
    }
}

/// The end of the stall in which `at` lies, or `at` itself.
pub(crate) fn stall(start: Instant, seed: Option<u64>, at: Instant) -> Instant {
    let Some(seed) = seed else { return at };
    let elapsed = nanos(at.saturating_duration_since(start));
    let period = elapsed / nanos(PERIOD);
    let begins = Rng::new(seed ^ period).duration(PERIOD - STALL);
    let begins = start + Duration::from_nanos(period * nanos(PERIOD)) + begins;
    if (begins..begins + STALL).contains(&at) { begins + STALL } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_stands_still_for_a_tenth_of_the_time_and_goes_on_after() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let moved: Vec<_> =
            (0..100_000).filter(|ms| stall(start, Some(7), at(*ms)) > at(*ms)).collect();
        assert!((9_900..=10_100).contains(&moved.len()), "{}", moved.len());
        for ms in moved {
            let end = stall(start, Some(7), at(ms));
            assert!(end <= at(ms) + STALL && stall(start, Some(7), end) == end);
        }
        assert_eq!(stall(start, None, at(5)), at(5));
    }

    #[test]
    fn a_clock_that_falters_repeats_itself_and_goes_back() {
        let end = EndConfig { clock: Clock::Falters, ..EndConfig::default() };
        let start = Instant::now();
        let mut time = Timekeeper::new(start, Side::Client(0), &end);
        let now = |n: u64| start + Duration::from_millis(100 + n);
        let told: Vec<_> = (0..1_000).map(|n| time.tells(now(n))).collect();
        assert!(told.windows(2).any(|pair| pair[0] == pair[1]));
        assert!(told.windows(2).any(|pair| pair[0] > pair[1]));
        assert!((0..).zip(&told).all(|(n, told)| *told <= now(n) && *told + BACK * 2 >= now(n)));
    }
}
