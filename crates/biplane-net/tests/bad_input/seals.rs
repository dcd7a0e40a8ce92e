//! Inputs 6 to 11: packets of a session that is there, and its seals, numbers and phases.

use std::{collections::BTreeMap, net::Ipv4Addr};

use biplane_net::EndpointConfig;
use biplane_wire::{
    Ack, AckRange, AckRanges, Aead, Close, CloseCode, Frame, PacketNumber, TruncatedNumber,
};

use crate::rig::{
    HEAD, ORDERED, Peer, Scene, UNRELIABLE, Victim, channel, config, eventually, fragment,
    is_unanswered, message, take, until,
};

/// Packet numbers that a session tells apart at the start.
const WINDOW: u64 = 1_024;

/// A frame of every type, by name.
fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let mut ranges = Vec::new();
    AckRanges::encode(&mut ranges, [AckRange { low: 0, high: 0 }].into_iter(), 1);
    let ack = Ack {
        largest: TruncatedNumber(0),
        delay: 10,
        arrival: 10,
        ranges: AckRanges::of_encoded(&ranges),
        ecn: None,
    };
    let frames = [
        ("padding", Frame::Padding),
        ("ping", Frame::Ping),
        ("ack", Frame::Ack(ack)),
        ("challenge", Frame::PathChallenge([3; 8])),
        ("response", Frame::PathResponse([3; 8])),
        ("close", Frame::Close(Close { code: CloseCode::Application, text: "x" })),
        ("credit", Frame::Credit { channel: channel(ORDERED), granted: 9 }),
        ("message", message(UNRELIABLE, None, b"hello")),
        ("fragment", fragment(ORDERED, 0, (0, 9), b"piece")),
    ];
    let encode = |frame: &Frame<'_>| {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        bytes
    };
    frames.iter().map(|(name, frame)| (*name, encode(frame))).collect()
}

fn received(slot: &biplane_net::Slot) -> u64 {
    slot.with(|_, session| session.stats().packets_received)
}

#[test]
fn bad_input_06_bodies_that_nobody_sealed_are_counted_exactly_and_move_nothing() {
    const COUNT: u64 = 10_000;
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let (watch, stranger) = (scene.watch(), scene.stranger());
        let window = || slot.with(|_, session| (session.largest_received(), session.floor()));
        let before = window();
        let flood = |range: core::ops::Range<u64>| {
            range.map(|number| {
                let body = [u8::try_from(number % 251).unwrap(); 200];
                [&peer.head(peer.next + number)[..], &body].concat()
            })
        };
        scene.pour(&stranger, flood(0..COUNT / 2));
        scene.go_on();
        scene.pour(&peer.udp, flood(COUNT / 2..COUNT));
        watch.drops(&[("forged", COUNT)]);
        assert_eq!(window(), before, "the window has not moved");
        assert!(is_unanswered(&stranger));
        let received_before = received(&slot);
        peer.send_frames(&[Frame::Ping]);
        until("the session's own packet", || received(&slot) > received_before);
    }
}

#[test]
fn bad_input_07_every_flipped_bit_is_dropped() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        for (name, plaintext) in frames() {
            let (watch, stranger) = (scene.watch(), scene.stranger());
            let packet = peer.packet(&plaintext);
            let flips = (0..packet.len() * 8).map(|bit| {
                let mut flipped = packet.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                flipped
            });
            scene.pour(&stranger, flips);
            // Two bits of version, one of type and two of zero; the other bit of type and the
            // receive id; the bit of phase that leads to one without a key; the one that leads to
            // the next, whose key is there, number, frames and tag.
            let sealed = u64::try_from(packet.len() - HEAD).unwrap() * 8;
            watch.drops(&[
                ("malformed", 5),
                ("unknown_session", 1 + 32),
                ("no_key", 1),
                ("forged", 1 + 32 + sealed),
            ]);
            assert!(is_unanswered(&stranger), "{name}");
            slot.with(|_, session| assert!(!session.is_closed(), "{name}"));
            // A close is as good as its seal: that it is taken, input 25 shows.
            if name != "close" {
                let before = received(&slot);
                peer.throw(&packet);
                until("the packet as it was", || received(&slot) > before);
            }
        }
        scene.go_on();
    }
}

/// Below the seal: what a peer with the key can say with one bit wrong.
#[test]
fn bad_input_07_every_flipped_bit_below_the_seal_is_read_or_a_violation() {
    const ENDS: [&str; 6] =
        ["violation", "closed", "dropped", "accused", "connection_lost", "peer_limit"];
    for scene in Scene::both() {
        let (mut ends, mut session) = (0, scene.hostile());
        let watch = scene.watch();
        for (name, plaintext) in frames() {
            for bit in 0..plaintext.len() * 8 {
                let mut flipped = plaintext.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let (peer, slot) = &mut session;
                let before = received(slot);
                peer.send(&flipped);
                until("the packet", || received(slot) > before);
                if slot.with(|_, session| session.is_closed()) {
                    ends += 1;
                    let reason = slot.with(|_, session| session.close_reason().cloned());
                    let reason = reason.unwrap().name();
                    // One bit away, some frames are a close.
                    assert!(ENDS.contains(&reason), "{name}, {bit}: {reason}");
                    session = scene.hostile();
                }
            }
        }
        scene.go_on();
        assert!(ends > 0);
        let stats = scene.endpoint.stats();
        until("the ends", || scene.endpoint.stats().sessions.left.values().sum::<u64>() >= ends);
        assert_eq!((stats.panics, stats.datagrams.drops.total()), (0, 0));
        drop(watch);
    }
}

#[test]
fn bad_input_08_a_packet_that_came_once_is_dropped_whenever_and_wherever_it_comes_again() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let stranger = scene.stranger();
        let hello = {
            let mut bytes = Vec::new();
            message(UNRELIABLE, None, b"once").encode(&mut bytes);
            bytes
        };
        let packet = peer.packet(&hello);
        let before = received(&slot);
        peer.throw(&packet);
        until("the packet", || received(&slot) > before);
        let watch = scene.watch();
        // At once.
        for _ in 0..100 {
            peer.throw(&packet);
        }
        watch.drops(&[("replayed", 100)]);
        // Another packet from elsewhere may be a client's that has moved, and is never a server's.
        let elsewhere = peer.packet(&[1]);
        scene.pour(&scene.stranger(), [elsewhere]);
        let foreign = u64::from(scene.role == Victim::Client);
        watch.drops(&[("replayed", 100), ("other_path", foreign)]);
        // Once the window has passed it.
        let watch = scene.watch();
        let before = received(&slot);
        for step in 1..=WINDOW + 1 {
            peer.send(&[0]);
            if step % 64 == 0 {
                until("the packets", || received(&slot) >= before + step - 64);
            }
        }
        until("a window of packets", || received(&slot) == before + WINDOW + 1);
        peer.throw(&packet);
        scene.pour(&stranger, [packet.clone()]);
        watch.drops(&[("late", 2)]);
        assert!(is_unanswered(&stranger));
        assert_eq!(take(&slot, UNRELIABLE).as_deref(), Some(&b"once"[..]));
        assert_eq!(take(&slot, UNRELIABLE), None);
        replies_go_where_they_went(&scene, &mut peer, &slot);
        after_a_reconnect(&scene, &peer, &packet);
    }
}

#[test]
fn bad_input_08_a_packet_that_comes_again_from_another_address_is_a_replay() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let (packet, stranger) = (peer.packet(&[1]), scene.stranger());
        let before = received(&slot);
        peer.throw(&packet);
        until("the packet", || received(&slot) > before);
        let watch = scene.watch();
        scene.pour(&stranger, core::iter::repeat_n(packet, 100));
        watch.drops(&[("replayed", 100)]);
        assert!(is_unanswered(&stranger));
        replies_go_where_they_went(&scene, &mut peer, &slot);
    }
}

/// The victim's next packet goes to the peer's own socket.
fn replies_go_where_they_went(scene: &Scene, peer: &mut Peer, slot: &biplane_net::Slot) {
    while peer.try_receive().is_some() {}
    slot.with(|now, session| session.send(now, channel(UNRELIABLE), b"here".as_slice().into()))
        .unwrap();
    slot.queued();
    scene.endpoint.flush();
    let (_, plaintext) = peer.receive();
    assert!(plaintext.windows(4).any(|bytes| bytes == b"here"));
}

/// Its packet is of no use to the next session.
fn after_a_reconnect(scene: &Scene, old: &Peer, packet: &[u8]) {
    let (peer, _slot) = scene.flying();
    let watch = scene.watch();
    let renamed = [&peer.head(peer.next)[..], &packet[HEAD..]].concat();
    assert_ne!(old.id, peer.id);
    peer.throw(&renamed);
    watch.drops(&[("forged", 1)]);
}

#[test]
fn bad_input_09_a_number_far_ahead_under_a_bad_seal_changes_nothing() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let watch = scene.watch();
        let before = slot.with(|_, session| (session.largest_received(), session.floor()));
        let far = [WINDOW, 1 << 16, (1 << 31) - 1, 1 << 31, u64::from(u32::MAX)];
        for ahead in far {
            let mut packet = peer.packet_of(peer.next + ahead, &[1]);
            *packet.last_mut().unwrap() ^= 1;
            peer.throw(&packet);
        }
        watch.drops(&[("forged", 5)]);
        let after = slot.with(|_, session| (session.largest_received(), session.floor()));
        assert_eq!(after, before);
        let before = received(&slot);
        for _ in 0..100 {
            peer.send(&[1]);
        }
        until("normal traffic", || received(&slot) == before + 100);
        watch.drops(&[("forged", 5)]);
    }
}

#[test]
fn bad_input_10_numbers_that_leap_as_far_as_they_can_are_taken_and_wrap_nothing() {
    /// As far as a truncated number reaches.
    const LEAP: u64 = (1 << 31) - 1;
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let watch = scene.watch();
        let first = peer.next;
        for _ in 0..300 {
            peer.next += LEAP - 1;
            let before = received(&slot);
            peer.send(&[1]);
            until("a leap", || received(&slot) > before);
            let largest = slot.with(|_, session| session.largest_received());
            assert_eq!(largest.0, peer.next - 1);
        }
        assert!(peer.next > 1 << 39);
        // What it left behind is late, and so is what only looks new by its low half.
        peer.throw(&peer.packet_of(first + 1, &[1]));
        peer.throw(&peer.packet_of(peer.next - 1 - WINDOW, &[1]));
        watch.drops(&[("late", 1), (late_or_forged(first + 1, peer.next), 1)]);
        // The gaps are not the victim's work: its acks are of what came.
        let before = received(&slot);
        peer.send(&[1]);
        until("normal traffic", || received(&slot) > before);
        slot.with(|_, session| assert!(!session.is_closed()));
    }
}

/// A number's low half is read as that of the nearest to what is expected: where that is another
/// and above, its seal does not hold.
fn late_or_forged(number: u64, expected: u64) -> &'static str {
    let read = PacketNumber(number).truncated().expand(PacketNumber(expected)).0;
    if read < expected - WINDOW { "late" } else { "forged" }
}

#[test]
fn bad_input_11_packets_of_a_phase_without_a_key_are_dropped_and_kept_nowhere() {
    const COUNT: u64 = 1_000;
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let (watch, stranger) = (scene.watch(), scene.stranger());
        let before = slot.with(|_, session| (session.largest_received(), session.floor()));
        // Of the phases after the next and before this one there is no key in any case.
        for phase in [2, 3] {
            let packets = (0..COUNT).map(|step| {
                let number = peer.next + step;
                let head = peer.head_of(0x40 | phase << 2, peer.id, number);
                peer.seal(head, number, &[0; 1_000])
            });
            scene.pour(if phase == 2 { &stranger } else { &peer.udp }, packets);
            scene.go_on();
        }
        watch.drops(&[("no_key", 2 * COUNT)]);
        let after = slot.with(|_, session| (session.largest_received(), session.floor()));
        assert_eq!(after, before);
        assert!(is_unanswered(&stranger));
        let before = received(&slot);
        peer.send(&[1]);
        until("a packet of this phase", || received(&slot) > before);
    }
}

#[test]
fn bad_input_08_a_packet_from_before_a_key_update_is_dropped_whatever_key_its_phase_has() {
    const AGAIN: usize = 100;
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let stranger = scene.stranger();
        let mut once = Vec::new();
        message(UNRELIABLE, None, b"once").encode(&mut once);
        let packet = peer.packet(&once);
        arrives(&peer, &slot, &packet);
        // Its key is the one before the current; it is gone; its phase has the key of four updates
        // later, as the next and as the current one.
        for (updates, reason) in (1..).zip(["replayed", "no_key", "forged", "forged"]) {
            peer.update_key();
            let ping = peer.packet(&[1]);
            arrives(&peer, &slot, &ping);
            let moved = slot.with(|_, session| session.stats().key_updates_received);
            assert_eq!(moved, updates);
            let watch = scene.watch();
            for _ in 0..AGAIN {
                peer.throw(&packet);
            }
            scene.pour(&stranger, core::iter::repeat_n(packet.clone(), AGAIN));
            watch.drops(&[(reason, 2 * AGAIN as u64)]);
        }
        assert!(is_unanswered(&stranger));
        assert_eq!(take(&slot, UNRELIABLE).as_deref(), Some(&b"once"[..]));
        assert_eq!(take(&slot, UNRELIABLE), None);
        replies_go_where_they_went(&scene, &mut peer, &slot);
    }
}

/// Throws a packet that the victim takes in.
fn arrives(peer: &Peer, slot: &biplane_net::Slot, packet: &[u8]) {
    let before = received(slot);
    peer.throw(packet);
    until("the packet", || received(slot) == before + 1);
}

#[test]
fn bad_input_11_packets_of_a_phase_to_come_are_dropped_until_its_key_is_there() {
    const COUNT: u64 = 1_000;
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        peer.update_key();
        let ping = peer.packet(&[1]);
        arrives(&peer, &slot, &ping);
        // Two updates ahead: sealed as they should be, and too early.
        let (watch, key) = (scene.watch(), peer.key_ahead(2));
        let mut early = Vec::new();
        message(UNRELIABLE, None, b"early").encode(&mut early);
        early.resize(1_000, 0);
        let packets: Vec<_> = (0..COUNT)
            .map(|step| key.seal(peer.head_ahead(2, peer.next + step), peer.next + step, &early))
            .collect();
        scene.pour(&peer.udp, packets.iter().cloned());
        watch.drops(&[("no_key", COUNT)]);
        // Their key comes, and they do not.
        peer.next += COUNT;
        for _ in 0..2 {
            peer.update_key();
            let ping = peer.packet(&[1]);
            arrives(&peer, &slot, &ping);
        }
        scene.go_on();
        assert_eq!(take(&slot, UNRELIABLE), None);
        // Sent once more they are as good as any.
        arrives(&peer, &slot, packets.last().unwrap());
        assert_eq!(take(&slot, UNRELIABLE).as_deref(), Some(&b"early"[..]));
    }
}

/// Both sides begin so many numbers before the last.
fn near_the_top(role: Victim, numbers: u64) -> Scene {
    let first_packet = PacketNumber(PacketNumber::MAX.0 - numbers);
    Scene::of(role, Ipv4Addr::LOCALHOST, &EndpointConfig { first_packet, ..config() })
}

#[test]
fn bad_input_10_the_last_number_is_taken_once_and_nothing_comes_after_it() {
    for role in Victim::BOTH {
        let scene = near_the_top(role, 100_000);
        let (mut peer, slot) = scene.flying();
        let last = PacketNumber::MAX.0;
        for number in [last - 2, last - 1, last] {
            peer.next = number;
            let packet = peer.packet(&[1]);
            arrives(&peer, &slot, &packet);
        }
        assert_eq!(slot.with(|_, session| session.largest_received()), PacketNumber::MAX);
        let watch = scene.watch();
        peer.throw(&peer.packet_of(last, &[1]));
        for beyond in [1, 2, 1_000, 1 << 31, 1 << 32] {
            peer.throw(&peer.packet_of(last + beyond, &[1]));
        }
        // What is beyond reads as far below, but for the one that reads as the last itself.
        watch.drops(&[("replayed", 1), ("late", 4), ("forged", 1)]);
        assert_eq!(slot.with(|_, session| session.largest_received()), PacketNumber::MAX);
        slot.with(|_, session| assert!(!session.is_closed()));
        // There is a way back, and it goes on.
        replies_go_where_they_went(&scene, &mut peer, &slot);
    }
}

#[test]
fn bad_input_10_a_session_without_numbers_left_ends_and_does_not_wrap() {
    const NUMBERS: u64 = 3_000;
    for role in Victim::BOTH {
        let scene = near_the_top(role, NUMBERS);
        let (mut peer, slot) = scene.flying();
        let watch = scene.watch();
        let mut last = 0;
        while !slot.with(|_, session| session.is_closed()) {
            say(&scene, &slot);
            while let Some((number, _)) = peer.try_receive() {
                last = last.max(number);
                peer.acknowledge(number);
            }
        }
        let reason = slot.with(|_, session| session.close_reason().cloned().unwrap());
        assert_eq!(reason.name(), "keys_exhausted");
        assert_eq!(last, PacketNumber::MAX.0 - 1);
        drop(peer);
        watch.left(&[("keys_exhausted", 1)]);
    }
}

#[test]
fn bad_input_10_a_key_is_left_at_its_limit_and_never_serves_beyond_it() {
    const LIMIT: u64 = 50;
    const UPDATES: u64 = 20;
    for role in Victim::BOTH {
        let mut config = config();
        config.session.key_packets = LIMIT;
        let scene = Scene::of(role, Ipv4Addr::LOCALHOST, &config);
        let (mut peer, slot) = scene.flying();
        let mut under = BTreeMap::<u8, u64>::new();
        while u64::from(peer.updates[1]) < UPDATES {
            say(&scene, &slot);
            let (number, _) = peer.receive();
            *under.entry(peer.updates[1]).or_default() += 1;
            // The next key waits for a word that this one is known.
            let before = received(&slot);
            peer.acknowledge(number);
            until("the ack", || received(&slot) > before);
        }
        assert!(under.values().all(|packets| *packets <= LIMIT), "{under:?}");
        let moved = slot.with(|_, session| session.stats().key_updates_sent);
        assert!((UPDATES..=UPDATES + 1).contains(&moved), "{moved}");
        scene.go_on();
    }
}

/// The victim sends its peer a message, if it still can.
fn say(scene: &Scene, slot: &biplane_net::Slot) {
    slot.with(|now, session| session.send(now, channel(UNRELIABLE), b"word".as_slice().into()))
        .ok();
    slot.queued();
    scene.endpoint.flush();
}

/// The rig's own keys are the real ones, whichever algorithm was agreed on.
#[test]
fn the_second_implementation_is_understood_under_each_algorithm() {
    let scene = Scene::new(Victim::Server);
    for aead in [Aead::Aes128Gcm, Aead::ChaCha20Poly1305] {
        let mut peer = Peer::join_with(scene.address(), &[aead]);
        let slot = scene.endpoint.sessions().last().unwrap().clone();
        peer.send_frames(&[message(UNRELIABLE, None, b"understood")]);
        let said = eventually("a message", || take(&slot, UNRELIABLE));
        assert_eq!(said, b"understood"[..]);
        peer.challenge();
        peer.receive();
    }
}
