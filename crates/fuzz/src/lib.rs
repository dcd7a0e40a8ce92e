//! Fuzz targets of Biplane: one function each, over any bytes.
//!
//! Each asserts more than that nothing panics: what is read writes back to the same bytes, memory
//! stays within what came and the caps of a session, a session ends once. Those named *below the
//! seal* hand plaintext to live sessions, as if a peer with the right keys had sealed it.
//!
//! | target | over |
//! |---|---|
//! | `header` | the head of a packet, and the expansion of its number |
//! | `frames` | the frames of a packet |
//! | `ack` | the ranges of acks and delivery notices |
//! | `record` | control records in a stream that is cut anywhere |
//! | `bulk` | the records of an attached connection, cut so too |
//! | `hello`, `answer`, `description` | the blocks of the handshake |
//! | `handshake` | both sides of it |
//! | `message` | application messages, through the decoder of `biplane` |
//! | `packets` | below the seal: the frames of packets, to sessions with much in flight |
//! | `control` | below TLS: control records, to such sessions |
//! | `reassembly` | below the seal: pieces of messages, against a model |
//! | `pair` | two sessions, and a network that does as it likes |
//! | `resume` | two sessions whose control connection breaks, and those who claim them |
//!
//! `cargo test` replays the committed corpora; `cargo +nightly fuzz run --fuzz-dir crates/fuzz
//! header` looks for more. An input that fails becomes a file of its target's corpus.

mod codec;
mod duo;
mod labels;
mod memory;
#[cfg(test)]
mod replay;
mod script;
mod targets;
mod wires;

pub use targets::{
    ack::ack, answer::answer, bulk::bulk, control::control, description::description,
    frames::frames, handshake::handshake, header::header, hello::hello, message::message,
    packets::packets, pair::pair, reassembly::reassembly, record::record, resume::resume,
};
