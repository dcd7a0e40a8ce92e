//! Inputs 1 to 5 and 25: datagrams that no key is needed for.

use crate::rig::{HEAD, Scene, is_unanswered, until};
use biplane_wire::{Close, CloseCode, Frame};

/// The longest packet that an endpoint takes: Ethernet less IPv6 and UDP.
const LONGEST: usize = 1_452;
/// Bytes of a packet that are not frames.
const OVERHEAD: usize = 25;

#[test]
fn bad_input_01_a_hundred_thousand_empty_datagrams_are_dropped() {
    for scene in Scene::both() {
        let (watch, stranger) = (scene.watch(), scene.stranger());
        scene.pour(&stranger, core::iter::repeat_n(Vec::new(), 50_000));
        scene.go_on();
        scene.pour(&stranger, core::iter::repeat_n(Vec::new(), 50_000));
        watch.drops(&[("empty", 100_000)]);
        assert!(is_unanswered(&stranger));
    }
}

#[test]
fn bad_input_02_every_short_length_with_every_first_byte_is_dropped() {
    for scene in Scene::both() {
        let (watch, stranger) = (scene.watch(), scene.stranger());
        let every = (0..=64).flat_map(|len| (0..=u8::MAX).map(move |first| (len, first)));
        scene.pour(
            &stranger,
            every.map(|(len, first)| {
                let mut datagram = vec![0; len];
                datagram.iter_mut().take(1).for_each(|byte| *byte = first);
                datagram
            }),
        );
        // Lengths 1 to 39 are no packet. Of those from 40 up, eight first bytes are a head's: two
        // types of four phases.
        let (long, heads) = (25 * 256, 25 * 8);
        watch.drops(&[
            ("empty", 256),
            ("malformed", 39 * 256 + long - heads),
            ("unknown_session", heads),
        ]);
        assert!(is_unanswered(&stranger));
    }
}

#[test]
fn bad_input_03_whatever_is_longer_than_a_packet_is_never_parsed() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let watch = scene.watch();
        let stranger = scene.stranger();
        let lens = [LONGEST + 1, 1_500, 9_000, 65_506, 65_507];
        for len in lens {
            let mut datagram = vec![0; len];
            datagram[..HEAD].copy_from_slice(&peer.head(0));
            scene.pour(&stranger, [datagram]);
        }
        // Even under the session's own key.
        let longest = peer.packet(&vec![0; LONGEST - OVERHEAD]);
        let too_long = peer.packet(&vec![0; LONGEST + 1 - OVERHEAD]);
        assert_eq!((longest.len(), too_long.len()), (LONGEST, LONGEST + 1));
        let before = slot.with(|_, session| session.stats().packets_received);
        peer.throw(&too_long);
        peer.throw(&longest);
        watch.drops(&[("oversize", 6)]);
        let after = slot.with(|_, session| session.stats().packets_received);
        assert_eq!(after - before, 1);
        assert!(is_unanswered(&stranger));
    }
}

#[test]
fn bad_input_03_a_run_of_datagrams_is_judged_one_by_one() {
    use quinn_udp::{Transmit, UdpSocketState};
    for scene in Scene::both() {
        let (watch, stranger) = (scene.watch(), scene.stranger());
        let state = UdpSocketState::new((&stranger).into()).unwrap();
        let mut count = 0;
        for (segment, len) in [(LONGEST + 1, 40 * (LONGEST + 1)), (100, 64 * 100 - 61), (1, 60)] {
            let contents = vec![0xff; len];
            let destination = scene.address();
            state
                .try_send(
                    (&stranger).into(),
                    &Transmit {
                        destination,
                        ecn: None,
                        contents: &contents,
                        segment_size: Some(segment),
                        src_ip: None,
                    },
                )
                .unwrap();
            count += u64::try_from(len.div_ceil(segment)).unwrap();
        }
        watch.drops(&[("oversize", 40), ("malformed", count - 40)]);
        assert!(is_unanswered(&stranger));
    }
}

#[test]
fn bad_input_04_another_version_type_or_reserved_bit_is_dropped_under_the_right_key_too() {
    for scene in Scene::both() {
        let (peer, slot) = scene.flying();
        let (watch, stranger) = (scene.watch(), scene.stranger());
        let before = slot.with(|_, session| session.largest_received());
        let mut malformed = 0;
        for first in 0..=u8::MAX {
            // Version 1 without reserved bits, types 0 and 1: those are told by other tests.
            if first & 0b1100_0011 == 0b0100_0000 && first & 0b0010_0000 == 0 {
                continue;
            }
            let number = peer.next;
            let head = peer.head_of(first, peer.id, number);
            let packet = peer.seal(head, number, &[0; 40]);
            peer.throw(&packet);
            scene.pour(&stranger, [packet]);
            malformed += 2;
        }
        assert_eq!(malformed, 2 * 248);
        // Groups are reserved.
        for phase in 0..4 {
            let head = peer.head_of(0x50 | phase << 2, peer.id, peer.next);
            peer.throw(&peer.seal(head, peer.next, &[0; 40]));
        }
        watch.drops(&[("malformed", malformed), ("unknown_session", 4)]);
        assert_eq!(slot.with(|_, session| session.largest_received()), before);
        assert!(is_unanswered(&stranger));
    }
}

#[test]
fn bad_input_05_a_session_that_is_not_here_is_not_answered() {
    for scene in Scene::both() {
        let (watch, stranger) = (scene.watch(), scene.stranger());
        let ids = (1_u32..=2_000).map(|step| step.wrapping_mul(0x9e37_79b9));
        scene.pour(
            &stranger,
            ids.map(|id| {
                let [e, f, g, h] = id.to_be_bytes();
                let mut datagram = vec![0xa5; 40 + usize::try_from(id % 1_400).unwrap()];
                datagram[..HEAD].copy_from_slice(&[0x40, e, f, g, h, 0, 0, 0, 0]);
                datagram
            }),
        );
        watch.drops(&[("unknown_session", 2_000)]);
        assert!(is_unanswered(&stranger));
    }
}

#[test]
fn bad_input_05_a_session_that_has_left_is_not_answered() {
    for scene in Scene::both_without_grace() {
        let (mut peer, _slot) = scene.flying();
        let packet = peer.packet(&[1]);
        let watch = scene.watch();
        peer.tls.tcp().shutdown(std::net::Shutdown::Both).unwrap();
        watch.left(&[("connection_lost", 1)]);
        let (watch, stranger) = (scene.watch(), scene.stranger());
        scene.pour(&stranger, core::iter::repeat_n(packet, 100));
        watch.drops(&[("unknown_session", 100)]);
        assert!(is_unanswered(&stranger));
    }
}

#[test]
fn bad_input_25_a_forged_close_or_reset_ends_nothing() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let (watch, stranger) = (scene.watch(), scene.stranger());
        let mut close = Vec::new();
        Frame::Close(Close { code: CloseCode::Application, text: "go home" }).encode(&mut close);
        close.resize(31, 0);
        let number = peer.next;
        let head = peer.head(number);
        // In the clear; under the key of the other direction of another session; without a head
        // that says whose; and as versions that someone might negotiate.
        let clear = [&head[..], &close].concat();
        let (other, _other_slot) = scene.hostile();
        let sealed = other.seal(head, number, &close);
        let unsealed = [&head[..], &[0; 31]].concat();
        let reset = [&head[..], &[0xee; 200]].concat();
        for datagram in [&clear, &sealed, &unsealed, &reset] {
            peer.throw(datagram);
            scene.pour(&stranger, [datagram.clone()]);
        }
        for version in [0b0000_0000, 0b1000_0000, 0b1100_0000] {
            let negotiation = peer.head_of(version, peer.id, number);
            scene.pour(&stranger, [peer.seal(negotiation, number, &close)]);
        }
        watch.drops(&[("forged", 8), ("malformed", 3)]);
        assert!(is_unanswered(&stranger));
        slot.with(|_, session| assert!(!session.is_closed()));
        // The real one is heard.
        let watch = scene.watch();
        peer.send(&close);
        until("the close", || slot.with(|_, session| session.is_closed()));
        drop(peer);
        watch.left(&[("closed", 1)]);
    }
}
