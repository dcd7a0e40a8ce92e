//! A panic in an application's closure goes through with no lock held and no session harmed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use biplane::{Channel, Event, Protocol, Request, RequestError};
use serde::{Deserialize, Serialize};

use crate::support::{PATIENCE, Pair, until};

const NUMBERS: Channel<u32> = Channel::reliable_ordered("numbers");

#[derive(Debug, Serialize, Deserialize)]
struct Ask;

impl Request for Ask {
    const NAME: &'static str = "ask";
    type Reply = u32;
}

fn protocol() -> Protocol {
    Protocol::new("panics", 1).channel(NUMBERS).request::<Ask>()
}

#[test]
fn what_a_panicking_drain_did_not_get_is_still_there() {
    let mut pair = Pair::new(&protocol());
    for number in 0..10 {
        pair.client.send(NUMBERS, &number).unwrap();
    }
    let session = pair.session.clone();
    let mut seen = Vec::new();
    pair.until(|pair| {
        let drained = catch_unwind(AssertUnwindSafe(|| {
            pair.server.drain(NUMBERS, |_, number| {
                seen.push(number);
                assert_ne!(number % 3, 2, "now and then");
            });
        }));
        // What is left comes by either way, before what came later.
        if drained.is_err() {
            seen.extend(session.recv(NUMBERS));
        }
        (seen.len() == 10).then_some(())
    });
    assert!(seen.into_iter().eq(0..10));
}

#[test]
fn what_a_panicking_drain_left_behind_is_told_once_more() {
    let pair = Pair::new(&protocol());
    for number in 0..200 {
        pair.client.send(NUMBERS, &number).unwrap();
    }
    pair.client.flush();
    until(|| (pair.session.stats().untaken_messages == 200).then_some(()));
    let mut seen = Vec::new();
    for stumble in [3, 150, 199] {
        assert!(pair.server.wait(PATIENCE), "{} of 200", seen.len());
        let _none = pair.server.events().count();
        let drained = catch_unwind(AssertUnwindSafe(|| {
            pair.server.drain(NUMBERS, |_, number| {
                seen.push(number);
                assert_ne!(number, stumble);
            });
        }));
        assert!(drained.is_err());
    }
    assert!(seen.into_iter().eq(0..200));
}

#[test]
fn a_panicking_answer_leaves_its_request_unanswered() {
    let mut pair = Pair::new(&protocol());
    let mut pending = pair.client.request(&Ask);
    let call = pair.until(|pair| {
        pair.server_events.drain(..).find_map(|event| match event {
            Event::Called(call) => Some(call),
            _ => None,
        })
    });
    let answered = catch_unwind(AssertUnwindSafe(|| {
        call.answer(|_, _: Ask| panic!("an answer that panics")).ok();
    }));
    assert!(answered.is_err());
    assert_eq!(pair.until(|_| pending.try_take()), Err(RequestError::Unanswered));
    pair.client.send(NUMBERS, &1).unwrap();
    let session = pair.session.clone();
    assert_eq!(pair.until(|_| session.recv(NUMBERS)), 1, "the session lives");
}
