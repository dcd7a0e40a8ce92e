//! Messages that do not decode never reach the application, on any kind of channel.

use biplane::{Channel, CloseReason, Payload, Protocol, Violation};

use crate::support::{Pair, left};

const LINES: Channel<String> = Channel::command("lines");

/// A channel as the server has it, the same as the client has it, and whether it keeps promises.
struct Kind {
    here: Channel<String>,
    there: Channel<Payload>,
    reliable: bool,
}

const KINDS: [Kind; 5] = [
    Kind { here: Channel::command("x"), there: Channel::command("x"), reliable: true },
    Kind {
        here: Channel::reliable_ordered("x"),
        there: Channel::reliable_ordered("x"),
        reliable: true,
    },
    Kind {
        here: Channel::reliable_unordered("x"),
        there: Channel::reliable_unordered("x"),
        reliable: true,
    },
    Kind { here: Channel::sequenced("x"), there: Channel::sequenced("x"), reliable: false },
    Kind { here: Channel::unreliable("x"), there: Channel::unreliable("x"), reliable: false },
];

/// What the server gets of a bad message between two good ones.
fn received(kind: &Kind, by_drain: bool) -> (Vec<String>, Pair) {
    let here = Protocol::new("undecodable", 1).channel(kind.here).channel(LINES);
    let there = Protocol::new("undecodable", 1).channel(kind.there).channel(LINES);
    let mut pair = Pair::speaking(&here, &there);
    pair.until_both_planes();
    let mut received = Vec::new();
    let take = |pair: &Pair, received: &mut Vec<String>| {
        if by_drain {
            pair.server.drain(kind.here, |_, message| received.push(message));
        } else {
            received.extend(std::iter::from_fn(|| pair.session.recv(kind.here)));
        }
    };
    pair.client.send(kind.there, &Payload::from(b"\x04good".as_slice())).unwrap();
    pair.until(|pair| {
        take(pair, &mut received);
        (received.len() == 1).then_some(())
    });
    pair.client.send(kind.there, &Payload::from(b"\x04bad".as_slice())).unwrap();
    if kind.reliable {
        pair.until(|pair| {
            take(pair, &mut received);
            left(&pair.client_events)
        });
    } else {
        pair.until(|pair| {
            take(pair, &mut received);
            (pair.session.stats().messages_undecodable == 1).then_some(())
        });
        pair.client.send(kind.there, &Payload::from(b"\x04more".as_slice())).unwrap();
        pair.until(|pair| {
            take(pair, &mut received);
            (received.len() == 2).then_some(())
        });
    }
    (received, pair)
}

#[test]
fn a_bad_message_ends_its_session_where_every_message_counts() {
    for kind in KINDS.iter().filter(|kind| kind.reliable) {
        for by_drain in [true, false] {
            let (received, mut pair) = received(kind, by_drain);
            assert_eq!(received, ["good"], "{:?}", kind.here);
            let reason = pair.until_left();
            let violation = Violation::Undecodable(channel_id(&reason));
            assert_eq!(reason, CloseReason::Violation(violation), "{:?}", kind.here);
            let accused = pair.until(|pair| left(&pair.client_events));
            assert!(matches!(accused, CloseReason::Accused { .. }), "{accused}");
        }
    }
}

fn channel_id(reason: &CloseReason) -> biplane_wire::ChannelId {
    match reason {
        CloseReason::Violation(Violation::Undecodable(id)) => *id,
        other => panic!("{other}"),
    }
}

#[test]
fn a_bad_message_is_counted_where_messages_may_be_lost() {
    for kind in KINDS.iter().filter(|kind| !kind.reliable) {
        for by_drain in [true, false] {
            let (received, pair) = received(kind, by_drain);
            assert_eq!(received, ["good", "more"], "{:?}", kind.here);
            assert!(pair.client.send(LINES, &"the session lives".to_owned()).is_ok());
        }
    }
}

#[test]
fn what_follows_a_bad_message_on_its_channel_is_not_seen() {
    let kind = &KINDS[1];
    let here = Protocol::new("undecodable", 1).channel(kind.here).channel(LINES);
    let there = Protocol::new("undecodable", 1).channel(kind.there).channel(LINES);
    for by_drain in [true, false] {
        let mut pair = Pair::speaking(&here, &there);
        pair.until_both_planes();
        for bytes in [b"\x04one ".as_slice(), b"\x09two", b"\x05three"] {
            pair.client.send(kind.there, &Payload::from(bytes)).unwrap();
        }
        pair.client.send(LINES, &"another channel".to_owned()).unwrap();
        let before = pair.client.stats().packets_sent;
        pair.client.flush();
        pair.until(|pair| {
            let stats = pair.client.stats();
            (stats.packets_sent > before && stats.bytes_in_flight == 0).then_some(())
        });
        let mut received = Vec::new();
        pair.until(|pair| {
            if by_drain {
                pair.server.drain(kind.here, |_, message| received.push(message));
            } else {
                received.extend(std::iter::from_fn(|| pair.session.recv(kind.here)));
            }
            left(&pair.server_events)
        });
        assert_eq!(received, ["one "]);
    }
}

#[test]
fn one_sessions_bad_message_is_not_anothers_trouble() {
    let kind = &KINDS[0];
    let here = Protocol::new("undecodable", 1).channel(kind.here).channel(LINES);
    let there = Protocol::new("undecodable", 1).channel(kind.there).channel(LINES);
    let mut pair = Pair::speaking(&here, &there);
    let other = biplane::Client::connect(pair.server.link(), &there).wait().unwrap();
    other.send(kind.there, &Payload::from(b"\x04good".as_slice())).unwrap();
    pair.client.send(kind.there, &Payload::from(b"\xff".as_slice())).unwrap();
    let mut received = Vec::new();
    pair.until(|pair| {
        pair.server.drain(kind.here, |_, message| received.push(message));
        left(&pair.client_events)
    });
    pair.until(|pair| {
        pair.server.drain(kind.here, |_, message| received.push(message));
        (received == ["good"]).then_some(())
    });
    assert!(other.send(LINES, &"fine".to_owned()).is_ok());
}
