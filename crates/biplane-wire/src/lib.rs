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
//! | `description` | an application's protocol, as both sides compare it |
//! | `number` | packet, sequence and control numbers, whole and truncated |

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

mod codec;
mod description;
mod error;
mod frame;
mod header;
mod hello;
mod number;
#[cfg(test)]
mod page;
mod record;

pub use codec::{clipped, varint_len};
pub use description::{ChannelDescription, ChannelKind, Description, Difference};
pub use error::DecodeError;
pub use frame::{
    Ack, AckRange, AckRanges, ChannelId, Close, CloseCode, EcnCounts, Fragment, Frame, Frames,
    Message, Taken,
};
pub use header::{Header, KeyPhase, PacketKind, ReceiveId};
pub use hello::{Aead, Answer, Hello, Parameters, Purpose, Welcome};
pub use number::{ControlNumber, PacketNumber, SequenceNumber, TruncatedNumber};
pub use record::{Chunk, Record, ReplyOutcome, RequestId};

/// Sizes that the wire format itself fixes, in bytes unless said otherwise.
pub mod limits {
    /// The AEAD tag at the end of a packet.
    pub const TAG: usize = 16;
    /// Every packet is at least this long, so that one packet always pays for one challenge.
    pub const PACKET_MIN: usize = 40;
    /// What the first packets of a join are padded to, and the datagram every path must carry
    /// (RFC 9000, section 14).
    pub const DATAGRAM_MIN: usize = 1_200;
    /// The largest UDP payload over IPv4.
    pub const DATAGRAM_MAX: usize = 65_507;
    /// Ranges in one ack frame.
    pub const ACK_RANGES: usize = 32;
    /// Ranges in one taken frame.
    pub const TAKEN_RANGES: usize = 32;
    /// Channels in one protocol.
    pub const CHANNELS: usize = 64;
    /// Kinds of request in one protocol.
    pub const REQUESTS: usize = 256;
    /// UTF-8 bytes in the name of an application, a channel or a request; at least 1.
    pub const NAME: usize = 64;
    /// A whole description.
    pub const DESCRIPTION: usize = 16 * 1024;
    /// A hello, with its credentials.
    pub const HELLO: usize = 8 * 1024;
    /// Credentials in a hello.
    pub const CREDENTIALS: usize = 4 * 1024;
    /// A control record, without its two bytes of length.
    pub const RECORD: usize = 16 * 1024;
    /// UTF-8 bytes of the text in a close, a refusal or a refused request.
    pub const TEXT: usize = 256;
    /// The longest message any channel may declare.
    pub const MESSAGE: usize = 16 * 1024 * 1024;

    const _: () = assert!(CREDENTIALS + 512 <= HELLO);
    const _: () = assert!(DESCRIPTION + 16 <= u16::MAX as usize);
    const _: () = assert!(RECORD <= u16::MAX as usize);
    const _: () = assert!(PACKET_MIN > super::Header::LEN + TAG);
}
