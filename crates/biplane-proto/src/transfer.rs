//! Transfers: what is open, how far each has come, and how fast it may go.
//!
//! | module | decides |
//! |---|---|
//! | `book` | which transfers of a session are open, by the steps on its control connection |
//! | `supply` | which bytes go next, of the side that has them |
//! | `intake` | which bytes are taken, of the side that wants them |
//! | `yielding` | how fast bytes may go, so that nothing else waits for them |
//!
//! The session keeps the book. The rest is the owner's, one for each transfer and connection, so
//! that hashing and reading need not hold the session.

mod book;
mod intake;
mod supply;
mod yielding;

use biplane_wire::TransferId;

pub(crate) use self::book::{Book, Step};
pub use self::{
    intake::Intake,
    supply::{Piece, Supply},
    yielding::{RoundTrip, Yielding},
};

/// Whose transfer it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "a session has two sides")]
pub enum TransferSide {
    /// This side offered it.
    Own,
    /// The peer did.
    Peer,
}

/// What the peer offers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// What accepting or refusing it must name.
    pub id: TransferId,
    /// What the peer calls it, in 1 to 255 bytes.
    pub name: Box<str>,
    /// How many bytes it has.
    pub length: u64,
}

/// What became of a transfer that is or was open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TransferChange {
    /// Whose it is.
    pub side: TransferSide,
    /// Which one.
    pub id: TransferId,
    /// What happened.
    pub news: TransferNews,
}

/// What happened to a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TransferNews {
    /// The peer wants it.
    Accepted,
    /// The peer has read all of it, and this is the SHA-256.
    Checksum([u8; 32]),
    /// It ended. Always the last.
    Ended(Result<(), TransferError>),
}

/// Why a transfer ended before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Its receiver did not want it.
    #[error("refused")]
    Refused,
    /// This side gave it up.
    #[error("cancelled on this side")]
    CancelledHere,
    /// The peer gave it up.
    #[error("cancelled by the peer")]
    CancelledThere,
    /// The bytes that arrived have another checksum.
    #[error("what arrived has another checksum")]
    Corrupt,
    /// What was offered could not be read to its end.
    #[error("what was offered could not be read")]
    Unreadable,
    /// The session ended first.
    #[error("the session is over")]
    Closed,
}
