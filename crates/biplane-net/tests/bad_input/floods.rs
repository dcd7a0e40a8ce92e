//! Input 20: packets that are full of the smallest things there are, and what they make a session do.

use biplane_net::Slot;
use biplane_proto::{SessionStats, Violation, limits};
use biplane_wire::Frame;

use crate::rig::{ORDERED, Peer, Scene, UNRELIABLE, channel, message, take, until};

/// Frames of a packet of 1,200 bytes.
const PLAINTEXT: usize = 1_200 - 25;
/// Packets of a flood, and of a burst that the victim surely has room for.
const PACKETS: u64 = 2_000;
const BURST: u64 = 64;
/// An ack of one packet in a packet of its own is 40 bytes long.
const ACK: u64 = 40;

fn stats(slot: &Slot) -> SessionStats {
    slot.with(|_, session| session.stats())
}

/// As many copies of a frame as a packet has room for, and how many that are.
fn full_of(frame: &Frame<'_>) -> (Vec<u8>, u64) {
    let mut one = Vec::new();
    frame.encode(&mut one);
    let count = PLAINTEXT / one.len();
    (one.repeat(count), u64::try_from(count).unwrap())
}

/// Sends so many packets of this content, and waits until the victim has taken them in.
fn flood(peer: &mut Peer, slot: &Slot, plaintext: &[u8], packets: u64) {
    let before = stats(slot).packets_received;
    for sent in 1..=packets {
        peer.send(plaintext);
        if sent % BURST == 0 {
            until("a burst", || stats(slot).packets_received >= before + sent - BURST);
            while peer.try_receive().is_some() {}
        }
    }
    until("the flood", || stats(slot).packets_received == before + packets);
}

#[test]
fn bad_input_20_hundreds_of_messages_in_a_packet_fill_one_queue_and_the_oldest_go() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let (packet, count) = full_of(&message(UNRELIABLE, None, b""));
        assert!(count > 300, "{count} messages a packet");
        let watch = scene.watch();
        flood(&mut peer, &slot, &packet, PACKETS);
        scene.go_on();
        let room = u64::try_from(limits::RECEIVE_QUEUE_MESSAGES).unwrap();
        let stats = stats(&slot);
        assert_eq!(stats.messages_untaken, PACKETS * count - room, "{:?}", scene.role);
        assert_eq!(stats.untaken_messages, room);
        let cost = u64::try_from(limits::MESSAGE_COST).unwrap();
        assert_eq!(stats.untaken_bytes, room * cost);
        // What is left can be taken, and there is room again.
        let taken = core::iter::from_fn(|| take(&slot, UNRELIABLE)).count();
        assert_eq!(taken, limits::RECEIVE_QUEUE_MESSAGES);
        flood(&mut peer, &slot, &packet, 1);
        assert_eq!(take(&slot, UNRELIABLE).as_deref(), Some(&b""[..]));
        watch.drops(&[]);
        slot.with(|_, session| assert!(!session.is_closed()));
    }
}

#[test]
fn bad_input_20_hundreds_of_reliable_messages_in_a_packet_end_with_the_credit() {
    let credit = limits::CHANNEL_CREDIT / u64::try_from(limits::MESSAGE_COST).unwrap();
    let overrun = Violation::CreditOverrun(channel(ORDERED));
    for scene in Scene::both() {
        scene.is_violation("messages beyond the credit", overrun, |peer| {
            let all: Vec<u32> = (0..=u32::try_from(credit).unwrap()).collect();
            for sequences in all.chunks(160) {
                let frames: Vec<_> =
                    sequences.iter().map(|number| message(ORDERED, Some(*number), b"")).collect();
                peer.send_frames(&frames);
            }
        });
    }
}

#[test]
fn bad_input_20_pings_without_end_are_answered_by_one_ack_a_packet_at_the_most() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let (packet, count) = full_of(&Frame::Ping);
        assert!(count > 1_000, "{count} pings a packet");
        // Long packets, and the shortest there are.
        for packet in [&packet[..], &packet[..1]] {
            let watch = scene.watch();
            let before = stats(&slot);
            flood(&mut peer, &slot, packet, PACKETS);
            scene.go_on();
            let after = stats(&slot);
            let replies = after.packets_sent - before.packets_sent;
            // The victim may have had a word to say itself.
            assert!((1..=PACKETS + 10).contains(&replies), "{replies} packets");
            let bytes = after.bytes_sent - before.bytes_sent;
            assert!(bytes <= after.bytes_received - before.bytes_received + 10 * 1_200, "{bytes}");
            assert!(bytes / replies <= 2 * ACK, "{bytes} bytes in {replies} packets");
            assert_eq!(after.bytes_in_flight, before.bytes_in_flight, "an ack wants none");
            watch.drops(&[]);
        }
        slot.with(|_, session| assert!(!session.is_closed()));
    }
}
