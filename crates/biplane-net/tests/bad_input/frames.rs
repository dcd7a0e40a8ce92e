//! Input 29: frames and records that name what is not there.

use biplane_proto::Violation;
use biplane_wire::{Chunk, DecodeError, Frame, KeyPhase, ReceiveId, Record, RequestId};

use crate::rig::{
    COMMAND, ORDERED, Peer, SEQUENCED, Scene, UNORDERED, UNRELIABLE, channel, fragment, message,
    take,
};

/// The first that the protocol does not have, and the last that any could.
const MISSING: [u8; 2] = [5, 63];

fn frame(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes
}

fn unread(field: &'static str) -> Violation {
    Violation::Decode(DecodeError::OutOfRange { field })
}

/// Nothing of it reaches the application.
fn ends(scene: &Scene, what: &str, violation: Violation, bytes: &[u8]) {
    let slot = scene.is_violation(what, violation, |peer| peer.send(bytes));
    for index in [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        assert_eq!(take(&slot, index), None, "{what}");
    }
}

fn ends_by_record(scene: &Scene, what: &str, violation: Violation, record: &Record<'_>) {
    let slot = scene.is_violation(what, violation, |peer| peer.write_record(record));
    for index in [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        assert_eq!(take(&slot, index), None, "{what}");
    }
    assert_eq!(slot.with(|_, session| session.readable()), 0);
}

#[test]
fn bad_input_29_a_channel_that_is_not_there_ends_its_session() {
    for scene in Scene::both() {
        for index in MISSING {
            let violation = Violation::UnknownChannel(channel(index));
            let frames = [
                message(index, None, b"x"),
                message(index, Some(0), b"x"),
                fragment(index, 0, (0, 100), b"x"),
                Frame::Credit { channel: channel(index), granted: 1 },
            ];
            for bad in &frames {
                ends(&scene, "a missing channel", violation, &frame(bad));
                // Over TCP, credit stands by itself and messages are tunnelled.
                if matches!(bad, Frame::Credit { .. }) {
                    ends_by_record(&scene, "missing", violation, &Record::Frame(*bad));
                }
            }
            let (number, chunk, channel) = (0, Chunk::WHOLE, channel(index));
            let command = Record::Command { number, chunk, channel, bytes: b"x" };
            ends_by_record(&scene, "a missing channel", violation, &command);
        }
        for index in [64, 65, 128, 255] {
            for bytes in
                [&[0x11, index, 1, 7][..], &[0x07, index, 1], &[0x21, index, 0, 0, 0, 0, 9]]
            {
                ends(&scene, "no channel at all", unread("channel"), bytes);
            }
        }
    }
}

#[test]
fn bad_input_29_what_its_channel_does_not_carry_ends_a_session() {
    for scene in Scene::both() {
        let wrong = [
            (COMMAND, frame(&message(COMMAND, None, b"x"))),
            (COMMAND, frame(&message(COMMAND, Some(0), b"x"))),
            (COMMAND, frame(&fragment(COMMAND, 0, (0, 100), b"x"))),
            (ORDERED, frame(&message(ORDERED, None, b"x"))),
            (UNORDERED, frame(&message(UNORDERED, None, b"x"))),
            (SEQUENCED, frame(&message(SEQUENCED, None, b"x"))),
            (UNRELIABLE, frame(&message(UNRELIABLE, Some(0), b"x"))),
            (SEQUENCED, frame(&Frame::Credit { channel: channel(SEQUENCED), granted: 1 })),
            (UNRELIABLE, frame(&Frame::Credit { channel: channel(UNRELIABLE), granted: 1 })),
        ];
        for (index, bytes) in wrong {
            let violation = Violation::WrongFrame(channel(index));
            ends(&scene, "a wrong frame", violation, &bytes);
        }
        for index in [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
            // Number 0 was taken, no further run: of a channel that offers no notices.
            let taken = [0x08, index, 0, 0, 0, 0, 0];
            ends(&scene, "taken", Violation::WrongFrame(channel(index)), &taken);
        }
        for index in [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
            let (number, chunk, bytes) = (0, Chunk::WHOLE, b"x".as_slice());
            let command = Record::Command { number, chunk, channel: channel(index), bytes };
            let violation = Violation::WrongFrame(channel(index));
            ends_by_record(&scene, "a command of a data channel", violation, &command);
        }
    }
}

#[test]
fn bad_input_29_what_is_reserved_ends_a_session() {
    for scene in Scene::both() {
        let clock = [0x19, UNRELIABLE, 0, 0, 0, 0, 1, 7];
        ends(&scene, "clock", Violation::Reserved("the sender's clock"), &clock);
        let id = Record::ReceiveId { phase: KeyPhase::FIRST, id: ReceiveId(7) };
        ends_by_record(&scene, "an id", Violation::Reserved("another receive id"), &id);
    }
}

#[test]
fn bad_input_29_giving_up_what_has_come_ends_a_session() {
    for scene in Scene::both() {
        drop(scene.is_violation("given up", Violation::ControlOrder, |peer| {
            let (number, chunk, channel) = (0, Chunk::WHOLE, channel(COMMAND));
            peer.write_record(&Record::Command { number, chunk, channel, bytes: b"x" });
            peer.write_record(&Record::GivenUp { next: 0 });
        }));
    }
}

#[test]
fn bad_input_29_a_request_that_is_not_registered_ends_its_session() {
    for scene in Scene::both() {
        for kind in [1, 2, 255] {
            let (number, chunk, id) = (0, Chunk::WHOLE, RequestId(0));
            let request = Record::Request { number, chunk, id, kind, bytes: b"?" };
            let violation = Violation::UnknownRequest(kind);
            ends_by_record(&scene, "an unknown request", violation, &request);
        }
    }
}

#[test]
fn bad_input_29_types_without_a_meaning_do_not_read() {
    let unknown = |kind| Violation::Decode(DecodeError::UnknownType(kind));
    for scene in Scene::both() {
        for kind in [0x09, 0x0f, 0x30, 0x40, 0x60, 0xff, 0x22, 0x27, 0x2f] {
            ends(&scene, "a frame", unknown(kind), &[kind; 20]);
        }
        // Frames of packets alone are no records.
        for kind in [0x00, 0x01, 0x04, 0x05, 0x09, 0x10, 0x20, 0x3f, 0x46, 0x5f, 0x68, 0x70, 0xff] {
            scene.is_violation("a record", unknown(kind), |peer: &mut Peer| {
                peer.write(&[0, 9, kind, 0, 0, 0, 0, 0, 0, 0, 0]);
            });
        }
        // What rides a packet alone is not tunnelled either.
        for frame in [&[0x01][..], &[0x06, 0, 0], &[0x07, 1, 1], &[0x11, 4, 1, 7], &[0x00, 0]] {
            scene.is_violation("a tunnelled frame", unread("tunnelled frame"), |peer| {
                let len = u8::try_from(5 + frame.len()).unwrap();
                peer.write(&[&[0, len, 0x63, 0, 0, 0, 0][..], frame].concat());
            });
        }
        let padding = Violation::Decode(DecodeError::NotCanonical { field: "padding" });
        ends(&scene, "padding that says something", padding, &[0, 0, 1]);
        ends(&scene, "a close for no reason", unread("close code"), &[6, 6, 0]);
        let text = Violation::Decode(DecodeError::NotText { field: "close text" });
        ends(&scene, "a close in no words", text, &[6, 0, 2, 0xff, 0xfe]);
        let credit = Violation::Decode(DecodeError::NotCanonical { field: "credit" });
        ends(&scene, "an over-long number", credit, &[7, ORDERED, 0x40, 1]);
    }
}
