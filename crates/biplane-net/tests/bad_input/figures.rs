//! What bad packets leave in the figures of the session they name.

use biplane_net::Slot;
use biplane_proto::Drops;

use crate::rig::{Peer, Scene, Victim, until};

fn drops(slot: &Slot) -> Drops {
    slot.with(|_, session| session.stats().drops)
}

/// Names and counts, without those that are nothing.
fn named(drops: &Drops) -> Vec<(&'static str, u64)> {
    let named = drops.iter().map(|(reason, count)| (reason.name(), count));
    named.filter(|(_, count)| *count > 0).collect()
}

/// Packets of every kind that a session drops, so many of each.
fn bad_packets(peer: &mut Peer, slot: &Slot, stranger: &std::net::UdpSocket, count: usize) {
    let far = 1 << 20;
    peer.next += far;
    let known = peer.packet(&[1]);
    let before = slot.with(|_, session| session.stats().packets_received);
    peer.throw(&known);
    until("a packet", || slot.with(|_, session| session.stats().packets_received) > before);
    let elsewhere = peer.packet(&[1]);
    let late = peer.packet_of(peer.next - far / 2, &[1]);
    let mut forged = peer.packet(&[1]);
    *forged.last_mut().unwrap() ^= 1;
    let head = peer.head_of(0x40 | 2 << 2, peer.id, peer.next);
    let no_key = peer.seal(head, peer.next, &[0; 100]);
    for _ in 0..count {
        for datagram in [&known, &late, &forged, &no_key] {
            peer.throw(datagram);
        }
        stranger.send_to(&elsewhere, peer.victim).unwrap();
    }
}

#[test]
fn a_session_counts_its_own_drops_and_the_endpoint_all_of_them() {
    for scene in Scene::both() {
        let (mut first, one) = scene.flying();
        let (mut second, two) = scene.flying();
        let stranger = scene.stranger();
        let watch = scene.watch();
        bad_packets(&mut first, &one, &stranger, 3);
        bad_packets(&mut second, &two, &stranger, 5);
        stranger.send_to(&[], scene.address()).unwrap();
        // A server takes in what comes from elsewhere, the first time.
        let follows = scene.role == Victim::Server;
        let counts = |each, sessions| {
            let replayed = if follows { 2 * each - sessions } else { each };
            let mut counts =
                vec![("no_key", each), ("late", each), ("forged", each), ("replayed", replayed)];
            if !follows {
                counts.push(("other_path", each));
            }
            counts
        };
        watch.drops(&[&counts(8, 2)[..], &[("empty", 1)]].concat());
        assert_eq!(named(&drops(&one)), counts(3, 1));
        assert_eq!(named(&drops(&two)), counts(5, 1));
        for slot in [one, two] {
            slot.with(|_, session| assert!(!session.is_closed()));
        }
    }
}
