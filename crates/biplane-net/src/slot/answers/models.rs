//! Whoever waits for an answer hears of it once, whichever comes first.

use std::sync::Arc;

use super::*;
use crate::sync::explore::{every_order, together};

/// What was heard, in the order in which it came.
type Heard = Arc<std::sync::Mutex<Vec<Outcome>>>;

/// Asked, answered and ended at once, the last as `end` does.
fn model(end: fn(&Answers)) {
    every_order(move || {
        let (answers, heard) = (Arc::new(Answers::default()), Heard::default());
        let [asker, bringer, ender] = [(); 3].map(|()| Arc::clone(&answers));
        let into = Arc::clone(&heard);
        let then: Then = Box::new(move |outcome| into.lock().unwrap().push(outcome));
        let answered = Answered { id: RequestId(1), outcome: Ok(Bytes::from_static(b"yes")) };
        together([
            Box::new(move || asker.wait(RequestId(1), then)),
            Box::new(move || drop(bringer.bring(vec![(answered, ReplyPlace::default())]))),
            Box::new(move || end(&ender)),
        ]);
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 1, "heard {heard:?}");
        let yes = heard[0].as_ref().is_ok_and(|bytes| &**bytes == b"yes");
        assert!(yes || heard[0] == Err(RequestError::Closed));
    });
}

#[test]
fn an_answer_and_an_end_are_heard_of_once() {
    model(Answers::end);
}

#[test]
fn an_answer_without_an_end_is_heard() {
    every_order(|| {
        let (answers, heard) = (Arc::new(Answers::default()), Heard::default());
        let (asker, into) = (Arc::clone(&answers), Arc::clone(&heard));
        let then: Then = Box::new(move |outcome| into.lock().unwrap().push(outcome));
        let answered = Answered { id: RequestId(1), outcome: Ok(Bytes::new()) };
        together([
            Box::new(move || asker.wait(RequestId(1), then)),
            Box::new(move || drop(answers.bring(vec![(answered, ReplyPlace::default())]))),
        ]);
        assert_eq!(*heard.lock().unwrap(), [Ok(Bytes::new())]);
    });
}

#[test]
#[should_panic(expected = "heard []")]
fn canary_an_end_that_nobody_can_tell_afterwards() {
    // The answer is lost with it, as when a session ends before its answer is read.
    every_order(|| {
        let (answers, heard) = (Arc::new(Answers::default()), Heard::default());
        let (asker, into) = (Arc::clone(&answers), Arc::clone(&heard));
        let then: Then = Box::new(move |outcome| into.lock().unwrap().push(outcome));
        together([
            Box::new(move || asker.wait(RequestId(1), then)),
            Box::new(move || {
                let waiting = core::mem::take(&mut lock(&answers.0).waiting);
                waiting.into_values().for_each(|then| then(Err(RequestError::Closed)));
            }),
        ]);
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 1, "heard {heard:?}");
    });
}
