//! Inputs 34 and 35: records cut, too long, out of turn, and said too early.

use std::io::{Read, Write};

use biplane_net::{ConnectError, Slot, Step};
use biplane_proto::{Event, Violation};
use biplane_wire::{Aead, Chunk, DecodeError, Record, ReplyOutcome, RequestId, limits::RECORD};

use crate::rig::{
    COMMAND, Peer, Scene, Tls, Victim, begin_connect, channel, eventually,
    nobody_reserved_by_a_claim, parameters, take, until,
};

/// A command, piece by piece.
type Pieces<'a> = &'a [(Chunk, &'a [u8])];

const CHUNK_FIRST: Chunk = Chunk { first: true, last: false };
const CHUNK_MIDDLE: Chunk = Chunk { first: false, last: false };
const CHUNK_LAST: Chunk = Chunk { first: false, last: true };
/// Bytes of a command record before its message: type, number, chunk, channel.
const COMMAND_HEAD: usize = 7;

fn command(number: u32, chunk: Chunk, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Record::Command { number, chunk, channel: channel(COMMAND), bytes }.encode(&mut out);
    out
}

fn whole(number: u32, bytes: &[u8]) -> Vec<u8> {
    command(number, Chunk::WHOLE, bytes)
}

fn taken(slot: &Slot) -> Vec<u8> {
    eventually("a command", || take(slot, COMMAND)).to_vec()
}

#[test]
fn bad_input_34_lengths_that_no_record_has_end_their_session() {
    let too_long = Violation::Decode(DecodeError::TooLong { field: "record", limit: RECORD });
    let none = Violation::Decode(DecodeError::OutOfRange { field: "record length" });
    let cut = |missing| Violation::Decode(DecodeError::Truncated { missing });
    let [high, low] = u16::try_from(RECORD + 1).unwrap().to_be_bytes();
    let cases: [(&str, Violation, &[u8]); 6] = [
        ("0", none, &[0, 0]),
        ("1", cut(4), &[0, 1, 0x60]),
        ("too short for its type", cut(2), &[0, 3, 0x40, 0, 0]),
        ("one too many", too_long, &[high, low]),
        ("all bits", too_long, &[0xff, 0xff, 0xff, 0xff]),
        (
            "a byte left over",
            Violation::Decode(DecodeError::Trailing(1)),
            &[0, 6, 0x41, 0, 0, 0, 0, 9],
        ),
    ];
    for scene in Scene::both() {
        for (what, violation, bytes) in cases {
            scene.is_violation(what, violation, |peer| peer.write(bytes));
        }
        nobody_reserved_by_a_claim();
    }
}

#[test]
fn bad_input_34_the_longest_record_is_taken() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.hostile();
        let payload = vec![7; RECORD - COMMAND_HEAD];
        let record = whole(0, &payload);
        assert_eq!(record.len(), 2 + RECORD);
        // A length that is only claimed is waited for.
        peer.write(&record[..2]);
        scene.go_on();
        peer.write(&record[2..]);
        assert_eq!(taken(&slot), payload);
    }
}

#[test]
fn bad_input_34_records_that_are_cut_anywhere_are_whole_again() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.hostile();
        let record = |number: u32| whole(number, format!("command {number}").as_bytes());
        // Byte by byte, and in two parts at every place.
        for byte in record(0) {
            peer.write(&[byte]);
        }
        assert_eq!(taken(&slot), b"command 0");
        for cut in 1..record(1).len() {
            let number = u32::try_from(cut).unwrap();
            let bytes = record(number);
            peer.write(&bytes[..cut]);
            peer.write(&bytes[cut..]);
            assert_eq!(taken(&slot), format!("command {number}").as_bytes());
        }
        scene.go_on();
    }
}

#[test]
fn bad_input_34_a_thousand_records_in_one_read_are_a_thousand() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.hostile();
        let bytes: Vec<u8> = (0_u32..1_000).flat_map(|n| whole(n, &n.to_be_bytes())).collect();
        peer.write(&bytes);
        for number in 0_u32..1_000 {
            assert_eq!(taken(&slot), number.to_be_bytes());
        }
        let pings: Vec<u8> = [0, 5, 0x41, 0, 0, 0, 9].repeat(1_000);
        peer.write(&pings);
        let pong = |record: &Record<'_>| matches!(record, Record::Pong { token: 9 }).then_some(());
        peer.read_records(pong).expect("a pong");
        scene.go_on();
        slot.with(|_, session| assert!(!session.is_closed()));
    }
}

#[test]
fn bad_input_35_numbers_out_of_turn_end_their_session_and_take_no_effect_twice() {
    let order = Violation::ControlOrder;
    let once: [(&str, &[u32]); 5] = [
        ("again", &[0, 0]),
        ("left out", &[0, 2]),
        ("backwards", &[0, 1, 0]),
        ("far ahead", &[0, u32::MAX]),
        ("not from zero", &[1]),
    ];
    for scene in Scene::both() {
        for (what, numbers) in once {
            let slot = scene.is_violation(what, order, |peer| {
                for number in numbers {
                    peer.write(&whole(*number, &number.to_be_bytes()));
                }
            });
            let expected = &numbers[..numbers.len() - 1];
            let taken: Vec<_> = core::iter::from_fn(|| take(&slot, COMMAND)).collect();
            let expected: Vec<_> =
                expected.iter().map(|number| number.to_be_bytes().to_vec()).collect();
            assert_eq!(taken, expected, "{what}");
        }
    }
}

#[test]
fn bad_input_35_commands_in_pieces_out_of_order_take_no_effect() {
    let (order, long) = (Violation::ControlOrder, Violation::ControlTooLong);
    let pieces: [(&str, Violation, Pieces<'_>); 6] = [
        ("an end without a beginning", order, &[(CHUNK_LAST, b"x")]),
        ("a middle without a beginning", order, &[(CHUNK_MIDDLE, b"x")]),
        ("two beginnings", order, &[(CHUNK_FIRST, b"x"), (CHUNK_FIRST, b"y")]),
        ("another in between", order, &[(CHUNK_FIRST, b"x"), (Chunk::WHOLE, b"y")]),
        ("an empty piece", long, &[(CHUNK_FIRST, b"x"), (CHUNK_MIDDLE, b"")]),
        ("an empty beginning", long, &[(CHUNK_FIRST, b"")]),
    ];
    for scene in Scene::both() {
        for (what, violation, pieces) in pieces {
            let slot = scene.is_violation(what, violation, |peer| {
                for (number, (chunk, bytes)) in (0..).zip(pieces) {
                    peer.write(&command(number, *chunk, bytes));
                }
            });
            assert_eq!(take(&slot, COMMAND), None, "{what}");
        }
        // Longer than its channel; and longer than any, told before it is whole.
        let violation = Violation::MessageTooLong(channel(COMMAND));
        scene.is_violation("65 KiB", violation, |peer| send_long(peer, 5, 13 * 1_024));
        scene.is_violation("without an end", long, |peer| send_long(peer, 100, 13 * 1_024));
    }
}

/// A command of so many pieces; the victim may hang up before the last.
fn send_long(peer: &mut Peer, pieces: u32, len: usize) {
    for number in 0..pieces {
        let chunk = Chunk { first: number == 0, last: number == pieces - 1 };
        let extra = usize::from(chunk.last);
        let record = command(number, chunk, &vec![1; len + extra]);
        if peer.tls.write_all(&record).is_err() {
            return;
        }
    }
}

#[test]
fn bad_input_35_what_nobody_asked_for_is_nothing() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.hostile();
        let (chunk, id, outcome) = (Chunk::WHOLE, RequestId(7), ReplyOutcome::Answered);
        peer.write_record(&Record::Reply { number: 0, chunk, id, outcome, bytes: b"yes" });
        peer.write_record(&Record::Pong { token: 5 });
        peer.write_record(&Record::Acked { next: 0 });
        peer.write_record(&Record::Planes { bits: 0 });
        peer.write(&whole(1, b"still here"));
        assert_eq!(taken(&slot), b"still here");
        scene.go_on();
    }
}

#[test]
fn bad_input_35_records_of_the_wrong_state_end_their_session() {
    let order = Violation::ControlOrder;
    let unsent = Violation::AckOfUnsent;
    let long = Violation::Decode(DecodeError::TooLong { field: "record", limit: RECORD });
    let request = |number: u32, id: u32| {
        let (chunk, kind, id) = (Chunk::WHOLE, 0, RequestId(id));
        let mut out = Vec::new();
        Record::Request { number, chunk, id, kind, bytes: b"?" }.encode(&mut out);
        out
    };
    for scene in Scene::both() {
        scene.is_violation("a second hello", long, |peer| {
            let hello = Peer::dialing(&[Aead::Aes128Gcm], parameters());
            peer.write(hello.hello());
        });
        scene.is_violation("an ack of no command", unsent, |peer| {
            peer.write_record(&Record::Acked { next: 1 });
        });
        let slot = scene.is_violation("a request twice", order, |peer| {
            peer.write(&[request(0, 0), request(1, 0)].concat());
        });
        let called = |event: &Event| matches!(event, Event::Called(_));
        let events: Vec<_> =
            core::iter::from_fn(|| slot.with(|_, session| session.poll_event())).collect();
        assert_eq!(events.iter().filter(|event| called(event)).count(), 1);
        scene.is_violation("a request ahead", order, |peer| peer.write(&request(0, 1)));
    }
}

#[test]
fn bad_input_35_commands_before_the_hello_reach_nobody() {
    let scene = Scene::new(Victim::Server);
    let watch = scene.watch();
    for bytes in [whole(0, b"early"), b"BPLN\xff\xff".to_vec(), b"BPL".to_vec()] {
        let mut tls = Tls::connect(Peer::dial(scene.address()));
        tls.write_all(&bytes).unwrap();
        if bytes.len() == 3 {
            tls.close_notify();
        }
        // Not a word, and the end.
        assert_eq!(tls.read(&mut [0; 64]).unwrap_or(0), 0);
    }
    watch.connections(&[("not_biplane", 2), ("broken", 1)]);
    watch.refused(0);
}

#[test]
fn bad_input_35_commands_of_one_who_is_refused_reach_nobody() {
    let scene = Scene::new(Victim::Server);
    let watch = scene.watch();
    let mut own = parameters();
    own.credentials = b"no".to_vec();
    let dialing = Peer::dialing(&[Aead::Aes128Gcm], own);
    let mut tls = Tls::connect(Peer::dial(scene.address()));
    tls.write_all(&[dialing.hello(), &whole(0, b"too early")].concat()).unwrap();
    let mut answer = Vec::new();
    // The end may come without a goodbye.
    drop(tls.read_to_end(&mut answer));
    assert!(answer.ends_with(b"not you"), "{answer:?}");
    watch.refused(1);
}

#[test]
fn bad_input_35_commands_on_the_heels_of_the_hello_wait_for_admission() {
    let scene = Scene::new(Victim::Server);
    let dialing = Peer::dialing(&[Aead::Aes128Gcm], parameters());
    let mut tls = Tls::connect(Peer::dial(scene.address()));
    let early = [dialing.hello(), &whole(0, b"early"), &whole(1, b"and again")[..5]].concat();
    tls.write_all(&early).unwrap();
    let mut peer = Peer::joined(tls, &dialing);
    let slot = scene.endpoint.sessions().last().unwrap().clone();
    assert_eq!(taken(&slot), b"early");
    peer.write(&whole(1, b"and again")[5..]);
    assert_eq!(taken(&slot), b"and again");
    scene.go_on();
}

#[test]
fn bad_input_35_a_server_that_commands_before_its_welcome_has_no_client() {
    let scene = Scene::new(Victim::Client);
    let watch = scene.watch();
    for bytes in [whole(0, b"early"), b"HTTP/1.1 200 OK\r\n\r\n".to_vec()] {
        let joining = begin_connect(&scene.endpoint, scene.doors.link());
        let mut tls = scene.doors.accept_tls();
        tls.write_all(&bytes).unwrap();
        let outcome = eventually("an outcome", || joining.try_recv().ok());
        let step = Step::Protocol;
        let told = matches!(outcome, Err(ConnectError::NotBiplane { step: at }) if at == step);
        assert!(told, "{outcome:?}");
    }
    // A welcome to what was not offered, and one that does not read.
    for answer in [&[0, 1, 2][..], &[0, 9, 1], &[9], &[0]] {
        let joining = begin_connect(&scene.endpoint, scene.doors.link());
        let mut tls = scene.doors.accept_tls();
        let len = u16::try_from(answer.len()).unwrap().to_be_bytes();
        tls.write_all(&[b"BPLN", &len[..], answer].concat()).unwrap();
        let outcome = eventually("an outcome", || joining.try_recv().ok());
        assert!(matches!(outcome, Err(ConnectError::Join(_))), "{outcome:?}");
    }
    until("no session but the honest one", || scene.endpoint.sessions().len() == 1);
    watch.refused(0);
}
