//! Inputs 11 and 39: what comes with another control connection, too early, twice, or to somebody
//! else's session.

use std::io::Write;

use biplane_proto::Planes;
use biplane_wire::{Answer, Hello, Record, Resume};

use crate::rig::{Peer, Scene, Tls, Victim, read_answer, read_hello, until};

/// More than any queue could hold without being noticed.
const MANY: u64 = 1_000;

impl Peer {
    /// Whether the victim still hears it on TCP.
    fn is_heard(&mut self, token: u32) {
        self.write_record(&Record::Ping { token });
        let is_it = |record: &Record<'_>| (*record == Record::Pong { token }).then_some(());
        self.read_records(is_it).expect("a pong");
    }
}

fn connect(scene: &Scene) -> Tls {
    Tls::connect(Peer::dial(scene.address()))
}

/// Says a hello, and is refused like everybody.
fn is_refused(mut tls: Tls, hello: &[u8], what: &str) {
    tls.write_all(hello).unwrap();
    let refused = Answer::Refused { code: 410, retry_after_ms: 0, text: "no such session".into() };
    assert_eq!(read_answer(&mut tls), refused, "{what}");
}

#[test]
fn bad_input_39_a_proof_holds_on_its_own_connection_once_and_alone() {
    let scene = Scene::new(Victim::Server);
    let (mut peer, slot) = scene.flying();
    let (name, watch) = (peer.name(), scene.watch());
    let mut meant = connect(&scene);
    let resume = peer.proof(1, &meant.binding());
    let dialing = peer.hello(name, resume);
    let elsewhere = connect(&scene);
    is_refused(elsewhere, dialing.hello(), "said on another connection");
    peer.is_heard(1);
    meant.write_all(dialing.hello()).unwrap();
    let peer = peer.resumed(meant, &dialing);
    // The connection of before is displaced; what was said once is worth nothing any more.
    is_refused(connect(&scene), dialing.hello(), "said again");
    let mut peer = peer;
    peer.is_heard(2);
    peer.send(&[1]);
    until("packets under the new keys", || peer.try_receive().is_some());
    slot.with(|_, session| assert!(!session.is_closed() && session.planes() == Planes::Both));
    watch.connections(&[("resume_refused", 2)]);
    watch.refused(2);
    assert_eq!(scene.endpoint.stats().sessions.resumed, 1);
}

#[test]
fn bad_input_39_a_claim_that_does_not_hold_is_refused_and_costs_its_session_nothing() {
    let scene = Scene::new(Victim::Server);
    let (mut peer, _slot) = scene.flying();
    let (other, _other_slot) = scene.flying();
    let (name, watch) = (peer.name(), scene.watch());
    let mut count = 0;
    let mut refused = |what, name: [u8; 16], spoil: &dyn Fn(&Peer, Resume) -> Resume| {
        let tls = connect(&scene);
        let resume = spoil(&peer, peer.proof(1, &tls.binding()));
        is_refused(tls, peer.hello(name, resume).hello(), what);
        count += 1;
    };
    refused("an unknown name", [7; 16], &|_, resume| resume);
    refused("another's name", other.name(), &|_, resume| resume);
    refused("a bit", name, &|_, mut resume| {
        resume.proof[31] ^= 1;
        resume
    });
    refused("no proof", name, &|_, resume| Resume { proof: [0; 32], ..resume });
    refused("another count", name, &|_, resume| Resume { count: 2, ..resume });
    refused("a count that is past", name, &|peer, _| peer.proof(0, &[0; 32]));
    for _ in 0..100 {
        refused("a guess", name, &|_, resume| Resume { proof: [0x5a; 32], ..resume });
    }
    peer.is_heard(1);
    watch.connections(&[("resume_refused", count)]);
    watch.refused(count);
    assert_eq!(scene.endpoint.sessions().len(), 3, "and nothing grows");
}

#[test]
fn bad_input_11_packets_of_the_next_keys_that_come_too_early_are_dropped() {
    let scene = Scene::new(Victim::Client);
    let (peer, slot) = scene.flying_by_name();
    peer.tls.tcp().shutdown(std::net::Shutdown::Both).unwrap();
    let mut tls = scene.doors.accept_tls();
    let hello = read_hello(&mut tls);
    let said = Hello::decode(&hello).unwrap().parameters;
    assert_eq!(
        (said.session, said.resume),
        (Some(peer.name()), Some(peer.proof(1, &tls.binding())))
    );
    // The client knows its new receive id, and has no keys for it before the welcome.
    let (stranger, watch, sessions) = (scene.stranger(), scene.watch(), scene.endpoint.sessions());
    let early = (0..MANY).map(|number| {
        let number = peer.next + number;
        peer.seal(peer.head_of(0x40, said.receive_id.0, number), number, &[1; 31])
    });
    scene.pour(&stranger, early);
    watch.drops(&[("unknown_session", MANY)]);
    let mut peer = peer.take_back(tls, hello);
    until("packets under the new keys", || peer.try_receive().is_some());
    peer.is_heard(1);
    slot.with(|_, session| assert!(!session.is_closed()));
    assert_eq!(scene.endpoint.sessions().len(), sessions.len(), "and nothing grows");
}

#[test]
fn bad_input_11_neither_keys_nor_ids_of_two_connections_go_together() {
    let scene = Scene::new(Victim::Server);
    let (before, slot) = scene.flying();
    let (id, next) = (before.id, before.next);
    let name = before.name();
    let mut tls = connect(&scene);
    let dialing = before.hello(name, before.proof(1, &tls.binding()));
    tls.write_all(dialing.hello()).unwrap();
    let mut peer = before.resumed(tls, &dialing);
    let (stranger, watch) = (scene.stranger(), scene.watch());
    let numbers = || (0..MANY).map(|number| next + number);
    // Both ids are heard, for nothing has come under the new keys yet.
    scene.pour(
        &stranger,
        numbers().map(|number| peer.seal(peer.head_of(0x40, id, number), number, &[1; 31])),
    );
    scene.pour(
        &stranger,
        numbers().map(|number| {
            peer.seal_as_before(peer.head_of(0x40, peer.id, number), number, &[1; 31])
        }),
    );
    // Two phases ahead there is no key of either.
    let ahead = 0x40 | 2 << 2;
    for id in [id, peer.id] {
        scene.pour(
            &stranger,
            numbers().map(|number| peer.seal(peer.head_of(ahead, id, number), number, &[1; 31])),
        );
    }
    watch.drops(&[("forged", 2 * MANY), ("no_key", 2 * MANY)]);
    peer.send(&[1]);
    until("packets under the new keys", || peer.try_receive().is_some());
    slot.with(|_, session| assert!(!session.is_closed()));
}
