//! Sections "Control records" and "Transfers".

use super::{
    bytes::{Bytes, hex, text},
    frames,
};
use crate::{REFUSED, Reading, UNFINISHED};

/// The records of a stream, each of which `one` reads.
pub(super) fn all(mut input: &[u8], one: fn(&[u8]) -> Option<String>) -> Reading {
    let mut found = Reading::new();
    while !input.is_empty() {
        let Some((high, low)) = input.first().zip(input.get(1)) else {
            found.push(UNFINISHED.to_owned());
            break;
        };
        let len = usize::from(*high) * 256 + usize::from(*low);
        if len == 0 || len > 16 * 1024 {
            found.push(REFUSED.to_owned());
            break;
        }
        if input.len() < 2 + len {
            found.push(UNFINISHED.to_owned());
            break;
        }
        let Some(record) = one(&input[2..2 + len]) else {
            found.push(REFUSED.to_owned());
            break;
        };
        found.push(record);
        input = &input[2 + len..];
    }
    found
}

pub(super) fn one(body: &[u8]) -> Option<String> {
    let mut bytes = Bytes::new(body);
    let kind = bytes.number(1)?;
    let told = match kind {
        0x02 | 0x03 | 0x06 | 0x07 | 0x08 => frames::shared(kind, &mut bytes)?,
        0x40 => format!("acked, next {}", bytes.number(4)?),
        0x41 => format!("control ping, token {}", bytes.number(4)?),
        0x42 => format!("control pong, token {}", bytes.number(4)?),
        0x43 => format!("planes, {}", bytes.byte_to(3)?),
        0x44 => format!("receive id, phase {}, {}", bytes.byte_to(3)?, bytes.number(4)?),
        0x45 => format!("given up, next {}", bytes.number(4)?),
        0x60..=0x63 => numbered(kind, &mut bytes)?,
        0x64..=0x67 => transfer(kind, &mut bytes)?,
        _ => return None,
    };
    bytes.is_empty().then_some(told)
}

fn numbered(kind: u64, bytes: &mut Bytes) -> Option<String> {
    let number = bytes.number(4)?;
    if kind == 0x63 {
        let frame = frames::one(bytes)?;
        // A message or a fragment whose first bit is zero.
        let mut words = frame.split([' ', ',']);
        let rides = matches!(words.next()?, "message" | "fragment")
            && u64::from_str_radix(words.next()?, 16).ok()?.is_multiple_of(2);
        return rides.then(|| format!("tunnelled {number}: {frame}"));
    }
    let chunk = bytes.byte_to(3)?;
    let told = match kind {
        0x60 => format!("command, {number}, chunk {chunk}, channel {}", bytes.byte_to(63)?),
        0x61 => {
            let id = bytes.number(4)?;
            format!("request, {number}, chunk {chunk}, id {id}, kind {}", bytes.number(1)?)
        }
        _ => {
            let id = bytes.number(4)?;
            format!("reply {}, {number}, chunk {chunk}, id {id}", bytes.byte_to(2)?)
        }
    };
    Some(format!("{told}, {}", hex(&bytes.rest())))
}

/// The most bytes of a transfer.
const MOST: u64 = 1 << 40;

fn transfer(kind: u64, bytes: &mut Bytes) -> Option<String> {
    let (number, id) = (bytes.number(4)?, bytes.number(4)?);
    let told = match kind {
        0x64 => {
            let length = bytes.number(8).filter(|length| *length <= MOST)?;
            let name = text(bytes.rest(), 255).filter(|name| !name.is_empty())?;
            format!("offer {id}, {length}, {name:?}")
        }
        0x65 => format!("accept {id}"),
        0x66 => format!("checksum {id}, {}", hex(&bytes.take(32)?)),
        _ => format!("end {id}, side {}, outcome {}", bytes.byte_to(1)?, bytes.byte_to(4)?),
    };
    Some(format!("{told}, {number}"))
}

/// What goes over an attached connection.
pub(super) fn bulk(body: &[u8]) -> Option<String> {
    let mut bytes = Bytes::new(body);
    let told = match bytes.number(1)? {
        0x70 => {
            let (id, offset) = (bytes.number(4)?, place(&mut bytes)?);
            let chunk = bytes.rest();
            if chunk.is_empty() {
                return None;
            }
            format!("bytes of {id}, from {offset}, {}", hex(&chunk))
        }
        0x71 => {
            let (id, received) = (bytes.number(4)?, place(&mut bytes)?);
            format!("have of {id}, {received}, limit {}", place(&mut bytes)?)
        }
        0x72 => "here".to_owned(),
        _ => return None,
    };
    bytes.is_empty().then_some(told)
}

fn place(bytes: &mut Bytes) -> Option<u64> {
    bytes.number(8).filter(|place| *place <= MOST)
}
