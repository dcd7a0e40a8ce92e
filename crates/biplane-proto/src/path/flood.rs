//! Challenges of a peer that acknowledges nothing.
//!
//! Whoever is asked answers, so each costs a packet. An honest peer asks for as long as nothing comes
//! back to it, once a second, and fifty times a second while it is diagnosed; and of what comes back
//! it acknowledges something.

use std::time::Instant;

use crate::limits;

/// How many challenges came that neither time nor an ack has made good.
#[derive(Debug)]
pub(super) struct Flood {
    count: u32,
    /// Up to when time has been counted.
    since: Instant,
}

impl Flood {
    pub(super) const fn new(now: Instant) -> Self {
        Self { count: 0, since: now }
    }

    /// Notes a challenge; whether that is one too many.
    pub(super) fn on_challenge(&mut self, now: Instant) -> bool {
        let interval = limits::CHALLENGE_LEAK;
        let passed = now.saturating_duration_since(self.since).as_nanos() / interval.as_nanos();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.count = self.count.saturating_sub(passed) + 1;
        // What is left of an interval goes on counting; nothing is saved up.
        self.since = match self.count {
            1 => now,
            _ => self.since + interval * passed,
        };
        self.count > limits::CHALLENGES_UNACKED
    }

    /// The peer acknowledged something.
    pub(super) const fn on_ack(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn one_challenge_more_than_the_limit_is_too_many() {
        let now = Instant::now();
        let mut flood = Flood::new(now);
        assert!((0..limits::CHALLENGES_UNACKED).all(|_| !flood.on_challenge(now)));
        assert!(flood.on_challenge(now));
    }

    #[test]
    fn an_ack_makes_all_of_them_good() {
        let now = Instant::now();
        let mut flood = Flood::new(now);
        for _ in 0..10 {
            assert!((0..limits::CHALLENGES_UNACKED).all(|_| !flood.on_challenge(now)));
            flood.on_ack();
        }
    }

    #[test]
    fn time_makes_one_good_in_each_interval_and_saves_up_none() {
        let mut now = Instant::now() + Duration::from_secs(3_600);
        let mut flood = Flood::new(now - Duration::from_secs(3_600));
        assert!((0..limits::CHALLENGES_UNACKED).all(|_| !flood.on_challenge(now)));
        for _ in 0..1_000 {
            now += limits::CHALLENGE_LEAK;
            assert!(!flood.on_challenge(now));
        }
        assert!(flood.on_challenge(now));
    }
}
