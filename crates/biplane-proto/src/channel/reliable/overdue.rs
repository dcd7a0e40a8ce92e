//! Messages that UDP does not deliver in time, and that ride the control connection beside it.
//!
//! One rides as soon as there is room for it, and UDP carries no copy of it from then on; until then
//! UDP goes on, so that neither plane waits for the other. Of a long one each piece does so by
//! itself.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::SequenceNumber;

use super::{
    super::{
        causality::Progress,
        cost,
        credit::CreditHeld,
        outgoing::{Queued, Room},
    },
    Leaving, Pieces, ReliableSend, Sent, State,
};

impl ReliableSend {
    /// When the next message has waited as long as `after` allows.
    pub(in super::super) fn overdue_at(&mut self, after: Duration) -> Option<Instant> {
        self.pass_by(|_| false);
        let sent = self.get(self.in_time).map(|sent| sent.message.since);
        Some(sent.or_else(|| self.oldest().map(|message| message.since))? + after)
    }

    /// Whether something rides next of a message that was sent up to `latest`.
    pub(in super::super) fn is_overdue(&mut self, latest: Instant, held: &CreditHeld) -> bool {
        self.pass_by(|_| false);
        if let Some(sent) = self.get(self.in_time) {
            return sent.message.since <= latest && sent.may_ride();
        }
        // One of which the rest has yet to leave comes first, here as over UDP.
        self.begun.is_none()
            && self.oldest().is_some_and(|message| {
                let covered = held.covers(cost(message.payload.len()));
                message.since <= latest && message.may_leave() && covered
            })
    }

    /// Takes that, and says whether it is the first of its message to ride.
    pub(in super::super) fn pop_overdue(
        &mut self,
        latest: Instant,
        held: &mut CreditHeld,
        room: Room,
        progress: Progress,
    ) -> Option<(Leaving, bool)> {
        if !self.is_overdue(latest, held) {
            return None;
        }
        let sequence = self.in_time;
        let Some(sent) = self.get_mut(sequence) else {
            let leaving = self.pop_new(held, room, progress)?;
            let len = leaving.body.len();
            self.get_mut(leaving.sequence)?.ride_from_the_start(len);
            return Some((leaving, true));
        };
        let is_first = sent.pieces.as_ref().is_none_or(|pieces| pieces.rides_nothing());
        let leaving = sent.pop_again(sequence, room, progress, Pieces::next_riding)?;
        if sent.state != State::Again || !sent.has_lost() {
            let state = if sent.pieces.is_none() { State::Escalated } else { State::InFlight };
            if core::mem::replace(&mut sent.state, state) == State::Again {
                self.again.retain(|again| *again != sequence);
            }
        }
        if self.begun == Some(sequence) && !self.get(sequence).is_some_and(Sent::has_new) {
            self.begun = None;
        }
        Some((leaving, is_first))
    }

    /// The control connection is lost: what rode it goes over UDP again. Returns whether anything
    /// did.
    pub(in super::super) fn recall(&mut self) -> bool {
        let mut any = false;
        self.in_time = self.base;
        for (sent, place) in self.sent.iter_mut().zip(0..) {
            let rode = sent.recall();
            any |= rode;
            if rode && sent.state != State::Again {
                sent.state = State::Again;
                self.again.push_back(SequenceNumber(self.base.0 + place));
            }
        }
        any
    }

    /// Passes by those of which nothing is left to ride, or that are `over`.
    pub(in super::super) fn pass_by(&mut self, over: impl Fn(&Queued) -> bool) {
        self.in_time = self.in_time.max(self.base);
        let passes = |sent: &Sent| sent.is_cared_for() || over(&sent.message);
        while self.get(self.in_time).is_some_and(passes) {
            self.in_time = self.in_time.next();
        }
    }
}

impl Sent {
    /// Whether the peer has all of it, or the control connection brings what it has not.
    fn is_cared_for(&self) -> bool {
        match self.state {
            _ if self.withdrawn.is_some() => true,
            State::Escalated | State::Acked => true,
            State::InFlight | State::Again => {
                self.pieces.as_ref().is_some_and(|pieces| pieces.is_cared_for())
            }
        }
    }

    fn may_ride(&self) -> bool {
        self.pieces.as_ref().is_none_or(|pieces| pieces.may_ride())
    }

    fn has_new(&self) -> bool {
        self.pieces.as_ref().is_some_and(|pieces| pieces.has_new())
    }

    /// The first of it has left, of this length, and rides.
    fn ride_from_the_start(&mut self, len: usize) {
        match &mut self.pieces {
            Some(pieces) => pieces.ride(0, len),
            None => self.state = State::Escalated,
        }
    }

    /// What rode goes over UDP again; returns whether there is any.
    fn recall(&mut self) -> bool {
        match &mut self.pieces {
            None => self.state == State::Escalated,
            Some(pieces) => {
                pieces.recall();
                pieces.has_lost()
            }
        }
    }
}
