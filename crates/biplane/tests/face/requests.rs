//! Requests, either way, and each way they end.

use std::{thread, time::Duration};

use biplane::{
    Call, Channel, CloseReason, Event, Pending, Protocol, Request, RequestError, SendError,
};
use serde::{Deserialize, Serialize};

use crate::support::{Pair, left};

const LINES: Channel<String> = Channel::command("lines");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Join {
    room: String,
}

impl Request for Join {
    const NAME: &'static str = "join";
    type Reply = Result<u32, String>;
}

#[derive(Debug, Serialize, Deserialize)]
struct List;

impl Request for List {
    const NAME: &'static str = "list";
    type Reply = Vec<String>;
}

#[derive(Debug, Serialize, Deserialize)]
struct Unknown;

impl Request for Unknown {
    const NAME: &'static str = "unknown";
    type Reply = ();
}

fn protocol() -> Protocol {
    Protocol::new("requests", 1).channel(LINES).request::<Join>().request::<List>()
}

fn join() -> Join {
    Join { room: "red".into() }
}

/// The next call that one side was told of.
fn called(events: &mut Vec<Event>) -> Option<Call> {
    let place = events.iter().position(|event| matches!(event, Event::Called(_)))?;
    match events.remove(place) {
        Event::Called(call) => Some(call),
        _ => None,
    }
}

fn call(pair: &mut Pair) -> Call {
    pair.until(|pair| called(&mut pair.server_events))
}

fn answer<T>(pair: &mut Pair, mut pending: Pending<T>) -> T
where
    T: 'static,
{
    pair.until(|_| pending.try_take())
}

#[test]
fn a_client_asks_and_the_server_answers() {
    let mut pair = Pair::new(&protocol());
    let pending = pair.client.request(&join());
    let call = call(&mut pair);
    assert_eq!((call.name(), call.session()), ("join", &pair.session));
    call.answer(|session, join: Join| {
        assert_eq!(join.room, "red");
        assert!(session.to_string().starts_with('s'));
        Ok(7)
    })
    .unwrap();
    assert_eq!(answer(&mut pair, pending), Ok(Ok(7)));
}

#[test]
fn a_server_asks_and_the_client_answers() {
    let mut pair = Pair::new(&protocol());
    let pending = pair.session.request(&List);
    let call = pair.until(|pair| called(&mut pair.client_events));
    call.answer(|_, _: List| vec!["red".to_owned()]).unwrap();
    assert_eq!(answer(&mut pair, pending), Ok(vec!["red".to_owned()]));
}

#[test]
fn another_kind_comes_back_for_the_next_to_try() {
    let mut pair = Pair::new(&protocol());
    let pending = pair.client.request(&List);
    call(&mut pair)
        .answer(|_, _: Join| Ok(0))
        .or_else(|call| call.answer(|_, _: List| vec!["blue".to_owned()]))
        .unwrap_or_else(|call| call.refuse("unknown request"));
    assert_eq!(answer(&mut pair, pending), Ok(vec!["blue".to_owned()]));
}

#[test]
fn an_answer_may_come_later_from_another_thread() {
    let mut pair = Pair::new(&protocol());
    let pending = pair.client.request(&join());
    let (join, reply) = call(&mut pair).take::<Join>().unwrap();
    assert_eq!(join.room, "red");
    thread::spawn(move || reply.send(&Err("full".to_owned())).unwrap()).join().unwrap();
    assert_eq!(answer(&mut pair, pending), Ok(Err("full".to_owned())));
}

#[test]
fn a_refusal_brings_its_words() {
    let mut pair = Pair::new(&protocol());
    let (one, two) = (pair.client.request(&join()), pair.client.request(&join()));
    call(&mut pair).refuse("not now");
    call(&mut pair).take::<Join>().unwrap().1.refuse("nor then");
    let refused = |text: &str| Err(RequestError::Refused { text: text.into() });
    assert_eq!(answer(&mut pair, one), refused("not now"));
    assert_eq!(answer(&mut pair, two), refused("nor then"));
}

#[test]
fn what_is_dropped_is_unanswered() {
    let mut pair = Pair::new(&protocol());
    let (one, two) = (pair.client.request(&join()), pair.client.request(&join()));
    drop(call(&mut pair));
    drop(call(&mut pair).take::<Join>().unwrap());
    assert_eq!(answer(&mut pair, one), Err(RequestError::Unanswered));
    assert_eq!(answer(&mut pair, two), Err(RequestError::Unanswered));
}

#[test]
fn a_deadline_ends_the_waiting() {
    let mut pair = Pair::new(&protocol());
    let pending = pair.client.request_within(&join(), Duration::from_millis(30));
    let call = call(&mut pair);
    assert_eq!(answer(&mut pair, pending), Err(RequestError::TimedOut));
    call.answer(|_, _: Join| Ok(1)).unwrap();
    let pending = pair.client.request(&List);
    let call = self::call(&mut pair);
    call.answer(|_, _: List| Vec::new()).unwrap();
    assert_eq!(answer(&mut pair, pending), Ok(Vec::new()), "the late answer disturbs nobody");
}

#[test]
fn the_end_of_the_session_ends_the_waiting() {
    let mut pair = Pair::new(&protocol());
    let pending = pair.client.request(&join());
    let call = call(&mut pair);
    pair.session.close("enough");
    assert_eq!(answer(&mut pair, pending), Err(RequestError::Closed));
    let (_, reply) = call.take::<Join>().unwrap();
    assert_eq!(reply.send(&Ok(1)), Err(SendError::Closed));
    let closed = Err(RequestError::NotSent(SendError::Closed));
    assert_eq!(pair.session.request(&List).wait(), closed);
}

#[test]
fn what_the_protocol_lacks_is_not_sent() {
    let pair = Pair::new(&protocol());
    let outcome = pair.client.request(&Unknown).wait();
    assert_eq!(outcome, Err(RequestError::NotSent(SendError::NotInProtocol)));
}

#[test]
fn a_request_or_an_answer_too_long_is_not_sent() {
    let mut pair = Pair::new(&protocol());
    let long = "x".repeat(300_000);
    let outcome = pair.client.request(&Join { room: long.clone() }).wait();
    let too_large = SendError::TooLarge { limit: 262_144 };
    assert_eq!(outcome, Err(RequestError::NotSent(too_large)));
    let pending = pair.client.request(&join());
    let (_, reply) = call(&mut pair).take::<Join>().unwrap();
    assert_eq!(reply.send(&Err(long)), Err(too_large));
    reply.send(&Err("in short".into())).unwrap();
    drop(reply);
    assert_eq!(answer(&mut pair, pending), Ok(Err("in short".into())));
}

#[test]
fn an_answer_nobody_waits_for_disturbs_nobody() {
    let mut pair = Pair::new(&protocol());
    drop(pair.client.request(&join()));
    call(&mut pair).answer(|_, _: Join| Ok(1)).unwrap();
    let pending = pair.client.request(&List);
    call(&mut pair).answer(|_, _: List| Vec::new()).unwrap();
    assert_eq!(answer(&mut pair, pending), Ok(Vec::new()));
}

#[test]
fn many_requests_at_a_time_find_their_answers() {
    let mut pair = Pair::new(&protocol());
    let asked: Vec<_> = (0..100)
        .map(|number: u32| pair.client.request(&Join { room: number.to_string() }))
        .collect();
    let mut calls: Vec<_> = (0..100).map(|_| call(&mut pair)).collect();
    calls.reverse();
    for call in calls {
        call.answer(|_, join: Join| Ok(join.room.parse().unwrap())).unwrap();
    }
    for (number, pending) in (0..).zip(asked) {
        assert_eq!(answer(&mut pair, pending), Ok(Ok(number)));
    }
}

/// Another program's idea of the same request.
#[derive(Debug, Serialize, Deserialize)]
struct Nonsense(u8);

impl Request for Nonsense {
    const NAME: &'static str = "list";
    type Reply = u8;
}

/// The same, the answer alone.
#[derive(Debug, Serialize, Deserialize)]
struct Misread;

impl Request for Misread {
    const NAME: &'static str = "list";
    type Reply = Vec<bool>;
}

#[test]
fn a_request_that_does_not_decode_ends_its_session() {
    let there = Protocol::new("requests", 1).channel(LINES).request::<Join>();
    let there = there.request::<Nonsense>();
    let mut pair = Pair::speaking(&protocol(), &there);
    let pending = pair.client.request(&Nonsense(9));
    let call = call(&mut pair).answer(|_, _: List| Vec::new()).unwrap_err();
    call.refuse("too late");
    assert_eq!(answer(&mut pair, pending), Err(RequestError::Closed));
    assert!(matches!(pair.until_left(), CloseReason::Violation(_)));
    let reason = pair.until(|pair| left(&pair.client_events));
    assert!(matches!(reason, CloseReason::Accused { .. }));
}

#[test]
fn an_answer_that_does_not_decode_ends_its_session() {
    let there = Protocol::new("requests", 1).channel(LINES).request::<Join>();
    let there = there.request::<Misread>();
    let mut pair = Pair::speaking(&protocol(), &there);
    let pending = pair.client.request(&Misread);
    call(&mut pair).answer(|_, _: List| vec!["red".to_owned()]).unwrap();
    assert_eq!(answer(&mut pair, pending), Err(RequestError::Undecodable));
    assert!(matches!(pair.until_left(), CloseReason::Accused { .. }));
}
