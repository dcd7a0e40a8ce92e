//! Input 26: datagrams that say they come from where nobody can be.
//!
//! A forged source needs `CAP_NET_RAW`; without it, there is nothing here to show, and that is said.

use std::{
    io::IoSliceMut,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
};

use biplane_proto::DropReason;
use biplane_wire::Frame;
use quinn_udp::{RecvMeta, UdpSocketState};

use crate::rig::{
    Forged, Peer, RawSocket, Scene, UNRELIABLE, Victim, channel, eventually, is_unanswered, until,
};

/// Ports whose owners answer whatever they are sent.
const REFLECTORS: [u16; 3] = [7, 19, 53];

fn raw() -> Option<RawSocket> {
    let raw = RawSocket::open();
    if raw.is_none() {
        eprintln!("not shown: forging a source needs CAP_NET_RAW");
    }
    raw
}

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

/// What the victim says to `peer` leaves in runs, as it does where the kernel cuts them.
fn leaves_in_runs(scene: &Scene) {
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
}

#[test]
fn bad_input_26_a_source_that_is_nobodys_is_dropped_and_leaves_the_offload_on() {
    let Some(raw) = raw() else { return };
    for scene in Scene::both() {
        leaves_in_runs(&scene);
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
        leaves_in_runs(&scene);
        assert_eq!(scene.endpoint.stats().datagrams.unsent, 0);
    }
}

#[test]
fn bad_input_26_a_sealed_packet_from_nobody_moves_no_session_and_burns_no_number() {
    let Some(raw) = raw() else { return };
    for scene in Scene::both() {
        let (mut peer, slot) = scene.hostile();
        let packet = sealed_challenge(&mut peer);
        let watch = scene.watch();
        let sources = nobody(&scene);
        for from in &sources {
            raw.send(&Forged { from: *from, to: v4(scene.address()), payload: &packet });
        }
        watch.drops(&[("bad_source", u64::try_from(sources.len()).unwrap())]);
        assert_eq!(scene.endpoint.stats().datagrams.unsent, 0);
        // Where it really comes from, it is as good as ever.
        let before = slot.with(|_, session| session.stats().packets_received);
        peer.throw(&packet);
        until("the packet", || slot.with(|_, session| session.stats().packets_received) > before);
        leaves_in_runs(&scene);
    }
}

#[test]
fn bad_input_26_another_server_is_not_answered() {
    let Some(raw) = raw() else { return };
    for scene in Scene::both() {
        let other = Scene::new(Victim::Server);
        let (watch, others) = (scene.watch(), other.watch());
        for _ in 0..100 {
            let (from, to) = (v4(other.address()), v4(scene.address()));
            raw.send(&Forged { from, to, payload: &unknown() });
        }
        watch.drops(&[("unknown_session", 100)]);
        others.drops(&[]);
    }
}

#[test]
fn bad_input_26_a_stranger_at_a_reflectors_port_is_not_answered() {
    let Some(raw) = raw() else { return };
    for scene in Scene::both() {
        let watch = scene.watch();
        // Where they cannot be bound, nobody is there to be answered.
        let ports =
            REFLECTORS.map(|port| (port, UdpSocket::bind(SocketAddr::V4(local(port))).ok()));
        for (port, _) in &ports {
            let (from, to) = (local(*port), v4(scene.address()));
            raw.send(&Forged { from, to, payload: &unknown() });
        }
        watch.drops(&[("bad_source", 3)]);
        assert!(ports.iter().flat_map(|(_, socket)| socket).all(is_unanswered));
    }
}

/// A session's first packets say where its peer is: not at a port whose owner answers everything.
#[test]
fn bad_input_26_a_sealed_packet_from_a_reflector_is_dropped() {
    let Some(raw) = raw() else { return };
    for port in REFLECTORS {
        let scene = Scene::new(Victim::Server);
        let (mut peer, slot) = scene.hostile();
        let packet = sealed_challenge(&mut peer);
        let watch = scene.watch();
        raw.send(&Forged { from: local(port), to: v4(scene.address()), payload: &packet });
        let taken = || slot.with(|_, session| session.stats().packets_received);
        let dropped = || scene.endpoint.stats().datagrams.drops.count(DropReason::BadSource);
        until("the packet, in or out", || taken() + dropped() > 0);
        assert_eq!(taken(), 0, "a packet from port {port} was taken in");
        watch.drops(&[("bad_source", 1)]);
    }
}

/// The first packet of a session: it asks for an answer, and pays for it.
fn sealed_challenge(peer: &mut Peer) -> Vec<u8> {
    let mut plaintext = Vec::new();
    Frame::PathChallenge([5; 8]).encode(&mut plaintext);
    plaintext.resize(1_175, 0);
    peer.packet(&plaintext)
}
