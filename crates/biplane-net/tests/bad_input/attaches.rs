//! Input 39, of the connection that carries the bytes of transfers: claims that do not hold, and what
//! may not be said on one that does.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use biplane_net::{IncomingTransfer, Slot, TransferSource};
use biplane_proto::{Event, TransferError, Violation, limits};
use biplane_wire::{
    Answer, Bulk, DecodeError, Record, Resume, TransferId, TransferOutcome, TransferStep,
};
use bytes::Bytes;

use crate::rig::{Peer, Scene, Tls, Victim, eventually, read_answer, read_block, until};

const ID: TransferId = TransferId(0);
const LENGTH: u64 = 100;

impl Peer {
    fn step(&mut self, number: u32, step: TransferStep<'_>) {
        self.write_record(&Record::Transfer { number, step });
    }

    fn offer(&mut self) {
        self.step(0, TransferStep::Offer { id: ID, length: LENGTH, name: "map" });
    }

    /// Attaches a connection, as an honest client does; and what came with the welcome.
    fn attach(&self, scene: &Scene, count: u32) -> (Tls, Vec<u8>) {
        let mut tls = connect(scene);
        let claim = self.attach_proof(count, &tls.attach_binding());
        tls.write_all(Self::attach_hello(self.name(), claim).hello()).unwrap();
        let (answer, unread) = read_block(&mut tls, Answer::len_of);
        assert!(matches!(Answer::decode(&answer), Ok(Answer::Welcome(_))));
        (tls, unread)
    }
}

fn connect(scene: &Scene) -> Tls {
    Tls::connect(Peer::dial(scene.address()))
}

fn write(tls: &mut Tls, records: &[Bulk<'_>]) {
    let mut bytes = Vec::new();
    records.iter().for_each(|record| record.encode(&mut bytes));
    tls.write_all(&bytes).unwrap();
}

fn chunk(offset: u64, bytes: &[u8]) -> Bulk<'_> {
    Bulk::Chunk { id: ID, offset, bytes }
}

/// Says a hello, and is refused like everybody.
fn is_refused(mut tls: Tls, hello: &[u8], what: &str) {
    tls.write_all(hello).unwrap();
    let refused = Answer::Refused { code: 410, retry_after_ms: 0, text: "no such session".into() };
    assert_eq!(read_answer(&mut tls), refused, "{what}");
}

fn accept(slot: &Slot) -> IncomingTransfer {
    let offer = eventually("an offer", || {
        slot.with(|_, session| match session.poll_event() {
            Some(Event::Offered(offer)) => Some(offer),
            _ => None,
        })
    });
    slot.accept_transfer(offer.id, offer.length).unwrap()
}

/// A hostile session, whose peer has attached a connection and may send the bytes of a transfer.
fn attached(scene: &Scene) -> (Peer, Arc<Slot>, Tls, IncomingTransfer) {
    let (mut peer, slot) = scene.flying();
    peer.offer();
    let incoming = accept(&slot);
    let (mut tls, mut said) = peer.attach(scene, 1);
    // What may come is said first.
    let have = Bulk::Have { id: ID, received: 0, limit: limits::TRANSFER_WINDOW };
    while Bulk::decode(&said).unwrap().is_none() {
        let mut more = [0; 64];
        let len = tls.read(&mut more).unwrap();
        said.extend_from_slice(&more[..len]);
    }
    assert_eq!(Bulk::decode(&said).unwrap().map(|(record, _)| record), Some(have));
    (peer, slot, tls, incoming)
}

fn ends_by(slot: &Slot, violation: Violation, what: &str) {
    until(what, || slot.with(|_, session| session.is_closed()));
    let reason = slot.with(|_, session| session.close_reason().cloned());
    let expected = biplane_proto::CloseReason::Violation(violation);
    assert_eq!(reason, Some(expected), "{what}");
}

#[test]
fn bad_input_39_a_connection_is_attached_by_a_proof_of_its_own_once_and_alone() {
    let scene = Scene::new(Victim::Server);
    let (mut peer, slot) = scene.flying();
    let (other, _other_slot) = scene.flying();
    let (name, watch) = (peer.name(), scene.watch());
    let mut count = 0;
    let mut refused = |what, name: [u8; 16], spoil: &dyn Fn(&Tls, Resume) -> Resume| {
        let tls = connect(&scene);
        let claim = spoil(&tls, peer.attach_proof(1, &tls.attach_binding()));
        is_refused(tls, Peer::attach_hello(name, claim).hello(), what);
        count += 1;
    };
    refused("an unknown name", [7; 16], &|_, claim| claim);
    refused("another's name", other.name(), &|_, claim| claim);
    refused("a bit", name, &|_, mut claim| {
        claim.proof[31] ^= 1;
        claim
    });
    refused("another count", name, &|_, claim| Resume { count: 2, ..claim });
    refused("the proof of a resume", name, &|tls, _| peer.proof(1, &tls.binding()));
    refused("bound as a resume", name, &|tls, _| peer.attach_proof(1, &tls.binding()));
    for _ in 0..100 {
        refused("a guess", name, &|_, claim| Resume { proof: [0x5a; 32], ..claim });
    }
    let attached = peer.attach(&scene, 1);
    let again = connect(&scene);
    let claim = peer.attach_proof(1, &again.attach_binding());
    is_refused(again, Peer::attach_hello(name, claim).hello(), "the same count again");
    peer.write_record(&Record::Ping { token: 5 });
    let pong = |record: &Record<'_>| (*record == Record::Pong { token: 5 }).then_some(());
    peer.read_records(pong).expect("the control connection goes on");
    slot.with(|_, session| assert!(!session.is_closed()));
    watch.connections(&[("attach_refused", count + 1)]);
    watch.refused(count + 1);
    drop(attached);
}

#[test]
fn bad_input_39_what_may_not_be_said_on_an_attached_connection_ends_its_session() {
    let scene = Scene::new(Victim::Server);
    let range = Violation::TransferRange;
    let more = [7; 101];
    let garbled = Violation::Decode(DecodeError::UnknownType(0x41));
    let cases: [(&str, Violation, &[Bulk<'_>]); 7] = [
        ("a gap", range, &[chunk(1, b"a")]),
        ("bytes again", range, &[chunk(0, b"ab"), chunk(1, b"b")]),
        ("beyond the end", range, &[chunk(0, &more)]),
        ("after the end", range, &[chunk(0, &more[1..]), chunk(100, b"a")]),
        (
            "bytes of what was never offered",
            Violation::UnknownTransfer,
            &[Bulk::Chunk { id: TransferId(1), offset: 0, bytes: b"a" }],
        ),
        (
            "to have what was never offered",
            Violation::UnknownTransfer,
            &[Bulk::Have { id: TransferId(0), received: 0, limit: 1 }],
        ),
        ("a record of the control connection", garbled, &[]),
    ];
    for (what, violation, records) in cases {
        let (_peer, slot, mut tls, incoming) = attached(&scene);
        if records.is_empty() {
            let mut bytes = Vec::new();
            Record::Ping { token: 1 }.encode(&mut bytes);
            tls.write_all(&bytes).unwrap();
        }
        write(&mut tls, records);
        ends_by(&slot, violation, what);
        until("the transfer's end", || incoming.end() == Some(Err(TransferError::Closed)));
    }
}

#[test]
fn bad_input_39_to_have_what_was_not_sent_ends_the_session() {
    let scene = Scene::new(Victim::Server);
    for (what, received, limit) in [("more than was sent", 1, 9), ("less than it had", 0, 0)] {
        let (mut peer, slot) = scene.flying();
        let source = TransferSource::of(Bytes::from_static(b"some bytes"));
        let sent = slot.transfer("map", source).unwrap();
        peer.step(0, TransferStep::Accept { id: ID });
        let (mut tls, _) = peer.attach(&scene, 1);
        if limit == 0 {
            write(&mut tls, &[Bulk::Have { id: ID, received: 0, limit: 9 }]);
        }
        write(&mut tls, &[Bulk::Have { id: ID, received, limit }]);
        ends_by(&slot, Violation::TransferRange, what);
        until("the transfer's end", || sent.end() == Some(Err(TransferError::Closed)));
    }
}

#[test]
fn bad_input_39_another_checksum_is_told_to_both_and_ends_nothing_else() {
    let scene = Scene::new(Victim::Server);
    let (mut peer, slot, mut tls, incoming) = attached(&scene);
    write(&mut tls, &[chunk(0, &[7; 100])]);
    peer.step(1, TransferStep::Checksum { id: ID, sha256: [0xcc; 32] });
    let corrupt = TransferStep::End { id: ID, own: false, outcome: TransferOutcome::Corrupt };
    let is_it = |record: &Record<'_>| {
        matches!(record, Record::Transfer { step, .. } if *step == corrupt).then_some(())
    };
    peer.read_records(is_it).expect("the end of the transfer");
    until("the transfer's end", || incoming.end() == Some(Err(TransferError::Corrupt)));
    // What crosses its end is nothing.
    write(&mut tls, &[chunk(100, b"late")]);
    scene.go_on();
    slot.with(|_, session| assert!(!session.is_closed()));
}

#[test]
fn bad_input_39_more_offers_than_may_be_open_end_the_session() {
    let scene = Scene::new(Victim::Server);
    let most = u32::try_from(limits::TRANSFERS_OPEN).unwrap();
    let (mut peer, slot) = scene.flying();
    for number in 0..=most {
        let id = TransferId(number);
        peer.step(number, TransferStep::Offer { id, length: LENGTH, name: "map" });
    }
    ends_by(&slot, Violation::TooManyTransfers, "one too many");
}
