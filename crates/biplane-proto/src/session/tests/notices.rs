//! Delivery notices: one a message, and `Delivered` for what was taken alone.

use super::*;
use crate::{Notice, SendOptions};

const ALL: [u8; 5] = [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE];
const RELIABLE: [u8; 3] = [COMMAND, ORDERED, UNORDERED];

/// A pair whose channels all offer notices.
fn noted() -> Pair {
    Pair::joined_with(|channel| channel.notify = true)
}

fn try_send(pair: &mut Pair, id: u8, len: usize, token: u64) -> Result<(), SendError> {
    let how = SendOptions { notice: Some(token), ..SendOptions::default() };
    let sent = pair.client.session.send_with(pair.now, channel(id), vec![id; len].into(), how);
    pair.client.session.flush(pair.now);
    sent
}

fn send(pair: &mut Pair, id: u8, token: u64) {
    try_send(pair, id, 20, token).unwrap();
}

fn notices(side: &mut Side) -> Vec<(u64, Notice)> {
    let events = side.events().into_iter();
    events
        .filter_map(|e| if let Event::Noted(token, n) = e { Some((token, n)) } else { None })
        .collect()
}

/// What is told within a tenth of a second.
fn soon(pair: &mut Pair) -> Vec<(u64, Notice)> {
    for _ in 0..10 {
        pair.pass(Duration::from_millis(10));
    }
    notices(&mut pair.client)
}

#[test]
fn delivered_is_told_when_the_application_took_it_and_once() {
    let mut pair = noted();
    for id in ALL {
        send(&mut pair, id, u64::from(id));
    }
    assert_eq!(soon(&mut pair), [], "all have arrived, and none was taken");
    for id in ALL {
        assert_eq!(pair.server.take(pair.now, id).len(), 1);
        assert_eq!(soon(&mut pair), [(u64::from(id), Notice::Delivered)]);
    }
    pair.pass(limits::NOTICE_PATIENCE);
    assert_eq!(soon(&mut pair), []);
    assert_eq!(pair.client.session.stats().delivery.noted, 5);
}

#[test]
fn a_long_message_is_told_of_once() {
    let mut pair = noted();
    for id in [UNORDERED, SEQUENCED, UNRELIABLE] {
        try_send(&mut pair, id, 10_000, u64::from(id)).unwrap();
    }
    assert_eq!(soon(&mut pair), []);
    for id in [UNORDERED, SEQUENCED, UNRELIABLE] {
        assert_eq!(pair.server.take(pair.now, id).len(), 1);
        assert_eq!(soon(&mut pair), [(u64::from(id), Notice::Delivered)]);
    }
}

#[test]
fn what_goes_once_is_lost_with_its_packet_and_what_is_reliable_is_not() {
    let mut pair = noted();
    for id in [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        send(&mut pair, id, u64::from(id));
    }
    assert!(!pair.client.packets(pair.now).is_empty(), "they are dropped here");
    let mut told = Vec::new();
    for _ in 0..100 {
        told.extend(soon(&mut pair));
    }
    let lost = [SEQUENCED, UNRELIABLE].map(|id| (u64::from(id), Notice::Lost));
    assert_eq!(told, lost);
    for id in [ORDERED, UNORDERED] {
        assert_eq!(pair.server.take(pair.now, id).len(), 1);
        assert_eq!(soon(&mut pair), [(u64::from(id), Notice::Delivered)]);
    }
}

#[test]
fn what_the_application_does_not_take_is_lost_in_the_end_where_it_may_be() {
    let mut pair = noted();
    for id in ALL {
        send(&mut pair, id, u64::from(id));
    }
    pair.settle();
    assert_eq!(soon(&mut pair), []);
    pair.pass(limits::NOTICE_PATIENCE);
    let lost = [SEQUENCED, UNRELIABLE].map(|id| (u64::from(id), Notice::Lost));
    assert_eq!(soon(&mut pair), lost);
    for id in ALL {
        pair.server.take(pair.now, id);
    }
    let mut delivered = soon(&mut pair);
    delivered.sort_unstable_by_key(|(token, _)| *token);
    assert_eq!(delivered, RELIABLE.map(|id| (u64::from(id), Notice::Delivered)));
}

#[test]
fn a_report_that_is_lost_comes_again() {
    let mut pair = noted();
    send(&mut pair, UNORDERED, 7);
    pair.settle();
    pair.server.take(pair.now, UNORDERED);
    pair.now += limits::TAKEN_DELAY;
    pair.server.session.handle_timeout(pair.now);
    assert!(!pair.server.packets(pair.now).is_empty(), "the report is dropped here");
    let mut told = Vec::new();
    for _ in 0..20 {
        told.extend(soon(&mut pair));
    }
    assert_eq!(told, [(7, Notice::Delivered)]);
}

#[test]
fn reports_ride_tcp_while_udp_does_not_carry_them() {
    let mut pair = Pair::with(false, |channel| channel.notify = true);
    for id in ALL {
        send(&mut pair, id, u64::from(id));
    }
    let mut told = Vec::new();
    for _ in 0..20 {
        pair.now += Duration::from_millis(10);
        for side in [&mut pair.client, &mut pair.server] {
            side.session.handle_timeout(pair.now);
        }
        Pair::pipe(pair.now, &mut pair.client.session, &mut pair.server.session);
        for id in ALL {
            pair.server.take(pair.now, id);
        }
        Pair::pipe(pair.now, &mut pair.server.session, &mut pair.client.session);
        told.extend(notices(&mut pair.client));
    }
    assert_eq!(told, ALL.map(|id| (u64::from(id), Notice::Delivered)));
}

#[test]
fn what_never_leaves_says_why() {
    let mut pair = Pair::with(false, |channel| {
        channel.notify = true;
        let lives =
            channel.kind != ChannelKind::ReliableOrdered && channel.kind != ChannelKind::Command;
        channel.lifetime = lives.then_some(Duration::from_millis(50));
    });
    for token in [1, 2] {
        send(&mut pair, SEQUENCED, token);
    }
    send(&mut pair, UNRELIABLE, 3);
    let session = &mut pair.client.session;
    // The tunnel is full: what goes over TCP waits.
    while session.poll_control(pair.now, &mut Vec::new()) {}
    for id in [UNRELIABLE, UNRELIABLE] {
        session.send(pair.now, channel(id), vec![0; 16_000].into()).unwrap();
        session.flush(pair.now);
        while session.poll_control(pair.now, &mut Vec::new()) {}
    }
    notices(&mut pair.client);
    for (id, token) in [(SEQUENCED, 4), (SEQUENCED, 5), (UNORDERED, 6)] {
        send(&mut pair, id, token);
    }
    assert_eq!(notices(&mut pair.client), [(4, Notice::Superseded)]);
    pair.now += Duration::from_millis(100);
    for _ in 0..100 {
        pair.settle();
        pair.pass(Duration::from_millis(10));
    }
    let told = notices(&mut pair.client);
    for token in [5, 6] {
        assert!(told.contains(&(token, Notice::Expired)), "{told:?}");
    }
}

#[test]
fn the_end_of_the_session_loses_what_is_open_and_comes_after() {
    let mut pair = noted();
    for (id, token) in [(COMMAND, 1), (UNORDERED, 2), (UNRELIABLE, 3)] {
        send(&mut pair, id, token);
    }
    pair.settle();
    // This one is on its way out.
    send(&mut pair, ORDERED, 4);
    pair.client.session.close(pair.now, "bye");
    let mut events = pair.client.events();
    let left = Event::Left(CloseReason::ClosedHere { text: "bye".into() });
    assert_eq!(events.pop(), Some(left));
    let lost = [1, 2, 3, 4].map(|token| Event::Noted(token, Notice::Lost));
    events.retain(|event| matches!(event, Event::Noted(..)));
    assert_eq!(events, lost);
    pair.server.take(pair.now, UNORDERED);
    assert_eq!(soon(&mut pair), []);
}

#[test]
fn the_last_words_are_told_of_before_the_end() {
    let mut pair = noted();
    send(&mut pair, COMMAND, 1);
    pair.settle();
    assert_eq!(pair.server.take(pair.now, COMMAND).len(), 1);
    pair.server.session.close(pair.now, "that is all");
    pair.settle();
    let events = pair.client.events();
    let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let told = place(|event| *event == Event::Noted(1, Notice::Delivered));
    assert!(told < place(|event| matches!(event, Event::Left(_))));
}

#[test]
fn a_channel_without_notices_offers_none() {
    let mut pair = Pair::joined();
    for id in ALL {
        let sent = try_send(&mut pair, id, 1, 1);
        assert_eq!(sent, Err(SendError::NotOffered), "channel {id}");
    }
    assert_eq!(soon(&mut pair), []);
}

#[test]
fn notices_are_bounded_and_the_application_hears_when_there_is_room() {
    let mut pair = noted();
    let mut sent = 0;
    while try_send(&mut pair, UNRELIABLE, 0, sent).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, limits::NOTICES as u64);
    assert_eq!(pair.client.session.send(pair.now, channel(UNRELIABLE), payload("")), Ok(()));
    let mut told = 0;
    let mut writable = 0;
    for _ in 0..400 {
        pair.pass(Duration::from_millis(10));
        pair.server.take(pair.now, UNRELIABLE);
        for event in pair.client.events() {
            told += u64::from(matches!(event, Event::Noted(..)));
            writable += u64::from(event == Event::Writable);
        }
    }
    assert_eq!((told, writable), (sent, 1));
}

#[test]
fn what_was_never_sent_cannot_be_taken() {
    let taken = |id, largest| biplane_wire::Taken {
        channel: channel(id),
        largest,
        ranges: biplane_wire::AckRanges::of_encoded(&[0, 0]),
    };
    for id in ALL {
        let mut pair = noted();
        send(&mut pair, id, 1);
        pair.settle();
        let frames = [Frame::Taken(taken(id, 0)), Frame::Taken(taken(id, 1))];
        pair.client.hear_frames(pair.now, pair.server.address, 500, &frames);
        let unsent = Violation::TakenUnsent(channel(id));
        assert_eq!(pair.client.left(), Some(CloseReason::Violation(unsent)), "channel {id}");
    }
    let mut pair = Pair::joined();
    let frame = Frame::Taken(taken(ORDERED, 0));
    pair.client.hear_frames(pair.now, pair.server.address, 500, &[frame]);
    let wrong = Violation::WrongFrame(channel(ORDERED));
    assert_eq!(pair.client.left(), Some(CloseReason::Violation(wrong)));
}

#[test]
fn unreliable_messages_have_numbers_where_notices_are_offered() {
    for (notify, sequence) in [(true, None), (false, Some(0))] {
        let mut pair = Pair::joined_with(|channel| channel.notify = notify);
        let message = biplane_wire::Message {
            channel: channel(UNRELIABLE),
            sequence,
            after: None,
            clock: None,
            delimited: false,
            payload: b"x",
        };
        pair.server.hear_frames(pair.now, pair.client.address, 500, &[Frame::Message(message)]);
        let wrong = Violation::WrongFrame(channel(UNRELIABLE));
        assert_eq!(pair.server.left(), Some(CloseReason::Violation(wrong)));
    }
}
