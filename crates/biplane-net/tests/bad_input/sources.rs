//! Input 26: datagrams that say they come from where nobody can be.
//!
//! A forged source needs `CAP_NET_RAW`, so each test is root of a network of its own. Whatever leaves
//! the victim's port there is seen.

use std::{
    collections::BTreeSet,
    io::IoSliceMut,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
};

use biplane_wire::Frame;
use quinn_udp::{RecvMeta, UdpSocketState};

use crate::{
    raw::{Forged, RawSocket, Tap, Wire, home},
    rig::{Peer, Scene, UNRELIABLE, Victim, channel, config, eventually, until},
};

pub(crate) const TESTS: &[(&str, fn())] = &[
    (
        "sources::bad_input_26_a_source_that_is_nobodys_is_dropped_and_leaves_the_offload_on",
        bad_input_26_a_source_that_is_nobodys_is_dropped_and_leaves_the_offload_on,
    ),
    (
        "sources::bad_input_26_a_sealed_packet_from_nobody_moves_no_session_and_burns_no_number",
        bad_input_26_a_sealed_packet_from_nobody_moves_no_session_and_burns_no_number,
    ),
    (
        "sources::bad_input_26_what_comes_from_nowhere_or_goes_to_many_is_dropped_and_not_answered",
        bad_input_26_what_comes_from_nowhere_or_goes_to_many_is_dropped_and_not_answered,
    ),
    (
        "sources::bad_input_26_another_server_is_not_answered",
        bad_input_26_another_server_is_not_answered,
    ),
    (
        "sources::bad_input_26_a_reflectors_port_is_not_answered_whatever_it_sends",
        bad_input_26_a_reflectors_port_is_not_answered_whatever_it_sends,
    ),
];

/// Ports whose owners answer whatever they are sent.
const REFLECTORS: [u16; 3] = [7, 19, 53];

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(v6) => panic!("{v6}"),
    }
}

fn local(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

/// Sources that no host can have, with the victim's own.
fn nobody(scene: &Scene) -> Vec<SocketAddrV4> {
    let port = 4_000;
    vec![
        v4(scene.address()),
        local(0),
        SocketAddrV4::new([224, 0, 0, 1].into(), port),
        SocketAddrV4::new([239, 255, 255, 250].into(), port),
        SocketAddrV4::new(Ipv4Addr::BROADCAST, port),
    ]
}

/// A packet that proves nothing: its session is not here.
fn unknown() -> Vec<u8> {
    [&[0x40, 1, 2, 3, 4, 0, 0, 0, 0][..], &[0; 60]].concat()
}

/// What the victim says to a peer leaves in runs, as it does where the kernel cuts them; that peer.
fn leaves_in_runs(scene: &Scene) -> Peer {
    let (peer, slot) = scene.flying();
    let gathering = UdpSocketState::new((&peer.udp).into()).unwrap();
    let before = scene.endpoint.stats().datagrams;
    for _ in 0..8 {
        let payload = vec![7; 1_000].into();
        slot.with(|now, session| session.send(now, channel(UNRELIABLE), payload)).unwrap();
    }
    slot.queued();
    scene.endpoint.flush();
    let longest = || {
        let mut buffer = vec![0; 65_535];
        let mut metas = [RecvMeta::default()];
        let mut slices = [IoSliceMut::new(&mut buffer)];
        gathering.recv((&peer.udp).into(), &mut slices, &mut metas).ok()?;
        Some(metas[0].len / metas[0].stride.max(1))
    };
    let segments = eventually("a run", || longest().filter(|segments| *segments > 1));
    assert!(segments > 1);
    let after = scene.endpoint.stats().datagrams;
    assert_eq!(after.runs_split - before.runs_split, 0);
    assert_eq!(after.unsent - before.unsent, 0);
    peer
}

/// Nothing has left the victim's port but for its honest peer's, and `others`. What was forged in its
/// own name is seen too; what it said to itself would have been one more drop.
fn answers_nobody(scene: &Scene, tap: &Tap, others: &[&Peer]) {
    let others = others.iter().map(|peer| peer.udp.local_addr().unwrap());
    let known: BTreeSet<_> = others.chain([home(scene), scene.address()]).map(v4).collect();
    let seen = tap.destinations(scene.address().port());
    assert!(seen.is_subset(&known), "answers to {:?}", seen.difference(&known));
    assert_eq!(scene.endpoint.stats().datagrams.unsent, 0);
}

fn bad_input_26_a_source_that_is_nobodys_is_dropped_and_leaves_the_offload_on() {
    let (raw, tap) = (RawSocket::open().unwrap(), Tap::open());
    for scene in Scene::both() {
        let peer = leaves_in_runs(&scene);
        tap.destinations(0);
        let watch = scene.watch();
        let sources = nobody(&scene);
        let mut sent = 0;
        for _ in 0..100 {
            for from in &sources {
                let to = v4(scene.address());
                raw.send(&Forged { from: *from, to, payload: &unknown() });
                sent += 1;
            }
        }
        watch.drops(&[("bad_source", sent)]);
        answers_nobody(&scene, &tap, &[&peer]);
        leaves_in_runs(&scene);
    }
}

fn bad_input_26_a_sealed_packet_from_nobody_moves_no_session_and_burns_no_number() {
    let (raw, tap) = (RawSocket::open().unwrap(), Tap::open());
    for scene in Scene::both() {
        let (mut peer, slot) = scene.hostile();
        let packet = sealed_challenge(&mut peer);
        let watch = scene.watch();
        let sources = nobody(&scene);
        for from in &sources {
            raw.send(&Forged { from: *from, to: v4(scene.address()), payload: &packet });
        }
        watch.drops(&[("bad_source", u64::try_from(sources.len()).unwrap())]);
        answers_nobody(&scene, &tap, &[&peer]);
        // Where it really comes from, it is as good as ever.
        let before = slot.with(|_, session| session.stats().packets_received);
        peer.throw(&packet);
        let taken = || slot.with(|_, session| session.stats().packets_received);
        until("the packet", || taken() > before);
        leaves_in_runs(&scene);
    }
}

/// What the kernel lets in from a wire alone: from no address at all, and to more than one host.
fn bad_input_26_what_comes_from_nowhere_or_goes_to_many_is_dropped_and_not_answered() {
    const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
    let (wire, tap) = (Wire::open(), Tap::open());
    // Somebody of this host is of the group, so all who are bound to any address hear it.
    let member = UdpSocket::bind("0.0.0.0:0").unwrap();
    member.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST).unwrap();
    for role in Victim::BOTH {
        let scene = Scene::of(role, Ipv4Addr::UNSPECIFIED, &config());
        let gathering = leaves_in_runs(&scene);
        let (mut peer, slot) = scene.hostile();
        let sealed = sealed_challenge(&mut peer);
        tap.destinations(0);
        let watch = scene.watch();
        let port = scene.address().port();
        let neighbour = Ipv4Addr::new(192, 0, 2, 7);
        let ways = [
            (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST),
            (Ipv4Addr::UNSPECIFIED, GROUP),
            (neighbour, Ipv4Addr::BROADCAST),
            (neighbour, GROUP),
        ];
        for (from, to) in ways {
            let (from, to) = (SocketAddrV4::new(from, 4_000), SocketAddrV4::new(to, port));
            for payload in [&unknown(), &sealed] {
                wire.send(&Forged { from, to, payload });
            }
        }
        watch.drops(&[("bad_source", 2 * ways.len() as u64)]);
        answers_nobody(&scene, &tap, &[&peer, &gathering]);
        assert_eq!(slot.with(|_, session| session.stats().packets_received), 0);
        leaves_in_runs(&scene);
    }
}

fn bad_input_26_another_server_is_not_answered() {
    let (raw, tap) = (RawSocket::open().unwrap(), Tap::open());
    for scene in Scene::both() {
        let other = Scene::new(Victim::Server);
        tap.destinations(0);
        let (watch, others) = (scene.watch(), other.watch());
        for _ in 0..100 {
            let (from, to) = (v4(other.address()), v4(scene.address()));
            raw.send(&Forged { from, to, payload: &unknown() });
        }
        watch.drops(&[("unknown_session", 100)]);
        others.drops(&[]);
        answers_nobody(&scene, &tap, &[]);
    }
}

/// A session's first packets say where its peer is: not at a port whose owner answers everything.
fn bad_input_26_a_reflectors_port_is_not_answered_whatever_it_sends() {
    let (raw, tap) = (RawSocket::open().unwrap(), Tap::open());
    for scene in Scene::both() {
        let (mut peer, slot) = scene.hostile();
        let sealed = sealed_challenge(&mut peer);
        let watch = scene.watch();
        for port in REFLECTORS {
            for payload in [&unknown(), &sealed] {
                let (from, to) = (local(port), v4(scene.address()));
                raw.send(&Forged { from, to, payload });
            }
        }
        watch.drops(&[("bad_source", 2 * REFLECTORS.len() as u64)]);
        answers_nobody(&scene, &tap, &[&peer]);
        assert_eq!(slot.with(|_, session| session.stats().packets_received), 0);
    }
}

/// The first packet of a session: it asks for an answer, and pays for it.
fn sealed_challenge(peer: &mut Peer) -> Vec<u8> {
    let mut plaintext = Vec::new();
    Frame::PathChallenge([5; 8]).encode(&mut plaintext);
    plaintext.resize(1_175, 0);
    peer.packet(&plaintext)
}
