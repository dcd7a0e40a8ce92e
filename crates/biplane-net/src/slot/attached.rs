//! A session as one of its control connections sees it.

use std::{sync::Arc, time::Instant};

use biplane_proto::{ControlLoss, Session};
use tokio::sync::futures::Notified;

use super::Slot;
use crate::clock;

/// One control connection of a session, while it is the session's own and after.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    slot: Arc<Slot>,
    number: u64,
}

/// What a writer got out of its session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pulled {
    /// Bytes.
    Bytes,
    /// Nothing now.
    Nothing,
    /// Nothing ever again: all is said, or the connection is not the session's any more.
    End,
}

impl Attached {
    pub(super) const fn new(slot: Arc<Slot>, number: u64) -> Self {
        Self { slot, number }
    }

    pub(crate) const fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Whether it is the session's.
    pub(crate) fn is_current(&self) -> bool {
        self.slot.connections().is_current(self.number)
    }

    /// Runs `act` on the session and sees to what follows; `None` if it is another connection's by
    /// now, or nobody's.
    pub(crate) fn with<R>(&self, act: impl FnOnce(Instant, &mut Session) -> R) -> Option<R> {
        self.slot.with(|now, session| self.is_current().then(|| act(now, session)))
    }

    /// It broke.
    pub(crate) fn lose(&self) {
        self.with(|now, session| session.handle_control_lost(now, ControlLoss::Broken));
    }

    /// Appends to `bytes` what is to be written next.
    pub(crate) fn pull(&self, pulls: usize, bytes: &mut Vec<u8>) -> Pulled {
        let now = clock::now();
        let (pulled, aftermath) = self.slot.enter(now, |session| {
            if !self.is_current() {
                return Pulled::End;
            }
            let pulled = (0..pulls).take_while(|_| session.poll_control(now, bytes)).count();
            match (pulled > 0, session.control_is_finished()) {
                (true, _) => Pulled::Bytes,
                (false, true) => Pulled::End,
                (false, false) => Pulled::Nothing,
            }
        });
        self.slot.follow_writer(aftermath);
        pulled
    }

    /// Resolves once there may be something to pull, as of this call.
    pub(crate) fn output(&self) -> Notified<'_> {
        self.slot.connections().output()
    }

    /// Resolves once it is not the session's any more.
    pub(crate) async fn left(&self) {
        self.slot.connections().left(self.number).await;
    }
}
