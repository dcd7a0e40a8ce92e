//! Requests, and what becomes of them.

use super::*;

#[test]
fn requests_are_answered_refused_dropped_and_time_out() {
    let mut pair = Pair::joined();
    let ask = |pair: &mut Pair| {
        let deadline = Duration::from_secs(1);
        pair.client.session.request(pair.now, 1, payload("?"), deadline).unwrap()
    };
    let ids = [ask(&mut pair), ask(&mut pair), ask(&mut pair), ask(&mut pair)];
    pair.settle();
    let replies = [Reply::Answer(payload("!")), Reply::Refuse("no".into()), Reply::Unanswered];
    for (id, reply) in ids.into_iter().zip(replies) {
        pair.server.session.reply(pair.now, id, reply).unwrap();
    }
    pair.settle();
    pair.pass(Duration::from_secs(1));
    let answers: Vec<_> = core::iter::from_fn(|| pair.client.session.poll_answer())
        .map(|(answered, _)| answered.outcome)
        .collect();
    assert_eq!(
        answers,
        [
            Ok(payload("!")),
            Err(crate::RequestError::Refused { text: "no".into() }),
            Err(crate::RequestError::Unanswered),
            Err(crate::RequestError::TimedOut),
        ]
    );
}

#[test]
fn a_request_that_cannot_be_answered_any_more_frees_its_place() {
    let mut pair = Pair::joined();
    let now = pair.now;
    let id = pair.client.session.request(now, 1, payload("?"), Duration::from_secs(9)).unwrap();
    pair.settle();
    // Nothing leaves for the client, and the queue is full.
    let command =
        |pair: &mut Pair| pair.server.session.send(now, channel(COMMAND), Bytes::new()).is_ok();
    while command(&mut pair) {}
    let full = Err(SendError::QueueFull);
    assert_eq!(pair.server.session.reply(now, id, Reply::Answer(payload("!"))), full);
    assert_eq!(pair.server.session.reply(now, id, Reply::Unanswered), full);
    assert!(!pair.server.session.requests.owes(id), "nobody can answer it");
}

#[test]
fn a_long_command_lets_a_request_pass() {
    let mut pair = Pair::joined();
    pair.client.session.send(pair.now, channel(COMMAND), vec![7; 90_000].into()).unwrap();
    pair.client.session.request(pair.now, 0, payload("?"), Duration::from_secs(1)).unwrap();
    let now = pair.now;
    assert!(Pair::pipe(now, &mut pair.client.session, &mut pair.server.session));
    assert!(Pair::pipe(now, &mut pair.client.session, &mut pair.server.session));
    assert!(pair.server.events().iter().any(|event| matches!(event, Event::Called(_))));
    assert!(pair.server.take(now, COMMAND).is_empty(), "it is not whole yet");
    pair.settle();
    assert_eq!(pair.server.take(now, COMMAND), [Bytes::from(vec![7; 90_000])]);
}

#[test]
fn one_who_may_ask_nothing_more_is_told_when_half_of_the_places_are_free() {
    let mut pair = Pair::joined();
    let now = pair.now;
    let ask = |side: &mut Side, deadline| side.session.request(now, 1, payload("?"), deadline);
    let (soon, late) = (Duration::from_secs(1), Duration::from_secs(9));
    let half = limits::REQUESTS_OPEN / 2;
    let ids = [soon, late].map(|deadline| {
        let asked = (0..half).map(|_| ask(&mut pair.client, deadline).unwrap());
        asked.collect::<Vec<_>>()
    });
    pair.settle();
    pair.client.events();
    assert_eq!(ask(&mut pair.client, late), Err(SendError::QueueFull));
    for id in ids[1].iter().skip(1) {
        pair.server.session.reply(now, *id, Reply::Unanswered).unwrap();
    }
    pair.settle();
    assert!(!pair.client.events().contains(&Event::Writable));
    pair.server.session.reply(now, ids[1][0], Reply::Unanswered).unwrap();
    pair.settle();
    assert_eq!(pair.client.events(), [Event::Writable]);

    // The same where time has made room.
    for _ in 0..half {
        ask(&mut pair.client, late).unwrap();
    }
    assert_eq!(ask(&mut pair.client, late), Err(SendError::QueueFull));
    pair.pass(soon);
    assert_eq!(pair.client.events(), [Event::Writable]);
}
