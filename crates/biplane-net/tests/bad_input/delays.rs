//! Input 28: packets that come again, out of their order, or long after they were sent.

use std::time::{Duration, Instant};

use biplane_net::Slot;
use biplane_proto::SessionStats;
use biplane_wire::{Frame, Record};

use crate::rig::{ORDERED, Peer, SEQUENCED, Scene, UNORDERED, UNRELIABLE, message, take, until};

/// Every kind of channel that rides UDP, and whether its messages have numbers.
const KINDS: [(u8, Option<u32>); 4] =
    [(ORDERED, Some(0)), (UNORDERED, Some(0)), (SEQUENCED, Some(0)), (UNRELIABLE, None)];
/// The replay window of a quiet session.
const WINDOW: u64 = 1_024;
/// How long packets are held up.
const HELD: Duration = Duration::from_secs(30);

fn stats(slot: &Slot) -> SessionStats {
    slot.with(|_, session| session.stats())
}

/// The next packet, with a message of each kind.
fn one_of_each(peer: &mut Peer) -> Vec<u8> {
    let mut plaintext = Vec::new();
    for (kind, sequence) in KINDS {
        message(kind, sequence, b"once").encode(&mut plaintext);
    }
    peer.packet(&plaintext)
}

/// How many messages of each kind can be taken.
fn taken(slot: &Slot) -> [usize; 4] {
    KINDS.map(|(kind, _)| core::iter::from_fn(|| take(slot, kind)).count())
}

/// Sends a datagram that the victim takes in.
fn arrives(peer: &Peer, slot: &Slot, packet: &[u8]) {
    let before = stats(slot).packets_received;
    peer.throw(packet);
    until("the packet", || stats(slot).packets_received == before + 1);
}

#[test]
fn bad_input_28_a_packet_that_comes_a_hundred_times_is_taken_in_once() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let watch = scene.watch();
        let packet = one_of_each(&mut peer);
        for _ in 0..100 {
            peer.throw(&packet);
        }
        watch.drops(&[("replayed", 99)]);
        assert_eq!(taken(&slot), [1; 4], "{:?}", scene.role);
    }
}

#[test]
fn bad_input_28_a_message_in_a_hundred_packets_is_delivered_once_where_it_has_a_number() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let watch = scene.watch();
        for _ in 0..100 {
            let packet = one_of_each(&mut peer);
            arrives(&peer, &slot, &packet);
        }
        // Without a number, they are a hundred messages.
        assert_eq!(taken(&slot), [1, 1, 1, 100], "{:?}", scene.role);
        let stats = stats(&slot);
        assert_eq!((stats.messages_duplicated, stats.messages_late), (3 * 99, 0));
        watch.drops(&[]);
        slot.with(|_, session| assert!(!session.is_closed()));
    }
}

#[test]
fn bad_input_28_what_ten_thousand_packets_have_overtaken_is_late() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let watch = scene.watch();
        let held = one_of_each(&mut peer);
        // At its edge the window still holds what it overtakes.
        let first = peer.next;
        let within = one_of_each(&mut peer);
        peer.next = first + WINDOW - 1;
        let packet = peer.packet(&[1]);
        arrives(&peer, &slot, &packet);
        arrives(&peer, &slot, &within);
        assert_eq!(taken(&slot), [1; 4], "{:?}", scene.role);
        peer.throw(&held);
        watch.drops(&[("late", 1)]);
        peer.next += 10_000;
        let packet = peer.packet(&[1]);
        arrives(&peer, &slot, &packet);
        peer.throw(&held);
        peer.throw(&within);
        watch.drops(&[("late", 3)]);
        assert_eq!(taken(&slot), [0; 4], "{:?}", scene.role);
    }
}

#[test]
fn bad_input_28_a_window_of_packets_in_reverse_is_delivered_whole_and_in_order() {
    let count = u32::try_from(WINDOW).unwrap();
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let watch = scene.watch();
        let packets: Vec<_> = (0..count)
            .map(|number| {
                let mut plaintext = Vec::new();
                message(ORDERED, Some(number), &number.to_be_bytes()).encode(&mut plaintext);
                peer.packet(&plaintext)
            })
            .collect();
        packets.iter().rev().for_each(|packet| arrives(&peer, &slot, packet));
        for number in 0..count {
            assert_eq!(take(&slot, ORDERED).as_deref(), Some(&number.to_be_bytes()[..]));
        }
        watch.drops(&[]);
    }
}

#[test]
fn bad_input_28_what_was_held_up_for_thirty_seconds_is_stale_or_delivered_once() {
    let scenes: Vec<_> = Scene::both().collect();
    let mut held: Vec<_> = scenes
        .iter()
        .map(|scene| {
            let (mut peer, slot) = scene.flying();
            let packet = one_of_each(&mut peer);
            // What is reliable was sent again meanwhile, and what is sequenced has a successor.
            let again = [message(ORDERED, Some(0), b"once"), message(UNORDERED, Some(0), b"once")];
            peer.send_frames(&[&again[..], &[message(SEQUENCED, Some(1), b"newer")]].concat());
            (peer, slot, packet)
        })
        .collect();
    let start = Instant::now();
    while start.elapsed() < HELD {
        for (scene, (peer, ..)) in scenes.iter().zip(&mut held) {
            peer.write_record(&Record::Ping { token: 1 });
            peer.send_frames(&[Frame::Ping]);
            while peer.try_receive().is_some() {}
            scene.go_on();
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    for (scene, (peer, slot, packet)) in scenes.iter().zip(&held) {
        assert_eq!(taken(slot), [1, 1, 1, 0], "{:?}", scene.role);
        let (watch, before) = (scene.watch(), stats(slot));
        arrives(peer, slot, packet);
        assert_eq!(taken(slot), [0, 0, 0, 1], "{:?}", scene.role);
        let after = stats(slot);
        assert_eq!(after.messages_duplicated - before.messages_duplicated, 2);
        assert_eq!(after.messages_late - before.messages_late, 1);
        peer.throw(packet);
        watch.drops(&[("replayed", 1)]);
        assert_eq!(taken(slot), [0; 4]);
        slot.with(|_, session| assert!(!session.is_closed()));
    }
}
