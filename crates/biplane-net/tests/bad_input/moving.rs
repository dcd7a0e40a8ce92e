//! Inputs 21, 22 and 27: challenges without end, a client of many addresses, and peers that are not
//! there any more.

use std::{net::UdpSocket, time::Instant};

use biplane_net::Slot;
use biplane_proto::Violation;
use biplane_wire::Frame;

use crate::rig::{Peer, Scene, UNRELIABLE, Victim, channel, until};

/// More than an honest peer would ask in the time.
const CHALLENGES: u32 = 1_500;
/// Packets that a client sends from elsewhere.
const PACKETS: usize = 200;

fn received(slot: &Slot) -> u64 {
    slot.with(|_, session| session.stats().packets_received)
}

fn say(scene: &Scene, slot: &Slot) {
    let payload = vec![7; 100].into();
    slot.with(|now, session| session.send(now, channel(UNRELIABLE), payload)).unwrap();
    slot.queued();
    scene.endpoint.flush();
}

/// Sends the peer's next packets, one from each socket in turn, each once the last was taken in.
fn send_from(peer: &mut Peer, slot: &Slot, sockets: &[UdpSocket]) {
    for place in 0..PACKETS {
        let before = received(slot);
        let packet = peer.packet(&[1]);
        sockets[place % sockets.len()].send_to(&packet, peer.victim).unwrap();
        until("the packet", || received(slot) > before);
    }
}

/// How long the datagrams are that came to these.
fn heard(sockets: &[UdpSocket]) -> Vec<usize> {
    let mut heard = Vec::new();
    for socket in sockets {
        socket.set_nonblocking(true).unwrap();
        heard.extend(core::iter::from_fn(|| socket.recv(&mut [0; 2_048]).ok()));
    }
    heard
}

#[test]
fn bad_input_21_challenges_without_end_from_a_peer_that_acknowledges_nothing_end_its_session() {
    for scene in Scene::both() {
        let flood = Violation::ChallengeFlood;
        scene.is_violation("challenges without end", flood, |peer| {
            for _ in 0..CHALLENGES {
                peer.send_frames(&[Frame::PathChallenge([7; 8])]);
            }
        });
    }
}

#[test]
fn bad_input_22_a_client_of_many_addresses_is_asked_once_a_second_and_moves_nothing() {
    let many = |count| (0..count).map(|_| UdpSocket::bind("127.0.0.2:0").unwrap()).collect();
    let scene = Scene::new(Victim::Server);
    // A port for each packet, and one address of a third party's.
    for sockets in [many(PACKETS), many(1)] {
        let sockets: Vec<UdpSocket> = sockets;
        let (mut peer, slot) = scene.flying();
        while peer.try_receive().is_some() {}
        let begin = Instant::now();
        send_from(&mut peer, &slot, &sockets);
        say(&scene, &slot);
        let data = |text: &[u8]| text.windows(50).any(|part| part == [7; 50]);
        until("data at the old address", || {
            core::iter::from_fn(|| peer.try_receive()).any(|(_, text)| data(&text))
        });
        scene.go_on();
        let seconds = usize::try_from(begin.elapsed().as_secs()).unwrap();
        let heard = heard(&sockets);
        assert!(!heard.is_empty(), "nobody was asked");
        assert!(heard.len() <= seconds + 1, "{} in {seconds} s", heard.len());
        assert!(heard.iter().all(|len| *len == 40), "{heard:?}");
        slot.with(|_, session| {
            assert_eq!(session.stats().path.changes, 0);
            assert!(!session.is_closed());
        });
    }
}

#[test]
fn bad_input_22_a_client_that_has_moved_is_served_where_it_answers() {
    let scene = Scene::new(Victim::Server);
    let (mut peer, slot) = scene.flying();
    peer.udp = UdpSocket::bind("127.0.0.3:0").unwrap();
    peer.udp.set_nonblocking(true).unwrap();
    peer.send(&[1]);
    until("the move", || {
        peer.respond();
        slot.with(|_, session| session.stats().path.changes) == 1
    });
    say(&scene, &slot);
    peer.receive();
}

#[test]
fn bad_input_27_peers_that_are_not_there_any_more_are_nobody_elses_trouble() {
    for scene in Scene::both() {
        let watch = scene.watch();
        let gone: Vec<_> = (0..4)
            .map(|_| {
                let (mut peer, slot) = scene.flying();
                // Its port is closed: each datagram to it is answered by an ICMP error.
                peer.udp = scene.stranger();
                (peer, slot)
            })
            .collect();
        for _ in 0..50 {
            gone.iter().for_each(|(_, slot)| say(&scene, slot));
            scene.go_on();
        }
        for (_, slot) in &gone {
            assert!(slot.with(|_, session| !session.is_closed()));
        }
        watch.drops(&[]);
        assert_eq!(scene.endpoint.stats().datagrams.unsent, 0);
    }
}
