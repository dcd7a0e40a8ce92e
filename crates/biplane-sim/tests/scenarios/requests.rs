//! A request is answered, refused, left unanswered, or times out: one of these, once.

use biplane_proto::{Answered, Call, Event, Reply, RequestError, SendError, limits};
use biplane_sim::Pair;
use biplane_wire::RequestId;
use bytes::Bytes;

use crate::tools::*;

fn call(scene: &mut Scene) -> Call {
    let mut calls = scene.events(SERVER).into_iter().filter_map(|event| match event {
        Event::Called(call) => Some(call),
        _ => None,
    });
    let call = calls.next().expect("a call");
    assert_eq!(calls.next(), None);
    call
}

/// Asks, lets the server reply when the call is there, and returns what came of it by then.
fn outcome(reply: Option<Reply>) -> Vec<Result<Bytes, RequestError>> {
    let mut scene = Scene::clean(1);
    let id = scene.request(CLIENT, 1, Bytes::from_static(b"who"), seconds(2)).unwrap();
    scene.run_for(ms(20));
    let call = call(&mut scene);
    assert_eq!((call.id, call.kind, &call.payload[..]), (id, 1, &b"who"[..]));
    if let Some(reply) = reply {
        assert_eq!(scene.reply(SERVER, id, reply), Ok(()));
        scene.run_for(ms(20));
    } else {
        assert_eq!(scene.take_answers(CLIENT), []);
        scene.run_for(ms(1_980));
    }
    let answers = scene.take_answers(CLIENT);
    assert!(answers.iter().all(|answered| answered.id == id));
    // Nothing comes of it later.
    scene.run_for(seconds(5));
    assert_eq!(scene.take_answers(CLIENT), []);
    answers.into_iter().map(|answered| answered.outcome).collect()
}

#[test]
fn an_answer_comes_one_round_trip_after_the_question() {
    let answer = Bytes::from_static(b"me");
    assert_eq!(outcome(Some(Reply::Answer(answer.clone()))), [Ok(answer)]);
}

#[test]
fn a_refusal_comes_with_its_words() {
    let refused = RequestError::Refused { text: "not now".into() };
    assert_eq!(outcome(Some(Reply::Refuse("not now".into()))), [Err(refused)]);
}

#[test]
fn a_request_that_is_let_go_is_unanswered() {
    assert_eq!(outcome(Some(Reply::Unanswered)), [Err(RequestError::Unanswered)]);
}

#[test]
fn without_a_reply_it_times_out_at_its_deadline() {
    assert_eq!(outcome(None), [Err(RequestError::TimedOut)]);
}

#[test]
fn a_reply_after_the_deadline_is_nothing() {
    let mut scene = Scene::clean(2);
    let id = scene.request(CLIENT, 0, Bytes::new(), ms(100)).unwrap();
    scene.run_for(ms(200));
    let timed_out = Answered { id, outcome: Err(RequestError::TimedOut) };
    assert_eq!(scene.take_answers(CLIENT), [timed_out]);
    scene.reply(SERVER, id, Reply::Answer(Bytes::new())).unwrap();
    scene.run_for(seconds(1));
    assert_eq!(scene.take_answers(CLIENT), []);
    assert!(!scene.session(CLIENT).is_closed());
}

#[test]
fn a_request_that_the_protocol_does_not_have_is_not_sent() {
    let mut scene = Scene::clean(3);
    let refused = scene.request(CLIENT, 2, Bytes::new(), seconds(1));
    assert_eq!(refused, Err(SendError::NotInProtocol));
}

#[test]
fn the_end_of_the_session_ends_requests_both_ways() {
    let mut scene = Scene::clean(4);
    let ids = Pair::SIDES.map(|side| scene.request(side, 0, Bytes::new(), seconds(60)).unwrap());
    scene.run_for(ms(100));
    scene.close(SERVER, "over");
    scene.run_for(seconds(2));
    for (side, id) in Pair::SIDES.into_iter().zip(ids) {
        let closed = Answered { id, outcome: Err(RequestError::Closed) };
        assert_eq!(scene.take_answers(side), [closed], "{side}");
    }
    assert_eq!(ids, [RequestId(0); 2]);
}

#[test]
fn two_hundred_and_fifty_six_requests_may_wait_for_their_replies() {
    let mut scene = Scene::clean(5);
    for _ in 0..limits::REQUESTS_OPEN {
        assert!(scene.request(CLIENT, 0, Bytes::new(), seconds(5)).is_ok());
    }
    let refused = scene.request(CLIENT, 0, Bytes::new(), seconds(5));
    assert_eq!(refused, Err(SendError::QueueFull));
    scene.run_for(seconds(6));
    assert_eq!(scene.take_answers(CLIENT).len(), limits::REQUESTS_OPEN);
    assert!(scene.request(CLIENT, 0, Bytes::new(), seconds(5)).is_ok());
}

#[test]
fn calls_that_nobody_takes_fill_a_megabyte_and_no_more() {
    let mut scene = Scene::clean(6);
    let question = Bytes::from(vec![0; 200_000]);
    let taken_in = limits::CALLS_BYTES / question.len();
    for _ in 0..8 {
        scene.request(CLIENT, 0, question.clone(), seconds(60)).unwrap();
        scene.run_for(seconds(1));
    }
    // What found no room was refused at once; what did waits for the application.
    let refused = scene.take_answers(CLIENT);
    assert_eq!(refused.len(), 8 - taken_in, "{refused:?}");
    let is_refusal =
        |answered: &Answered| matches!(answered.outcome, Err(RequestError::Refused { .. }));
    assert!(refused.iter().all(is_refusal), "{refused:?}");
    let calls = scene.events(SERVER).into_iter();
    assert_eq!(calls.filter(|event| matches!(event, Event::Called(_))).count(), taken_in);
}
