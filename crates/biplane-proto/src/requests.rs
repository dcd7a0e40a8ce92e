//! Requests both ways: which wait for a reply, and until when.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use biplane_wire::{ReplyOutcome, RequestId};
use bytes::Bytes;

use crate::{Answered, Call, RequestError, SendError, Violation, limits};

/// The place of a reply among all that came over the control connection, if one came.
#[derive(Debug, Default)]
pub struct ReplyPlace(pub(crate) Option<u64>);

/// The requests of one session.
#[derive(Debug)]
pub(crate) struct Requests {
    /// How many kinds the protocol has.
    kinds: usize,
    next: RequestId,
    /// This side's, with their deadlines.
    open: BTreeMap<RequestId, Instant>,
    /// Another was refused, for so many are open.
    refused: bool,
    answers: VecDeque<(Answered, ReplyPlace)>,
    /// The places of the peer's that the application has not taken.
    calls: BTreeMap<RequestId, u64>,
    /// The peer's that wait for a reply.
    owed: BTreeSet<RequestId>,
    /// Bytes of calls that the application has not taken.
    calls_bytes: usize,
    /// The peer's next.
    next_call: RequestId,
}

impl Requests {
    pub(crate) const fn new(kinds: usize) -> Self {
        Self {
            kinds,
            next: RequestId(0),
            open: BTreeMap::new(),
            refused: false,
            answers: VecDeque::new(),
            calls: BTreeMap::new(),
            owed: BTreeSet::new(),
            calls_bytes: 0,
            next_call: RequestId(0),
        }
    }

    pub(crate) const fn count_from(&mut self, first: RequestId) {
        self.next = first;
        self.next_call = first;
    }

    /// Checks that another request may be made, and names it.
    pub(crate) fn next(&mut self, kind: u8) -> Result<RequestId, SendError> {
        if usize::from(kind) >= self.kinds {
            return Err(SendError::NotInProtocol);
        }
        if self.open.len() >= limits::REQUESTS_OPEN {
            self.refused = true;
            return Err(SendError::QueueFull);
        }
        Ok(self.next)
    }

    /// Whether a request was refused and half as many are open now as may be; says so once.
    pub(crate) fn take_writable(&mut self) -> bool {
        let has_room = self.open.len() <= limits::REQUESTS_OPEN / 2;
        self.refused && has_room && core::mem::take(&mut self.refused)
    }

    /// The request that was named has been queued.
    pub(crate) fn on_queued(&mut self, id: RequestId, deadline: Instant) {
        self.next = RequestId(id.0.wrapping_add(1));
        self.open.insert(id, deadline);
    }

    /// The peer replied; `place` is the reply's. Returns whether somebody waits for it.
    pub(crate) fn handle_reply(
        &mut self,
        id: RequestId,
        outcome: ReplyOutcome,
        payload: Bytes,
        place: u64,
    ) -> bool {
        if self.open.remove(&id).is_none() {
            return false;
        }
        let outcome = match outcome {
            ReplyOutcome::Answered => Ok(payload),
            ReplyOutcome::Refused => {
                Err(RequestError::Refused { text: String::from_utf8_lossy(&payload).into() })
            }
            ReplyOutcome::Unanswered => Err(RequestError::Unanswered),
        };
        self.answers.push_back((Answered { id, outcome }, ReplyPlace(Some(place))));
        true
    }

    /// When the next request is overdue.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.open.values().min().copied()
    }

    /// Gives up what is overdue.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let answers = &mut self.answers;
        self.open.retain(|id, deadline| {
            let waits = *deadline > now;
            if !waits {
                let outcome = Err(RequestError::TimedOut);
                answers.push_back((Answered { id: *id, outcome }, ReplyPlace(None)));
            }
            waits
        });
    }

    /// The session is over: nothing will be answered.
    pub(crate) fn close(&mut self) {
        for (id, _) in core::mem::take(&mut self.open) {
            self.answers
                .push_back((Answered { id, outcome: Err(RequestError::Closed) }, ReplyPlace(None)));
        }
        self.owed.clear();
    }

    /// Takes the oldest answer, with the reply's place.
    pub(crate) fn poll_answer(&mut self) -> Option<(Answered, ReplyPlace)> {
        self.answers.pop_front()
    }

    /// The peer asks; `place` is the request's. `None` if so much waits for the application that it must
    /// be refused.
    pub(crate) fn handle_call(
        &mut self,
        id: RequestId,
        kind: u8,
        payload: Bytes,
        place: u64,
    ) -> Result<Option<Call>, Violation> {
        if usize::from(kind) >= self.kinds {
            return Err(Violation::UnknownRequest(kind));
        }
        if id != self.next_call {
            return Err(Violation::ControlOrder);
        }
        self.next_call = RequestId(id.0.wrapping_add(1));
        let full = self.owed.len() >= limits::REQUESTS_OPEN
            || self.calls_bytes + payload.len() > limits::CALLS_BYTES;
        if full {
            return Ok(None);
        }
        self.owed.insert(id);
        self.calls.insert(id, place);
        self.calls_bytes += payload.len();
        Ok(Some(Call { id, kind, payload }))
    }

    /// The application took a call, whose place is returned.
    pub(crate) fn on_call_taken(&mut self, call: &Call) -> Option<u64> {
        self.calls_bytes -= call.payload.len();
        self.calls.remove(&call.id)
    }

    /// Whether the peer waits for the reply to `id`.
    pub(crate) fn owes(&self, id: RequestId) -> bool {
        self.owed.contains(&id)
    }

    /// The reply to `id` has been queued.
    pub(crate) fn on_replied(&mut self, id: RequestId) {
        self.owed.remove(&id);
    }
}
