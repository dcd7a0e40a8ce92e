//! Below the seal: packets of a peer with the right keys, to sessions with much in flight.
//!
//! ```text
//! { | flags 1 | length 1 or 2 | plaintext … | } …
//! ```

use std::time::Duration;

use biplane_proto::{CloseReason, DropReason};
use biplane_wire::{Frame, Frames, KeyPhase, PacketNumber};

use crate::{
    duo::{Duo, Packet},
    labels,
    script::Script,
};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "AckOfUnsent",
    "CreditOverrun",
    "MessageTooLong",
    "NotCanonical ECN count",
    "NotCanonical ack delay",
    "NotCanonical ack ranges",
    "NotCanonical close text",
    "NotCanonical credit",
    "NotCanonical fragment total",
    "NotCanonical message",
    "NotCanonical padding",
    "NotText close text",
    "OutOfRange ack ranges",
    "OutOfRange channel",
    "OutOfRange close code",
    "OutOfRange fragment",
    "OutOfRange fragment offset",
    "Reserved",
    "SequenceRange",
    "TakenUnsent",
    "TooLong ack ranges",
    "TooLong close text",
    "TooLong fragment total",
    "TooManyGaps",
    "TotalChanged",
    "Truncated",
    "UnknownChannel",
    "UnknownType",
    "WrongFrame",
    "answer Closed",
    "answer TimedOut",
    "dropped: closed",
    "dropped: late",
    "dropped: other_path",
    "dropped: replayed",
    "left: accused",
    "left: closed",
    "left: closed_here",
    "left: connection_lost",
    "left: dropped",
    "left: peer_limit",
    "notice Delivered",
    "notice Lost",
];

/// The packet goes to the server, else to the client.
const TO_SERVER: u8 = 1;
/// The length takes two bytes.
const LONG: u8 = 2;
/// 20 ms pass before it.
const LATER: u8 = 4;
/// The application takes what has come before it.
const TAKE: u8 = 8;
/// Its number is that of the packet before.
const AGAIN: u8 = 16;
/// It comes from another port.
const ELSEWHERE: u8 = 32;
/// Its number jumps ahead; with [`AGAIN`], it falls behind.
const AHEAD: u8 = 64;
/// It is sealed with the key of the next phase.
const NEXT_PHASE: u8 = 128;

/// Numbers from here on are far from those of the honest start.
const FIRST: u64 = 500;
/// Further than any replay window reaches.
const JUMP: u64 = 1 << 20;

/// Runs `data` as packets to two sessions.
pub fn packets(data: &[u8]) {
    let mut duo = Duo::busy();
    let mut script = Script(data);
    let mut numbers = [FIRST; 2];
    while let Some(flags) = script.next() {
        let side = usize::from(flags & TO_SERVER);
        let len = if flags & LONG == 0 { script.byte().into() } else { script.number() };
        if flags & LATER != 0 {
            duo.wait(Duration::from_millis(20));
            duo.drain_all();
        }
        if flags & TAKE != 0 {
            (0..5).for_each(|id| drop(duo.sides[side].take(duo.now, id)));
        }
        let number = numbered(&mut numbers[side], flags);
        let phase = KeyPhase::FIRST;
        let phase = if flags & NEXT_PHASE != 0 { phase.next() } else { phase };
        let plaintext = script.bytes(len.into()).to_vec();
        let packet = Packet { number, phase, plaintext };
        hear(&mut duo, side, &packet, flags & ELSEWHERE != 0);
    }
    duo.finish();
}

/// The number of the next packet.
fn numbered(last: &mut u64, flags: u8) -> PacketNumber {
    match (flags & AHEAD != 0, flags & AGAIN != 0) {
        (true, true) => return PacketNumber(last.saturating_sub(JUMP)),
        (true, false) => *last += JUMP,
        (false, true) => {}
        (false, false) => *last += 1,
    }
    PacketNumber(*last)
}

/// The side whose peer is where it is.
const CLIENT: usize = 0;

fn hear(duo: &mut Duo, side: usize, packet: &Packet, elsewhere: bool) {
    let now = duo.now;
    match duo.sides[side].hear_from(now, packet, elsewhere.into()) {
        Ok(()) if elsewhere && side == CLIENT => {
            panic!("a client took in what was not its server's")
        }
        Ok(()) => check_meaning(duo, side, &packet.plaintext),
        Err(reason) => {
            labels::note(|| format!("dropped: {}", reason.name()));
            let numbered = matches!(reason, DropReason::Late | DropReason::Replayed);
            let elsewhere = elsewhere && reason == DropReason::OtherPath;
            assert!(numbered || elsewhere || reason == DropReason::Closed, "{reason:?}");
        }
    }
    drop(duo.drain(side));
}

/// Asserts that bytes that do not read end a session, and that a close is taken at its word.
fn check_meaning(duo: &Duo, side: usize, plaintext: &[u8]) {
    let left = &duo.sides[side].left;
    for frame in Frames::new(plaintext) {
        match frame {
            Err(_) => {
                assert!(
                    matches!(left, Some(CloseReason::Violation(_))),
                    "{left:?} after {frame:?}"
                );
                return;
            }
            Ok(Frame::Close(_)) => {
                assert!(left.is_some());
                return;
            }
            Ok(_) => {}
        }
    }
}
