//! Section "Frames".

use super::bytes::{Bytes, hex, text};
use crate::{REFUSED, Reading};

/// 32 bits.
const U32: u64 = 0xffff_ffff;
/// The longest message that any channel may declare.
const MESSAGE: u64 = 16 * 1024 * 1024;

/// The frames of a packet.
pub(super) fn all(input: &[u8]) -> Reading {
    let mut bytes = Bytes::new(input);
    let mut found = Reading::new();
    while !bytes.is_empty() {
        let Some(frame) = one(&mut bytes) else {
            found.push(REFUSED.to_owned());
            break;
        };
        found.push(frame);
    }
    found
}

/// One frame, its type first.
pub(super) fn one(bytes: &mut Bytes) -> Option<String> {
    let kind = bytes.number(1)?;
    match kind {
        0x00 => bytes.rest().iter().all(|byte| *byte == 0).then(|| "padding".to_owned()),
        0x01 => Some("ping".to_owned()),
        0x04 => Some(format!("challenge, {}", hex(&bytes.take(8)?))),
        0x05 => Some(format!("response, {}", hex(&bytes.take(8)?))),
        0x10..=0x1f => message(kind, bytes),
        0x20..=0x2f => fragment(kind, bytes),
        _ => shared(kind, bytes),
    }
}

/// One frame that goes on TCP, too, in a record of its own.
pub(super) fn shared(kind: u64, bytes: &mut Bytes) -> Option<String> {
    match kind {
        0x02 => Some(format!("ack, {}", ack(bytes)?)),
        0x03 => {
            let ack = ack(bytes)?;
            let (ect0, ect1, ce) = (bytes.varint()?, bytes.varint()?, bytes.varint()?);
            if (ect0, ect1, ce) == (0, 0, 0) {
                return None;
            }
            Some(format!("ECN ack, {ack}, counts {ect0} {ect1} {ce}"))
        }
        0x06 => {
            let code = bytes.byte_to(5)?;
            let len = bytes.varint()?;
            Some(format!("close {code}, {:?}", text(bytes.take(len)?, 256)?))
        }
        0x07 => {
            let channel = bytes.byte_to(63)?;
            Some(format!("credit, channel {channel}, {} granted", bytes.varint()?))
        }
        0x08 => {
            let channel = bytes.byte_to(63)?;
            let largest = bytes.number(3)?;
            Some(format!("taken, channel {channel}, largest {largest}, {}", ranges(bytes)?))
        }
        _ => None,
    }
}

fn ack(bytes: &mut Bytes) -> Option<String> {
    let largest = bytes.number(4)?;
    let delay = bytes.varint_to(U32)?;
    let arrival = bytes.number(4)?;
    let ranges = ranges(bytes)?;
    Some(format!("largest {largest}, delay {delay}, arrival {arrival}, {ranges}"))
}

/// Each range as lengths: so many numbers are there, so many are missing, and so on.
fn ranges(bytes: &mut Bytes) -> Option<String> {
    let further = bytes.varint_to(31)?;
    let mut told = format!("{} there", bytes.varint_to(U32)? + 1);
    for _ in 0..further {
        let gap = bytes.varint_to(U32)? + 1;
        let length = bytes.varint_to(U32)? + 1;
        told += &format!(" {gap} missing {length} there");
    }
    Some(told)
}

fn message(kind: u64, bytes: &mut Bytes) -> Option<String> {
    let bits = kind % 16;
    let mut told = format!("message {kind:x}, channel {}", bytes.byte_to(63)?);
    if bits & 2 != 0 {
        told += &format!(", sequence {}", bytes.number(3)?);
    }
    told += &extras(bits, bytes)?;
    let payload = payload(bits, bytes)?;
    Some(format!("{told}, {}", hex(&payload)))
}

fn fragment(kind: u64, bytes: &mut Bytes) -> Option<String> {
    let bits = kind % 16;
    if bits & 2 != 0 {
        return None;
    }
    let channel = bytes.byte_to(63)?;
    let sequence = bytes.number(3)?;
    let offset = bytes.varint()?;
    let total = bytes.varint_to(MESSAGE)?;
    let extras = extras(bits, bytes)?;
    let payload = payload(bits, bytes)?;
    let len = payload.len() as u64;
    let is_withdrawal = len == 0 && offset == total && total > 0;
    if !is_withdrawal && (len == 0 || len == total || offset + len > total) {
        return None;
    }
    let place = format!("sequence {sequence}, {offset} of {total}");
    Some(format!("fragment {kind:x}, channel {channel}, {place}{extras}, {}", hex(&payload)))
}

fn extras(bits: u64, bytes: &mut Bytes) -> Option<String> {
    let mut told = String::new();
    if bits & 4 != 0 {
        told += &format!(", after {}", bytes.number(2)?);
    }
    if bits & 8 != 0 {
        told += &format!(", clock {}", bytes.number(4)?);
    }
    Some(told)
}

fn payload(bits: u64, bytes: &mut Bytes) -> Option<Vec<u8>> {
    if bits & 1 == 0 {
        return Some(bytes.rest());
    }
    let len = bytes.varint()?;
    bytes.take(len)
}
