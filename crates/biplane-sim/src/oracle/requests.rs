//! The requests of one side: asked once, called once in order, answered once.

use std::collections::BTreeMap;

use biplane_proto::{Answered, Call};
use biplane_wire::RequestId;
use bytes::Bytes;

use crate::RequestBreach;

/// What one side asked, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Requests {
    asked: BTreeMap<RequestId, Asked>,
    /// The peer's application was called for, or refused, all before this one.
    next_call: u64,
    open: u64,
    /// In the order of the peer's application's answers.
    replied: Vec<RequestId>,
    /// All of those before this one have ended.
    heard: usize,
}

#[derive(Debug)]
struct Asked {
    /// Which of all it is; ids begin anew after the last.
    place: u64,
    kind: u8,
    payload: Bytes,
    /// What the peer's application answered.
    reply: Option<Bytes>,
    is_over: bool,
}

impl Requests {
    pub(super) fn ask(&mut self, id: RequestId, kind: u8, payload: Bytes) {
        self.open += 1;
        let place = self.asked();
        self.asked.insert(id, Asked { place, kind, payload, reply: None, is_over: false });
    }

    /// The peer's application was called.
    pub(super) fn call(&mut self, call: &Call) -> Result<(), RequestBreach> {
        let asked = self.asked.get(&call.id).ok_or(RequestBreach::Invented(call.id))?;
        if asked.kind != call.kind || asked.payload != call.payload {
            return Err(RequestBreach::Invented(call.id));
        }
        if asked.place < self.next_call {
            return Err(RequestBreach::OutOfTurn(call.id));
        }
        self.next_call = asked.place + 1;
        Ok(())
    }

    /// The peer's application answered.
    pub(super) fn reply(&mut self, id: RequestId, reply: Bytes) {
        if let Some(asked) = self.asked.get_mut(&id) {
            asked.reply = Some(reply);
            self.replied.push(id);
        }
    }

    /// A request ended.
    pub(super) fn end(&mut self, answered: &Answered) -> Result<(), RequestBreach> {
        let id = answered.id;
        let asked = self.asked.get_mut(&id).ok_or(RequestBreach::WrongAnswer(id))?;
        if asked.is_over {
            return Err(RequestBreach::AnsweredTwice(id));
        }
        asked.is_over = true;
        self.open -= 1;
        match &answered.outcome {
            Ok(bytes) if asked.reply.as_ref() == Some(bytes) => Ok(()),
            Ok(_) => Err(RequestBreach::WrongAnswer(id)),
            Err(error) => Err(RequestBreach::Unanswered(id, error.clone())),
        }
    }

    /// How many the peer's application answered.
    pub(super) fn replied(&self) -> usize {
        self.replied.len()
    }

    /// Whether the peer's application was called for all before this one.
    pub(super) const fn has_called(&self, place: u64) -> bool {
        self.next_call >= place
    }

    /// Whether the first `count` answers have come.
    pub(super) fn has_heard(&mut self, count: usize) -> bool {
        let is_over = |id| self.asked.get(id).is_some_and(|asked| asked.is_over);
        self.heard += self.replied.iter().skip(self.heard).take_while(|id| is_over(*id)).count();
        self.heard >= count
    }

    /// How many there were.
    pub(super) fn asked(&self) -> u64 {
        self.asked.len() as u64
    }

    /// How many have not ended.
    pub(super) const fn open(&self) -> u64 {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use biplane_proto::RequestError;

    use super::*;

    const ID: RequestId = RequestId(0);

    fn asked() -> Requests {
        let mut requests = Requests::default();
        requests.ask(ID, 1, Bytes::from_static(b"who"));
        requests
    }

    fn answer(outcome: Result<&'static [u8], RequestError>) -> Answered {
        Answered { id: ID, outcome: outcome.map(Bytes::from_static) }
    }

    fn call(id: RequestId, payload: &'static [u8]) -> Call {
        Call { id, kind: 1, payload: Bytes::from_static(payload) }
    }

    #[test]
    fn a_request_is_called_once_and_answered_once() {
        let mut requests = asked();
        assert_eq!(requests.call(&call(ID, b"who")), Ok(()));
        assert_eq!(requests.call(&call(ID, b"who")), Err(RequestBreach::OutOfTurn(ID)));
        requests.reply(ID, Bytes::from_static(b"me"));
        assert_eq!(requests.open(), 1);
        assert_eq!(requests.end(&answer(Ok(b"me"))), Ok(()));
        assert_eq!(requests.open(), 0);
        assert_eq!(requests.end(&answer(Ok(b"me"))), Err(RequestBreach::AnsweredTwice(ID)));
    }

    #[test]
    fn what_was_not_asked_or_answered_is_told() {
        let mut requests = asked();
        let other = RequestId(5);
        assert_eq!(requests.call(&call(other, b"who")), Err(RequestBreach::Invented(other)));
        assert_eq!(requests.call(&call(ID, b"why")), Err(RequestBreach::Invented(ID)));
        assert_eq!(requests.end(&answer(Ok(b"me"))), Err(RequestBreach::WrongAnswer(ID)));
        let timed_out = answer(Err(RequestError::TimedOut));
        assert_eq!(
            asked().end(&timed_out),
            Err(RequestBreach::Unanswered(ID, RequestError::TimedOut))
        );
    }
}
