//! Which connection each end of a session is on, and how the client comes to another.
//!
//! The distance between the beginnings of two attempts is the client's back-off: the first is made
//! at once, the next after a quarter of a second, doubling to two, each but the first shortened by
//! up to half. An attempt that comes to nothing is given up after three seconds, or six round trips
//! where those are longer.

use core::time::Duration;
use std::{collections::BTreeMap, time::Instant};

use biplane_proto::Dialing;

use crate::{Rng, Wires};

/// The first attempt waits for so long at the most, so that a crowd does not come at once.
const FIRST: Duration = Duration::from_millis(50);
/// Between the first attempt and the second.
const SECOND: Duration = Duration::from_millis(250);
/// Between two attempts at the most.
const LONGEST: Duration = Duration::from_secs(2);
/// An attempt is given up.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same where round trips are long: TCP, TLS and the hello take one each.
const PATIENCE_RTTS: u32 = 6;

/// The connections of one client's session.
#[derive(Debug, Default)]
pub(super) struct Switch {
    /// The connection that the client's session is on, or was on last.
    pub(super) client_on: u32,
    /// The same of the server's.
    pub(super) server_on: u32,
    /// What has come of a hello on connections on which the server has no session yet.
    pub(super) greetings: BTreeMap<u32, Vec<u8>>,
    pub(super) redial: Option<Redial>,
    /// How often the client's session has gone on over another connection.
    pub(super) resumes: u64,
}

/// A client's attempts to come to another connection.
#[derive(Debug)]
pub(super) struct Redial {
    failed: u32,
    /// When the attempt began, or is to begin.
    begins: Instant,
    pub(super) stage: Attempt,
}

/// How far an attempt has come.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It is not time yet.
    Waits,
    /// TCP and TLS are under way: [`Wires::opens_at`].
    Opens { until: Instant },
    /// The hello is written.
    Asks { dialing: Box<Dialing>, inbox: Vec<u8>, until: Instant },
}

impl Switch {
    /// When the client has something to do for another connection.
    pub(super) fn next_moment(&self, wires: &Wires) -> Option<Instant> {
        let Redial { begins, stage, .. } = self.redial.as_ref()?;
        Some(match stage {
            Attempt::Waits => *begins,
            Attempt::Opens { until } => wires.opens_at().map_or(*until, |at| at.min(*until)),
            Attempt::Asks { until, .. } => *until,
        })
    }

    /// Whether anybody still hears what comes on a connection.
    pub(super) fn is_used(&self, number: u32) -> bool {
        number == self.client_on || number == self.server_on || self.greetings.contains_key(&number)
    }
}

impl Redial {
    pub(super) fn first(now: Instant, rng: &mut Rng) -> Self {
        Self { failed: 0, begins: now + rng.duration(FIRST), stage: Attempt::Waits }
    }

    /// Whether it is time to begin.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.stage, Attempt::Waits) && self.begins <= now
    }

    /// An attempt begins, where a round trip takes so long.
    pub(super) fn begin(&mut self, now: Instant, rtt: Duration) {
        self.begins = now;
        self.stage = Attempt::Opens { until: now + PATIENCE.max(rtt * PATIENCE_RTTS) };
    }

    /// When the attempt is given up.
    pub(super) const fn until(&self) -> Option<Instant> {
        match &self.stage {
            Attempt::Waits => None,
            Attempt::Opens { until } | Attempt::Asks { until, .. } => Some(*until),
        }
    }

    /// The attempt came to nothing: another one after a while.
    pub(super) fn fail(&mut self, now: Instant, rng: &mut Rng) {
        let longest = SECOND.saturating_mul(1 << self.failed.min(8)).min(LONGEST);
        self.failed += 1;
        self.begins = now.max(self.begins + longest - rng.duration(longest / 2));
        self.stage = Attempt::Waits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_that_fail_at_once_are_made_ever_more_rarely() {
        let (start, mut rng) = (Instant::now(), Rng::new(1));
        let mut redial = Redial::first(start, &mut rng);
        let mut before = redial.begins;
        assert!(before <= start + FIRST);
        for longest in [250, 500, 1_000, 2_000, 2_000, 2_000] {
            redial.begin(before, Duration::ZERO);
            redial.fail(before, &mut rng);
            let waited = redial.begins - before;
            let longest = Duration::from_millis(longest);
            assert!((longest / 2..=longest).contains(&waited), "{waited:?}");
            before = redial.begins;
        }
    }

    #[test]
    fn an_attempt_that_took_long_is_followed_by_the_next_at_once() {
        let (start, mut rng) = (Instant::now(), Rng::new(1));
        let mut redial = Redial::first(start, &mut rng);
        redial.begin(start, Duration::from_millis(100));
        assert_eq!(redial.until(), Some(start + PATIENCE));
        redial.fail(start + PATIENCE, &mut rng);
        assert!(redial.is_due(start + PATIENCE));
    }
}
