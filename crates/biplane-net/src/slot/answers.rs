//! Who waits for which answer.

use std::collections::BTreeMap;

use biplane_proto::{Answered, ReplyPlace, RequestError};
use biplane_wire::RequestId;
use bytes::Bytes;

use crate::{limits, locks::lock, sync::Mutex};

/// What becomes of a request.
pub(crate) type Outcome = Result<Bytes, RequestError>;
/// Who waits for it.
pub(crate) type Then = Box<dyn FnOnce(Outcome) + Send>;

/// Requests under way, those of who waits and those whose answer came before anybody did.
#[derive(Default)]
pub(crate) struct Answers(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: BTreeMap<u32, Then>,
    early: BTreeMap<u32, Outcome>,
    over: bool,
}

impl Answers {
    /// `then` is run once, by whoever brings the answer; at once if it is there.
    pub(crate) fn wait(&self, id: RequestId, then: Then) {
        if let Some((then, outcome)) = self.register(id, then) {
            then(outcome);
        }
    }

    fn register(&self, id: RequestId, then: Then) -> Option<(Then, Outcome)> {
        let mut state = lock(&self.0);
        if let Some(outcome) = state.early.remove(&id.0) {
            return Some((then, outcome));
        }
        if state.over {
            return Some((then, Err(RequestError::Closed)));
        }
        state.waiting.insert(id.0, then);
        None
    }

    /// Brings answers to those who wait. No lock of the caller's may be held. Returns what the session
    /// is to hear of it.
    pub(crate) fn bring(&self, answered: Vec<(Answered, ReplyPlace)>) -> Vec<ReplyPlace> {
        let tell = |(Answered { id, outcome }, told)| {
            let then = self.claim(id, outcome);
            if let Some((then, outcome)) = then {
                then(outcome);
            }
            told
        };
        answered.into_iter().map(tell).collect()
    }

    fn claim(&self, id: RequestId, outcome: Outcome) -> Option<(Then, Outcome)> {
        let mut state = lock(&self.0);
        if let Some(then) = state.waiting.remove(&id.0) {
            return Some((then, outcome));
        }
        state.early.insert(id.0, outcome);
        if state.early.len() > limits::EARLY_ANSWERS {
            state.early.pop_first();
        }
        None
    }

    /// Nothing will come any more.
    pub(crate) fn end(&self) {
        let waiting = {
            let mut state = lock(&self.0);
            state.over = true;
            core::mem::take(&mut state.waiting)
        };
        for then in waiting.into_values() {
            then(Err(RequestError::Closed));
        }
    }
}

impl core::fmt::Debug for Answers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = lock(&self.0);
        f.debug_struct("Answers")
            .field("waiting", &state.waiting.len())
            .field("early", &state.early.len())
            .finish()
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn answered(id: u32, text: &'static str) -> (Answered, ReplyPlace) {
        let outcome = Ok(Bytes::from_static(text.as_bytes()));
        (Answered { id: RequestId(id), outcome }, ReplyPlace::default())
    }

    fn note(into: &Arc<Mutex<Vec<Outcome>>>) -> Then {
        let into = Arc::clone(into);
        Box::new(move |outcome| into.lock().unwrap().push(outcome))
    }

    #[test]
    fn an_answer_finds_its_waiter_whichever_comes_first() {
        let (answers, got) = (Answers::default(), Arc::default());
        answers.wait(RequestId(1), note(&got));
        answers.bring(vec![answered(1, "late"), answered(2, "early")]);
        answers.wait(RequestId(2), note(&got));
        let got = got.lock().unwrap();
        assert_eq!(*got, [Ok(Bytes::from_static(b"late")), Ok(Bytes::from_static(b"early"))]);
    }

    #[test]
    fn the_end_of_a_session_answers_everybody() {
        let (answers, got) = (Answers::default(), Arc::default());
        answers.wait(RequestId(1), note(&got));
        answers.bring(vec![answered(2, "in time")]);
        answers.end();
        answers.wait(RequestId(2), note(&got));
        answers.wait(RequestId(3), note(&got));
        let closed = || Err(RequestError::Closed);
        assert_eq!(*got.lock().unwrap(), [closed(), Ok(Bytes::from_static(b"in time")), closed()]);
    }

    #[test]
    fn answers_nobody_asks_for_are_bounded() {
        let answers = Answers::default();
        for id in 0..2 * u32::try_from(limits::EARLY_ANSWERS).unwrap() {
            answers.bring(vec![answered(id, "")]);
        }
        assert_eq!(answers.0.lock().unwrap().early.len(), limits::EARLY_ANSWERS);
    }
}
