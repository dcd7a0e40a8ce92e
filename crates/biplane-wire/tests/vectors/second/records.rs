//! Section "Control records".

use super::{
    bytes::{Bytes, hex},
    frames,
};
use crate::{REFUSED, Reading, UNFINISHED};

/// The records of a stream.
pub(super) fn all(mut input: &[u8]) -> Reading {
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

fn one(body: &[u8]) -> Option<String> {
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
