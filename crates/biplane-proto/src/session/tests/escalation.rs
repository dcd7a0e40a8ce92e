//! Messages that one plane does not deliver in time, and that go over the other.

use super::*;
use crate::Notice;

const AFTER: Duration = Duration::from_millis(250);

/// A pair on whose reliable data channels messages escalate.
fn escalating() -> Pair {
    let mut pair = Pair::with(true, |channel| {
        channel.notify = true;
        channel.escalate_after = Some(AFTER);
    });
    pair.settle();
    for side in [&mut pair.client, &mut pair.server] {
        side.events();
    }
    pair
}

fn send(pair: &mut Pair, id: u8, len: usize, token: u64) {
    let how = SendOptions { notice: Some(token), ..SendOptions::default() };
    pair.client.session.send_with(pair.now, channel(id), vec![id; len].into(), how).unwrap();
    pair.client.session.flush(pair.now);
}

/// Lets time pass while UDP carries nothing; returns the lengths of what was sent over it.
fn pass_without_udp(pair: &mut Pair, time: Duration) -> Vec<usize> {
    let mut sent = Vec::new();
    let end = pair.now + time;
    while pair.now < end {
        pair.now += Duration::from_millis(10);
        for side in [&mut pair.client, &mut pair.server] {
            side.session.handle_timeout(pair.now);
            sent.extend(side.packets(pair.now).iter().map(Vec::len));
        }
        while Pair::pipe(pair.now, &mut pair.client.session, &mut pair.server.session)
            | Pair::pipe(pair.now, &mut pair.server.session, &mut pair.client.session)
        {}
    }
    sent
}

fn notices(side: &mut Side) -> Vec<Event> {
    side.events().into_iter().filter(|event| matches!(event, Event::Noted(..))).collect()
}

#[test]
fn a_message_that_udp_does_not_deliver_in_time_comes_over_tcp_once() {
    for (id, len) in [(UNORDERED, 20), (ORDERED, 20), (UNORDERED, 30_000)] {
        let mut pair = escalating();
        send(&mut pair, id, len, 7);
        let copies = pair.client.packets(pair.now);
        assert!(!copies.is_empty());
        pass_without_udp(&mut pair, AFTER - Duration::from_millis(20));
        assert_eq!(pair.server.session.stats().untaken_messages, 0);
        pass_without_udp(&mut pair, Duration::from_millis(100));
        assert_eq!(pair.server.take(pair.now, id), [Bytes::from(vec![id; len])]);
        assert_eq!(pair.client.session.planes(), Planes::Both, "long before UDP counts as dead");
        // The copies of before come after all.
        for packet in &copies {
            pair.server.hear(pair.now, pair.client.address, packet).unwrap();
        }
        pair.pass(Duration::from_secs(1));
        assert!(pair.server.take(pair.now, id).is_empty());
        assert_eq!(notices(&mut pair.client), [Event::Noted(7, Notice::Delivered)]);
        let stats = pair.client.session.stats();
        assert_eq!((stats.delivery.escalated, stats.queued_messages), (1, 0));
        assert!(!pair.server.session.is_closed());
    }
}

#[test]
fn what_is_acknowledged_in_time_rides_udp_alone() {
    let mut pair = escalating();
    for token in 0..10 {
        send(&mut pair, UNORDERED, 20, token);
        pair.pass(Duration::from_millis(100));
    }
    pair.pass(AFTER);
    let stats = pair.client.session.stats();
    assert_eq!(stats.delivery.escalated, 0);
    assert_eq!(pair.server.session.stats().delivery.tunnelled, 0);
    assert_eq!(pair.server.take(pair.now, UNORDERED).len(), 10);
}

#[test]
fn an_escalated_message_is_not_sent_again_over_udp() {
    let mut pair = escalating();
    send(&mut pair, UNORDERED, 1_000, 1);
    let packets = |pair: &mut Pair, time| {
        let sent = pass_without_udp(pair, time);
        sent.iter().filter(|len| **len > 1_000).count()
    };
    assert!(packets(&mut pair, AFTER - Duration::from_millis(10)) > 1, "probes carry it");
    // Nobody takes what TCP brings, nor is that acknowledged.
    let mut swallowed = 0;
    for _ in 0..100 {
        pair.now += Duration::from_millis(10);
        pair.client.session.handle_timeout(pair.now);
        let mut bytes = Vec::new();
        while pair.client.session.poll_control(pair.now, &mut bytes) {}
        swallowed += bytes.len();
        assert!(pair.client.packets(pair.now).iter().all(|packet| packet.len() < 1_000));
    }
    assert!((1_000..2_000).contains(&swallowed), "it is written once: {swallowed}");
}

#[test]
fn what_cannot_leave_over_udp_at_all_escalates_too() {
    let mut pair = escalating();
    for token in 0..100 {
        send(&mut pair, UNORDERED, 1_000, token);
    }
    // The window is full long before the last has left.
    pass_without_udp(&mut pair, Duration::from_secs(1));
    assert_eq!(pair.server.take(pair.now, UNORDERED).len(), 100);
    pass_without_udp(&mut pair, Duration::from_secs(4));
    let stats = pair.client.session.stats();
    assert_eq!((stats.delivery.escalated, stats.queued_messages), (100, 0));
    let told = notices(&mut pair.client);
    assert_eq!(told.len(), 100);
    assert!(told.iter().all(|event| matches!(event, Event::Noted(_, Notice::Delivered))));
}

#[test]
fn the_loss_of_tcp_sends_escalated_messages_over_udp_again() {
    for len in [20, 5_000] {
        let mut pair = escalating();
        send(&mut pair, UNORDERED, len, 1);
        assert!(!pair.client.packets(pair.now).is_empty(), "they are dropped here");
        pair.now += AFTER;
        pair.client.session.handle_timeout(pair.now);
        pair.client.packets(pair.now);
        // The connection swallows the copy, and breaks.
        while pair.client.session.poll_control(pair.now, &mut Vec::new()) {}
        for side in [&mut pair.client, &mut pair.server] {
            side.session.handle_control_lost(pair.now, ControlLoss::Broken);
        }
        for _ in 0..100 {
            pair.pass(Duration::from_millis(20));
        }
        assert_eq!(pair.server.take(pair.now, UNORDERED).len(), 1, "{len}");
        pair.pass(limits::TAKEN_DELAY);
        assert_eq!(notices(&mut pair.client), [Event::Noted(1, Notice::Delivered)]);
    }
}

#[test]
fn a_copy_whose_ack_comes_late_costs_another_that_is_dropped() {
    let mut pair = escalating();
    send(&mut pair, UNORDERED, 20, 7);
    for packet in pair.client.packets(pair.now) {
        pair.server.hear(pair.now, pair.client.address, &packet).unwrap();
    }
    assert_eq!(pair.server.take(pair.now, UNORDERED).len(), 1);
    // What the server answers is under way for longer than the client waits.
    pair.now += AFTER;
    pair.server.session.handle_timeout(pair.now);
    let acks = pair.server.packets(pair.now);
    pair.client.session.handle_timeout(pair.now);
    while Pair::pipe(pair.now, &mut pair.client.session, &mut pair.server.session) {}
    for packet in acks {
        pair.client.hear(pair.now, pair.server.address, &packet).unwrap();
    }
    pair.pass(Duration::from_secs(1));
    assert!(pair.server.take(pair.now, UNORDERED).is_empty());
    let stats = [&pair.client, &pair.server].map(|side| side.session.stats());
    assert_eq!((stats[0].delivery.escalated, stats[1].messages_duplicated), (1, 1));
    assert_eq!(notices(&mut pair.client), [Event::Noted(7, Notice::Delivered)]);
}

#[test]
fn while_tcp_has_no_room_udp_goes_on() {
    let mut pair = escalating();
    send(&mut pair, UNORDERED, 20, 7);
    assert!(!pair.client.packets(pair.now).is_empty(), "they are dropped here");
    // Nothing is asked of TCP, whose socket takes nothing.
    for _ in 0..50 {
        pair.now += Duration::from_millis(20);
        for side in [&mut pair.client, &mut pair.server] {
            side.session.handle_timeout(pair.now);
        }
        pair.packets_pass();
    }
    assert_eq!(pair.server.take(pair.now, UNORDERED).len(), 1);
    assert_eq!(pair.client.session.stats().delivery.escalated, 0);
}

#[test]
fn without_tcp_nothing_escalates_and_udp_goes_on() {
    let mut pair = escalating();
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(pair.now, ControlLoss::Broken);
    }
    for token in 0..10 {
        send(&mut pair, ORDERED, 20, token);
        // Every second packet is dropped.
        if token % 2 == 0 {
            pair.client.packets(pair.now);
        }
        pair.pass(AFTER);
    }
    for _ in 0..50 {
        pair.pass(Duration::from_millis(20));
    }
    assert_eq!(pair.server.take(pair.now, ORDERED).len(), 10);
    pair.pass(limits::TAKEN_DELAY);
    assert_eq!(notices(&mut pair.client).len(), 10);
    assert_eq!(pair.client.session.stats().delivery.escalated, 0);
}

#[test]
fn what_is_over_does_not_escalate_whether_it_has_left_or_not() {
    let mut pair = Pair::with(true, |channel| {
        channel.notify = true;
        channel.escalate_after = Some(AFTER);
        let lives = channel.kind == ChannelKind::ReliableUnordered;
        channel.lifetime = lives.then_some(AFTER / 2);
    });
    pair.settle();
    pair.client.events();
    for token in 0..100 {
        send(&mut pair, UNORDERED, 1_000, token);
    }
    // The window is full long before the last has left.
    // A message each, but for the probe that asks for longer datagrams.
    let packets = pair.client.packets(pair.now);
    let left = packets.iter().filter(|packet| packet.len() <= wire::DATAGRAM_MIN).count();
    pass_without_udp(&mut pair, Duration::from_secs(2));
    assert_eq!(pair.server.take(pair.now, UNORDERED).len(), 0);
    // Until UDP is known to be dead, and with it what was in flight to be lost.
    pass_without_udp(&mut pair, Duration::from_secs(6));
    let stats = pair.client.session.stats();
    assert_eq!((stats.delivery.escalated, stats.messages_expired), (0, 100));
    let told = notices(&mut pair.client);
    let of = |notice| {
        let said = |event: &&Event| matches!(event, Event::Noted(_, n) if *n == notice);
        told.iter().filter(said).count()
    };
    assert_eq!(of(Notice::Expired) + of(Notice::Lost), 100);
    // One packet may ask for the path.
    assert!((left - 1..=left + 10).contains(&of(Notice::Lost)), "of {left}: {told:?}");
}

#[test]
fn a_channel_without_credit_does_not_keep_another_waiting() {
    let mut pair = escalating();
    // More than the server has room for, of which nothing is taken.
    for _ in 0..3 {
        pair.client.session.send(pair.now, channel(ORDERED), vec![0; 1 << 20].into()).unwrap();
        pair.client.session.flush(pair.now);
        for _ in 0..500 {
            pair.pass(Duration::from_millis(20));
        }
    }
    assert_eq!(pair.client.session.stats().queued_messages, 1);
    send(&mut pair, UNORDERED, 20, 7);
    let (at, timer) = (pair.now + AFTER, Timer::Escalation);
    assert_eq!(pair.client.session.timers.deadline(timer), Some(at));
}
