//! Bytes to packets, frames, handshake messages and control records, and back.
//!
//! No clock, no sockets, no randomness, no keys: what stands here is the form of things alone, as
//! `docs/PROTOCOL.md` draws it. Every decoder reads untrusted bytes through one checked cursor: it
//! never panics, never allocates by a claimed length, and refuses whatever the encoder beside it
//! would not have written.
//!
//! | module | form of |
//! |---|---|
//! | `header` | the cleartext head of a UDP packet |
//! | `frame` | what a packet carries: acks, messages, fragments, credit |
//! | `hello` | the first flight of a control connection and its answer |
//! | `record` | what follows on the control connection |
//! | `bulk` | what follows on an attached one |
//! | `description` | an application's protocol, as both sides compare it |
//! | `number` | packet, sequence and control numbers, whole and truncated |
//! | [`limits`] | every cap and deadline, of all crates |

#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    clippy::exhaustive_enums,
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::unused_async
)]

mod bulk;
mod codec;
mod description;
mod error;
mod frame;
mod header;
mod hello;
pub mod limits;
mod number;
#[cfg(test)]
mod page;
mod record;

pub use bulk::Bulk;
pub use codec::{clipped, varint_len};
pub use description::{ChannelDescription, ChannelKind, Description, Difference};
pub use error::DecodeError;
pub use frame::{
    Ack, AckRange, AckRanges, ChannelId, Close, CloseCode, EcnCounts, Fragment, Frame, Frames,
    Message, MessageRow, Taken, leave_open,
};
pub use header::{Header, KeyPhase, PacketKind, ReceiveId};
pub use hello::{Aead, Answer, Hello, Parameters, Purpose, Resume, Welcome};
pub use number::{ControlNumber, PacketNumber, SequenceNumber, TruncatedNumber};
pub use record::{
    Chunk, Record, ReplyOutcome, RequestId, TransferId, TransferOutcome, TransferStep,
};
