//! Wire stability: golden vectors of every packet, frame, record and block, and a second decoder.
//!
//! The vectors are text files in this folder; they change when the wire version does, and never
//! else. The second decoder was written from `docs/PROTOCOL.md` alone, slow and obvious: where the
//! two disagree, one of them or the page is wrong.

#![cfg(test)]

mod agreement;
mod first;
mod golden;
mod mutation;
mod second;

/// What bytes can be read as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Packet,
    Frames,
    Records,
    Bulk,
    Hello,
    Answer,
    Description,
}

/// What is read, item by item in words; the last is [`REFUSED`] if the rest cannot be read, and
/// [`UNFINISHED`] if it is the beginning of something.
type Reading = Vec<String>;

const REFUSED: &str = "refused";
const UNFINISHED: &str = "unfinished";
