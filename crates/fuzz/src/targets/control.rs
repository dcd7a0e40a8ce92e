//! Below TLS: control records of a peer, to sessions with much in flight.
//!
//! ```text
//! { | flags 1 | length 1 or 2 | [where to cut 1] | bytes … | } …
//! ```

use std::time::Duration;

use biplane_wire::Record;

use crate::{duo::Duo, labels, script::Script, wires};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "AckOfUnsent",
    "ControlOrder",
    "ControlTooLong",
    "CreditOverrun",
    "MessageTooLong",
    "NotCanonical ECN count",
    "NotCanonical ack delay",
    "NotCanonical ack ranges",
    "NotCanonical close text",
    "NotCanonical credit",
    "NotCanonical fragment offset",
    "NotCanonical fragment total",
    "NotCanonical message",
    "NotCanonical padding",
    "NotCanonical taken ranges",
    "NotText close text",
    "OutOfRange ack delay",
    "OutOfRange channel",
    "OutOfRange chunk",
    "OutOfRange close code",
    "OutOfRange fragment",
    "OutOfRange fragment offset",
    "OutOfRange key phase",
    "OutOfRange planes",
    "OutOfRange record length",
    "OutOfRange reply outcome",
    "OutOfRange taken ranges",
    "OutOfRange tunnelled frame",
    "Reserved",
    "SequenceRange",
    "TakenUnsent",
    "TooLong ack ranges",
    "TooLong close text",
    "TooLong fragment total",
    "TooLong message",
    "TooLong record",
    "TotalChanged",
    "Trailing",
    "Truncated",
    "UnknownChannel",
    "UnknownRequest",
    "UnknownType",
    "WrongFrame",
    "answer Closed",
    "answer Refused",
    "answer TimedOut",
    "answer Unanswered",
    "answered",
    "ended",
    "left: accused",
    "left: closed",
    "left: closed_here",
    "left: connection_lost",
    "left: dropped",
    "left: peer_limit",
    "notice Delivered",
    "notice Lost",
    "record Acked",
    "record Command",
    "record Ping",
    "record Planes",
    "record Pong",
    "record Reply",
    "record Request",
    "record Tunnelled",
    "record ack",
    "record ack with ECN",
    "record close Application",
    "record close Limit",
    "record close Violation",
    "record credit",
    "went on",
];

/// The bytes go to the server, else to the client.
const TO_SERVER: u8 = 1;
/// The length takes two bytes.
const LONG: u8 = 2;
/// 20 ms pass before them.
const LATER: u8 = 4;
/// The application takes and answers what has come before them.
const TAKE: u8 = 8;
/// Numbered records are given the numbers that are expected.
const RENUMBER: u8 = 16;
/// They come in two pieces.
const CUT: u8 = 32;
/// They are the last ones.
const LOST: u8 = 64;
/// The application closes the session before them.
const CLOSE: u8 = 128;

/// Runs `data` as control bytes to two sessions.
pub fn control(data: &[u8]) {
    let mut duo = Duo::busy();
    let mut script = Script(data);
    let mut numbers = [0; 2];
    while let Some(flags) = script.next() {
        let side = usize::from(flags & TO_SERVER);
        let len = if flags & LONG == 0 { script.byte().into() } else { script.number() };
        if flags & LATER != 0 {
            duo.wait(Duration::from_millis(20));
            duo.drain_all();
        }
        if flags & TAKE != 0 {
            (0..5).for_each(|id| drop(duo.sides[side].take(duo.now, id)));
            duo.sides[side].reply(duo.now);
        }
        if flags & CLOSE != 0 {
            duo.sides[side].session.close(duo.now, "enough");
        }
        let cut = if flags & CUT == 0 { usize::MAX } else { script.byte().into() };
        let mut bytes = script.bytes(len.into()).to_vec();
        if flags & RENUMBER != 0 {
            renumber(&mut bytes, &mut numbers[side]);
        }
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        duo.sides[side].hear_control(duo.now, first);
        duo.sides[side].hear_control(duo.now, second);
        if flags & LOST != 0 {
            duo.sides[side].lose_control(duo.now);
        }
        drop(duo.drain(side));
    }
    let lost = duo.sides.iter().any(|side| side.left.is_some());
    labels::note(|| if lost { "ended" } else { "went on" }.into());
    duo.finish();
}

/// Writes the expected numbers into the whole records that `bytes` begin with.
fn renumber(mut bytes: &mut [u8], next: &mut u32) {
    while let Ok(Some((record, len))) = Record::decode(bytes) {
        let numbered = record.number().is_some();
        labels::note(|| match record {
            Record::Frame(frame) => format!("record {}", wires::name(&frame)),
            other => format!("record {}", labels::first_word(&other)),
        });
        let (head, rest) = bytes.split_at_mut(len);
        if numbered {
            head[3..7].copy_from_slice(&next.to_be_bytes());
            *next += 1;
        }
        bytes = rest;
    }
}
