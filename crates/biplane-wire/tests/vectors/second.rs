//! A decoder of everything, written from `docs/PROTOCOL.md` alone: simple, slow, obvious.

mod bytes;
mod frames;
mod handshake;
mod records;

use self::bytes::Bytes;
use crate::{Form, REFUSED, Reading};

/// What `input` says.
pub(crate) fn read(form: Form, input: &[u8]) -> Reading {
    let one = |item: Option<String>| vec![item.unwrap_or_else(|| REFUSED.to_owned())];
    match form {
        Form::Packet => one(packet(input)),
        Form::Frames => frames::all(input),
        Form::Records => records::all(input, records::one),
        Form::Bulk => records::all(input, records::bulk),
        Form::Hello => one(handshake::hello(input)),
        Form::Answer => one(handshake::answer(input)),
        Form::Description => one(handshake::description(input)),
    }
}

/// Section "Packets".
fn packet(input: &[u8]) -> Option<String> {
    if input.len() < 40 {
        return None;
    }
    let mut bytes = Bytes::new(input);
    let first = bytes.number(1)?;
    let version = first / 64;
    let kind = first / 16 % 4;
    let phase = first / 4 % 4;
    let zero = first % 4;
    if version != 1 || zero != 0 {
        return None;
    }
    let kind = match kind {
        0 => "data",
        1 => "group",
        _ => return None,
    };
    let receive_id = bytes.number(4)?;
    let number = bytes.number(4)?;
    let sealed = bytes.left();
    Some(format!(
        "{kind}, phase {phase}, receive id {receive_id}, number {number}, {sealed} sealed"
    ))
}
