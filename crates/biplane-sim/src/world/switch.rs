//! Which connection each end of a session is on, and how the client comes to another.
//!
//! When it tries, and for how long, is the real client's: `biplane_proto::redial`.

use core::time::Duration;
use std::{collections::BTreeMap, time::Instant};

use biplane_proto::{Dialing, redial};

use crate::{Rng, Wires};

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
        let begins = now + redial::distance(0, rng.share(1.0));
        Self { failed: 0, begins, stage: Attempt::Waits }
    }

    /// Whether it is time to begin.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.stage, Attempt::Waits) && self.begins <= now
    }

    /// An attempt begins, where a round trip takes so long.
    pub(super) fn begin(&mut self, now: Instant, rtt: Duration) {
        self.begins = now;
        self.stage = Attempt::Opens { until: now + redial::patience(rtt) };
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
        self.failed += 1;
        self.begins = now.max(self.begins + redial::distance(self.failed, rng.share(1.0)));
        self.stage = Attempt::Waits;
    }
}

#[cfg(test)]
mod tests {
    use biplane_wire::limits::{RESUME_SPREAD as FIRST, RESUME_TRY as PATIENCE};

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
