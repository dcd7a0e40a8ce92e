//! What both synchronous faces tell, and in which order.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use biplane::{Channel, Client, Event, Planes, Protocol, Server};

use crate::support::{PATIENCE, Pair, joined, names, until};

const LINES: Channel<String> = Channel::command("lines");
const INPUTS: Channel<u32> = Channel::sequenced("inputs");

fn protocol() -> Protocol {
    Protocol::new("events", 1).channel(LINES).channel(INPUTS)
}

#[test]
fn joined_is_first_and_left_is_last_on_both_sides() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let client = Client::connect(server.link(), &protocol()).wait().unwrap();
    let (mut here, mut there) = (Vec::new(), Vec::new());
    until(|| {
        let _something = server.wait(Duration::from_millis(2));
        here.extend(server.events());
        there.extend(client.events());
        let is_up = |events: &[Event]| names(events).contains(&"planes");
        (is_up(&here) && is_up(&there)).then_some(())
    });
    client.session().close("enough");
    until(|| {
        let _something = server.wait(Duration::from_millis(2));
        here.extend(server.events());
        there.extend(client.events());
        (names(&here).contains(&"left") && names(&there).contains(&"left")).then_some(())
    });
    for events in [&here, &there] {
        assert_eq!(names(events).first(), Some(&"joined"));
        assert_eq!(names(events).last(), Some(&"left"));
        assert_eq!(names(events).iter().filter(|name| **name == "left").count(), 1);
    }
    let up = |events: &[Event]| {
        events.iter().any(|event| matches!(event, Event::Planes(_, Planes::Both)))
    };
    assert!(up(&here) && up(&there));
}

#[test]
fn readable_is_told_once_until_it_is_read_and_events_leave_it_out() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    pair.client.send(LINES, &"one".to_owned()).unwrap();
    pair.client.send(LINES, &"two".to_owned()).unwrap();
    let session = pair.session.clone();
    let event = pollster::block_on(pair.server.next());
    assert!(matches!(event, Some(Event::Readable(from)) if from == session));
    pair.until(|_| session.recv(LINES));
    pair.until(|_| session.recv(LINES));
    pair.client.send(LINES, &"three".to_owned()).unwrap();
    assert!(pair.server.wait(PATIENCE), "something can be read");
    assert!(!names(&pair.server.events().collect::<Vec<_>>()).contains(&"readable"));
    assert_eq!(pair.until(|_| session.recv(LINES)), "three");
}

#[test]
fn wait_says_false_when_nothing_comes() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    assert!(!pair.server.wait(Duration::from_millis(20)));
    assert!(!pair.client.wait(Duration::ZERO));
}

#[test]
fn wait_lets_what_is_queued_leave() {
    let pair = Pair::new(&protocol());
    pair.client.send(INPUTS, &1).unwrap();
    let _nothing = pair.client.wait(Duration::ZERO);
    assert_eq!(until(|| pair.session.recv(INPUTS)), 1);
}

#[test]
fn what_was_sent_leaves_without_a_flush() {
    let pair = Pair::new(&protocol());
    pair.client.send(INPUTS, &1).unwrap();
    assert_eq!(until(|| pair.session.recv(INPUTS)), 1);
}

#[test]
fn sessions_are_those_between_their_joined_and_their_left() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let clients: Vec<_> =
        (0..5).map(|_| Client::connect(server.link(), &protocol()).wait().unwrap()).collect();
    assert_eq!(server.sessions().len(), 0, "nobody was told of yet");
    let all: Vec<_> = (0..5).map(|_| joined(&server)).collect();
    let listed = server.sessions();
    assert!(listed.is_sorted_by_key(biplane::Session::id));
    let (listed, told): (HashSet<_>, HashSet<_>) =
        (listed.iter().cloned().collect(), all.iter().cloned().collect());
    assert_eq!(listed, told);
    drop(clients);
    until(|| {
        let _something = server.wait(Duration::from_millis(2));
        server.events().for_each(drop);
        server.sessions().is_empty().then_some(())
    });
}

#[test]
fn a_session_is_named_once_in_its_servers_life() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let mut ids = BTreeSet::new();
    for _ in 0..5 {
        let client = Client::connect(server.link(), &protocol()).wait().unwrap();
        let session = joined(&server);
        assert_eq!(session.to_string(), session.id().to_string());
        assert!(session.to_string().starts_with('s'));
        assert!(ids.insert(session.id()), "{session} again");
        drop(client);
    }
}

#[test]
fn handles_of_one_session_are_equal() {
    let mut pair = Pair::new(&protocol());
    pair.client.send(LINES, &"hi".to_owned()).unwrap();
    let from = pair.until(|pair| {
        let mut from = None;
        pair.server.drain(LINES, |session, _| from = Some(session.clone()));
        from
    });
    assert_eq!(from, pair.session);
    assert_eq!(pair.server.sessions().first(), Some(&from));
    assert_ne!(from, *pair.client.session(), "the two ends are two handles");
}

#[test]
fn what_came_before_the_end_is_still_read() {
    let mut pair = Pair::new(&protocol());
    for number in 0..3 {
        pair.client.send(LINES, &number.to_string()).unwrap();
    }
    pair.client.close("done").wait();
    pair.until_left();
    let mut lines = Vec::new();
    pair.server.drain(LINES, |_, line| lines.push(line));
    assert_eq!(lines, ["0", "1", "2"], "by drain, until events are asked for again");
    assert_eq!(pair.session.recv(LINES), None);

    let mut pair = Pair::new(&protocol());
    pair.client.send(LINES, &"last".to_owned()).unwrap();
    pair.client.close("done").wait();
    pair.until_left();
    pair.server.events().for_each(drop);
    assert_eq!(pair.session.recv(LINES).as_deref(), Some("last"), "by recv, for ever");
}

#[test]
fn figures_add_up() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    pair.client.send(INPUTS, &1).unwrap();
    let session = pair.session.clone();
    pair.until(|_| session.recv(INPUTS));
    assert_eq!(pair.client.stats().messages_sent, 1);
    assert_eq!(session.stats().messages_taken, 1);
    let stats = pair.server.stats();
    assert_eq!(stats.sessions.current, 1);
    assert_eq!(stats.sessions.admitted, 1);
    assert!(stats.datagrams.received > 0);
    assert_eq!(stats.panics, 0);
}
