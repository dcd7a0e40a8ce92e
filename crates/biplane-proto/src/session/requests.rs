//! What is asked and answered: requests of either side, and the messages that wait for them.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{ReplyOutcome, RequestId};
use bytes::Bytes;

use super::Session;
use crate::{Answered, Content, ReplyPlace, SendError, control::Head, limits};

/// What a request is answered with.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// The answer.
    Answer(Bytes),
    /// The application refuses, with words of at most [`biplane_wire::limits::TEXT`] bytes.
    Refuse(Box<str>),
    /// The application let go of the request.
    Unanswered,
}

impl Session {
    /// Asks the peer; the answer comes by [`Session::poll_answer`], within `deadline` at the most.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is asked then.
    pub fn request(
        &mut self,
        now: Instant,
        kind: u8,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<RequestId, SendError> {
        let now = self.clock.clamp(now);
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        let id = self.requests.next(kind)?;
        self.control.queue(Head::Request(id, kind), Content::Shared(payload))?;
        self.requests.on_queued(id, now + deadline.min(limits::WAIT_MAX));
        self.settle(now);
        Ok(id)
    }

    /// Answers a [`crate::Call`]. A reply to what is not asked (any more) is nothing.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the call still waits then, unless the session is over or it was
    /// [`Reply::Unanswered`].
    pub fn reply(&mut self, now: Instant, id: RequestId, reply: Reply) -> Result<(), SendError> {
        let now = self.clock.clamp(now);
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        if !self.requests.owes(id) {
            return Ok(());
        }
        // Nobody is left who could answer it later: its place is free, whether the peer hears or not.
        let is_last = matches!(reply, Reply::Unanswered);
        let queued = self.queue_reply(id, reply);
        if queued.is_ok() || is_last {
            self.requests.on_replied(id);
            self.settle(now);
        }
        queued
    }

    pub(super) fn queue_reply(&mut self, id: RequestId, reply: Reply) -> Result<(), SendError> {
        let (outcome, payload) = match reply {
            Reply::Answer(payload) => (ReplyOutcome::Answered, payload),
            Reply::Refuse(text) => {
                let text = biplane_wire::clipped(&text, limits::TEXT);
                (ReplyOutcome::Refused, Bytes::copy_from_slice(text.as_bytes()))
            }
            Reply::Unanswered => (ReplyOutcome::Unanswered, Bytes::new()),
        };
        self.control.queue(Head::Reply(id, outcome), Content::Shared(payload))
    }

    /// Takes what became of a request of this side's. Messages that came after the reply wait until
    /// [`Session::on_answer_told`].
    pub fn poll_answer(&mut self) -> Option<(Answered, ReplyPlace)> {
        self.requests.poll_answer()
    }

    /// The application has the answer, or nobody waits for it.
    pub fn on_answer_told(&mut self, ReplyPlace(place): ReplyPlace) {
        self.on_place_taken(place);
    }

    /// The application took a request or reply, or nobody waits for it: messages may have waited for
    /// that.
    pub(super) fn on_place_taken(&mut self, place: Option<u64>) {
        if place.is_some_and(|place| self.channels.on_place_taken(place)) {
            self.outlook.readable();
        }
    }
}
