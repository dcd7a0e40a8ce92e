//! When a grant of credit leaves.

use biplane_wire::{Frames, Message};

use super::*;

impl Pair {
    /// The server hears `count` messages of a packet each, as if its client had sent them under
    /// these numbers.
    fn hear_messages(&mut self, numbers: core::ops::Range<u64>, first: u64) {
        for number in numbers {
            let message = Message {
                channel: channel(ORDERED),
                sequence: Some(u32::try_from(number - first).unwrap()),
                after: None,
                clock: None,
                delimited: false,
                payload: &[7; 1_100],
            };
            let (now, from) = (self.now, self.client.address);
            self.server.hear_frames(now, from, number, &[Frame::Message(message)]);
        }
    }

    /// Of what the server sends now: acks, and grants.
    fn told(&mut self) -> (usize, usize) {
        let (now, from) = (self.now, self.server.address);
        let packets = self.server.packets(now);
        let mut told = (0, 0);
        for packet in packets {
            let (_, opened) = self.client.open(now, from, &packet);
            for frame in Frames::new(&opened) {
                let frame = frame.unwrap();
                told.0 += usize::from(matches!(frame, Frame::Ack(_)));
                told.1 += usize::from(matches!(frame, Frame::Credit { .. }));
            }
        }
        told
    }
}

/// So many messages are a quarter of a channel's window, and a few more.
const QUARTER: u64 = 480;

#[test]
fn a_grant_leaves_at_once_unless_an_ack_is_about_to_leave_and_takes_it_along() {
    let mut pair = Pair::joined();
    let first = pair.server.session.largest_received().0 + 1;
    let [one, two, three] = [QUARTER, QUARTER + 10, 2 * QUARTER].map(|count| first + count);
    pair.hear_messages(first..one, first);
    assert_eq!(pair.told(), (1, 0), "nothing was taken");
    pair.hear_messages(one..two, first);
    assert_eq!(pair.server.take(pair.now, ORDERED).len() as u64, QUARTER + 10);
    assert!(!pair.server.session.wants_transmit(pair.now));
    let before = pair.now - Duration::from_millis(50);
    assert!(!pair.server.session.wants_transmit(before), "nor by a clock that goes back");
    pair.now += limits::ACKS_APART;
    pair.server.session.handle_timeout(pair.now);
    assert_eq!(pair.told(), (1, 1));

    pair.now += limits::ACKS_APART;
    pair.hear_messages(two..three, first);
    assert_eq!(pair.told(), (1, 0));
    assert_eq!(pair.server.take(pair.now, ORDERED).len() as u64, QUARTER - 10);
    assert!(pair.server.session.wants_transmit(pair.now));
    assert_eq!(pair.told(), (0, 1));
}

#[test]
fn a_sender_that_was_refused_hears_of_room_when_what_waited_has_expired() {
    const LIFETIME: Duration = Duration::from_millis(200);
    let mut pair = Pair::joined_with(|channel| {
        if channel.kind == ChannelKind::ReliableUnordered {
            (channel.lifetime, channel.notify) = (Some(LIFETIME), true);
        }
    });
    let message = Bytes::from(vec![7; 16 * 1024]);
    let fill = |pair: &mut Pair| {
        let session = &mut pair.client.session;
        while session.send(pair.now, channel(UNORDERED), message.clone()).is_ok() {}
        session.flush(pair.now);
    };
    // Nobody takes them: the credit is used up, and what is sent then cannot leave.
    for _ in 0..400 {
        fill(&mut pair);
        pair.pass(Duration::from_millis(5));
    }
    pair.pass(LIFETIME);
    let sent = pair.client.session.stats().packets_sent;
    pair.client.events();
    let how = SendOptions { notice: Some(7), ..SendOptions::default() };
    pair.client.session.send_with(pair.now, channel(UNORDERED), message.clone(), how).unwrap();
    fill(&mut pair);
    pair.pass(LIFETIME / 2);
    assert_eq!(pair.client.events(), [], "it waits");
    pair.pass(LIFETIME / 2);
    let events = pair.client.events();
    assert!(events.contains(&Event::Writable), "{events:?}");
    assert!(events.contains(&Event::Noted(7, crate::Notice::Expired)), "{events:?}");
    assert_eq!(pair.client.session.stats().packets_sent, sent, "nothing left meanwhile");
    assert_eq!(pair.client.session.stats().queued_messages, 0);
}
