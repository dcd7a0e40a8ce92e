//! The steps of a transfer, which are numbered records; its bytes go over a connection of their own.

use super::put;
use crate::{DecodeError, codec::Reader, limits};

/// A transfer in the words of the side that offers it: counts up from 0.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TransferId(pub u32);

/// One step of a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum TransferStep<'a> {
    /// The sender of the record has something to hand over.
    Offer {
        /// Names it from here on.
        id: TransferId,
        /// How many bytes it has, at most [`limits::TRANSFER_BYTES`].
        length: u64,
        /// What it is, in 1 to [`limits::TRANSFER_NAME`] bytes.
        name: &'a str,
    },
    /// The receiver of an offer wants it.
    Accept {
        /// The offer's.
        id: TransferId,
    },
    /// The side that offered it has read all of it.
    Checksum {
        /// The offer's.
        id: TransferId,
        /// SHA-256 of all its bytes.
        sha256: [u8; 32],
    },
    /// Nothing follows.
    End {
        /// The offer's.
        id: TransferId,
        /// Whether the sender of the record offered it; else the peer did.
        own: bool,
        /// Why.
        outcome: TransferOutcome,
    },
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum TransferOutcome {
    /// Every byte has arrived, and the checksum is theirs.
    Complete,
    /// The receiver does not want it.
    Refused,
    /// One of the two gave it up.
    Cancelled,
    /// The bytes that arrived have another checksum.
    Corrupt,
    /// What was offered could not be read.
    Unreadable,
}

mod kind {
    pub(super) const OFFER: u8 = 0x64;
    pub(super) const ACCEPT: u8 = 0x65;
    pub(super) const CHECKSUM: u8 = 0x66;
    pub(super) const END: u8 = 0x67;
}

impl<'a> TransferStep<'a> {
    pub(super) const KINDS: core::ops::RangeInclusive<u8> = kind::OFFER..=kind::END;

    /// Reads what stands behind type and number.
    pub(super) fn read(kind: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let id = TransferId(reader.u32()?);
        Ok(match kind {
            kind::OFFER => {
                Self::Offer { id, length: read_length(reader)?, name: read_name(reader)? }
            }
            kind::ACCEPT => Self::Accept { id },
            kind::CHECKSUM => Self::Checksum { id, sha256: reader.array()? },
            _ => Self::End { id, own: read_own(reader)?, outcome: TransferOutcome::read(reader)? },
        })
    }

    pub(super) fn write(&self, number: u32, out: &mut Vec<u8>) {
        let (kind, id) = match *self {
            Self::Offer { id, .. } => (kind::OFFER, id),
            Self::Accept { id } => (kind::ACCEPT, id),
            Self::Checksum { id, .. } => (kind::CHECKSUM, id),
            Self::End { id, .. } => (kind::END, id),
        };
        put(out, kind, number);
        out.extend(id.0.to_be_bytes());
        match *self {
            Self::Offer { length, name, .. } => {
                out.extend(length.to_be_bytes());
                out.extend_from_slice(name.as_bytes());
            }
            Self::Accept { .. } => {}
            Self::Checksum { sha256, .. } => out.extend(sha256),
            Self::End { own, outcome, .. } => out.extend([u8::from(own), outcome as u8]),
        }
    }
}

impl TransferOutcome {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(Self::Complete),
            1 => Ok(Self::Refused),
            2 => Ok(Self::Cancelled),
            3 => Ok(Self::Corrupt),
            4 => Ok(Self::Unreadable),
            _ => Err(DecodeError::OutOfRange { field: "transfer outcome" }),
        }
    }
}

fn read_length(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let length = u64::from_be_bytes(reader.array()?);
    if length > limits::TRANSFER_BYTES {
        return Err(DecodeError::OutOfRange { field: "transfer length" });
    }
    Ok(length)
}

fn read_name<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let name = reader.text("transfer name", limits::TRANSFER_NAME)?;
    if name.is_empty() {
        return Err(DecodeError::OutOfRange { field: "transfer name" });
    }
    Ok(name)
}

fn read_own(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::OutOfRange { field: "transfer side" }),
    }
}
