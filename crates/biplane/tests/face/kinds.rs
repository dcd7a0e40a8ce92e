//! Messages of every kind, both ways, of every sort of type.

use std::borrow::Cow;

use biplane::{Channel, Payload, Protocol, SendError};
use serde::{Deserialize, Serialize};

use crate::support::Pair;

const COMMAND: Channel<String> = Channel::command("command");
const ORDERED: Channel<(u32, String)> = Channel::reliable_ordered("ordered");
const UNORDERED: Channel<u32> = Channel::reliable_unordered("unordered");
const SEQUENCED: Channel<Vec<i16>> = Channel::sequenced("sequenced");
const UNRELIABLE: Channel<Option<bool>> = Channel::unreliable("unreliable");
const OPAQUE: Channel<Payload> = Channel::unreliable("opaque");
const SNAPSHOTS: Channel<Snapshot<'static>> = Channel::unreliable("snapshots");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Player {
    x: f32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Snapshot<'a> {
    tick: u32,
    players: Cow<'a, [Player]>,
}

fn protocol() -> Protocol {
    Protocol::new("kinds", 1)
        .channel(COMMAND)
        .channel(ORDERED)
        .channel(UNORDERED)
        .channel(SEQUENCED)
        .channel(UNRELIABLE)
        .channel(OPAQUE)
        .channel(SNAPSHOTS)
}

#[test]
fn a_message_of_every_kind_arrives_both_ways() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    for from_client in [true, false] {
        let (one, other) = if from_client {
            (pair.client.session().clone(), pair.session.clone())
        } else {
            (pair.session.clone(), pair.client.session().clone())
        };
        one.send(COMMAND, &"hello".to_owned()).unwrap();
        one.send(ORDERED, &(1, "one".to_owned())).unwrap();
        one.send(UNORDERED, &7).unwrap();
        one.send(SEQUENCED, &vec![-1, 300]).unwrap();
        one.send(UNRELIABLE, &Some(true)).unwrap();
        assert_eq!(pair.until(|_| other.recv(COMMAND)), "hello");
        assert_eq!(pair.until(|_| other.recv(ORDERED)), (1, "one".to_owned()));
        assert_eq!(pair.until(|_| other.recv(UNORDERED)), 7);
        assert_eq!(pair.until(|_| other.recv(SEQUENCED)), [-1, 300]);
        assert_eq!(pair.until(|_| other.recv(UNRELIABLE)), Some(true));
    }
}

#[test]
fn opaque_bytes_arrive_as_they_are() {
    let mut pair = Pair::new(&protocol());
    let bytes = Payload::from(vec![0, 255, 0]);
    pair.client.send(OPAQUE, &bytes).unwrap();
    let session = pair.session.clone();
    assert_eq!(pair.until(|_| session.recv(OPAQUE)), bytes);
}

#[test]
fn opaque_bytes_are_sent_and_read_where_they_are() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    let sent = [&b"short"[..], &[7; 1_400], &[9; 5_000]];
    for bytes in sent {
        pair.client.send_bytes(OPAQUE, bytes).unwrap();
        pair.session.send_bytes(OPAQUE, bytes).unwrap();
    }
    let error = pair.client.send_bytes(OPAQUE, &[0; 17_000]);
    assert!(matches!(error, Err(SendError::TooLarge { limit: 16_384 })), "{error:?}");
    let (mut up, mut down) = (Vec::new(), Vec::new());
    pair.until(|pair| {
        pair.client.flush();
        pair.server.flush();
        pair.server.drain_bytes(OPAQUE, |_, bytes| up.push(bytes.to_vec()));
        pair.client.drain_bytes(OPAQUE, |bytes| down.push(bytes.to_vec()));
        (up.len() == 3 && down.len() == 3).then_some(())
    });
    // Long ones come when all of their pieces have.
    for mut come in [up, down] {
        come.sort_by_key(Vec::len);
        assert_eq!(come, sent);
    }
}

#[test]
fn what_is_sent_may_borrow() {
    let mut pair = Pair::new(&protocol());
    let world = vec![Player { x: 1.5 }, Player { x: -2.0 }];
    let snapshot = Snapshot { tick: 3, players: Cow::Borrowed(&world) };
    pair.session.send(SNAPSHOTS, &snapshot).unwrap();
    let sent = pair.server.broadcast([&pair.session], SNAPSHOTS, &snapshot);
    assert_eq!(sent, 1);
    let client = pair.client.session().clone();
    let received = pair.until(|_| client.recv(SNAPSHOTS));
    assert_eq!(received, snapshot);
}

#[test]
fn drain_takes_a_whole_batch_in_order() {
    let mut pair = Pair::new(&protocol());
    for number in 0..500 {
        pair.client.send(ORDERED, &(number, String::new())).unwrap();
    }
    let mut numbers = Vec::new();
    pair.until(|pair| {
        let session = &pair.session;
        pair.server.drain(ORDERED, |from, (number, _)| {
            assert_eq!(from, session);
            numbers.push(number);
        });
        (numbers.len() == 500).then_some(())
    });
    assert!(numbers.into_iter().eq(0..500));
}

#[test]
fn a_client_drains_too() {
    let mut pair = Pair::new(&protocol());
    for number in 0..10 {
        pair.session.send(UNORDERED, &number).unwrap();
    }
    let mut numbers = Vec::new();
    pair.until(|pair| {
        pair.client.drain(UNORDERED, |number| numbers.push(number));
        (numbers.len() == 10).then_some(())
    });
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..10));
}

#[test]
fn commands_keep_their_order_over_all_command_channels_and_sizes() {
    let mut pair = Pair::new(&protocol());
    let lines: Vec<String> = (0..30).map(|number| format!("{number}").repeat(4_000)).collect();
    for line in &lines {
        pair.client.send(COMMAND, line).unwrap();
    }
    let mut received = Vec::new();
    let session = pair.session.clone();
    pair.until(|_| {
        received.extend(std::iter::from_fn(|| session.recv(COMMAND)));
        (received.len() == lines.len()).then_some(())
    });
    assert_eq!(received, lines);
}
