//! What goes over the second connection of a session, behind the hello and welcome of an attach.
//!
//! ```text
//! | length of what follows 2 | type 1 | body … |
//! ```
//!
//! | type | record | body |
//! |---|---|---|
//! | `70` | chunk | transfer id 4, offset 8, bytes … |
//! | `71` | have | transfer id 4, bytes that have come 8, bytes that may come 8 |
//! | `72` | here | |
//!
//! A chunk's transfer is one that its sender offered, a have's one that its receiver did.

use crate::{
    DecodeError, TransferId,
    codec::Reader,
    limits,
    record::{first_of, framed},
};

/// One record of an attached connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum Bulk<'a> {
    /// Bytes of a transfer.
    Chunk {
        /// Which one.
        id: TransferId,
        /// How many bytes come before.
        offset: u64,
        /// The bytes, one at least.
        bytes: &'a [u8],
    },
    /// How far a transfer has come. The first on each connection says where it goes on.
    Have {
        /// Which one.
        id: TransferId,
        /// So many bytes have come, from the first on.
        received: u64,
        /// Up to so many may come, counted from the first too.
        limit: u64,
    },
    /// The sender is there.
    Here,
}

mod kind {
    pub(super) const CHUNK: u8 = 0x70;
    pub(super) const HAVE: u8 = 0x71;
    pub(super) const HERE: u8 = 0x72;
}

impl<'a> Bulk<'a> {
    /// Bytes of a transfer that fit one record beside everything else.
    pub const CHUNK: usize = limits::RECORD - 16;

    /// Reads one record off the front of `bytes`; returns it with the bytes it took, or `None`
    /// while it is not whole.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] as soon as its head or, once it is whole, its body is not what
    /// [`Bulk::encode`] writes.
    pub fn decode(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, DecodeError> {
        first_of(bytes, Self::read)
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            kind::CHUNK => {
                let (id, offset) = (TransferId(reader.u32()?), read_count(reader)?);
                let bytes = reader.rest();
                if bytes.is_empty() {
                    return Err(DecodeError::OutOfRange { field: "transfer chunk" });
                }
                Self::Chunk { id, offset, bytes }
            }
            kind::HAVE => Self::Have {
                id: TransferId(reader.u32()?),
                received: read_count(reader)?,
                limit: read_count(reader)?,
            },
            kind::HERE => Self::Here,
            other => return Err(DecodeError::UnknownType(other)),
        })
    }

    /// Appends the record with its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        framed(out, |out| match *self {
            Self::Chunk { id, offset, bytes } => {
                put(out, kind::CHUNK, id, offset);
                out.extend_from_slice(bytes);
            }
            Self::Have { id, received, limit } => {
                put(out, kind::HAVE, id, received);
                out.extend(limit.to_be_bytes());
            }
            Self::Here => out.push(kind::HERE),
        });
    }
}

fn put(out: &mut Vec<u8>, kind: u8, id: TransferId, count: u64) {
    out.push(kind);
    out.extend(id.0.to_be_bytes());
    out.extend(count.to_be_bytes());
}

/// A place in a transfer, which has an end.
fn read_count(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let count = u64::from_be_bytes(reader.array()?);
    if count > limits::TRANSFER_BYTES {
        return Err(DecodeError::OutOfRange { field: "transfer offset" });
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn golden() -> [(Bulk<'static>, &'static [u8]); 3] {
        let id = TransferId(2);
        [
            (
                Bulk::Chunk { id, offset: 256, bytes: b"map" },
                b"\0\x10\x70\0\0\0\x02\0\0\0\0\0\0\x01\0map",
            ),
            (
                Bulk::Have { id, received: 259, limit: 1_048_835 },
                b"\0\x15\x71\0\0\0\x02\0\0\0\0\0\0\x01\x03\0\0\0\0\0\x10\x01\x03",
            ),
            (Bulk::Here, b"\0\x01\x72"),
        ]
    }

    #[test]
    fn golden_bytes_both_ways() {
        for (record, bytes) in golden() {
            let mut out = Vec::new();
            record.encode(&mut out);
            assert_eq!(out, bytes, "{record:?}");
            crate::page::assert_shows(bytes);
            assert_eq!(Bulk::decode(bytes), Ok(Some((record, bytes.len()))));
            for len in 0..bytes.len() {
                assert_eq!(Bulk::decode(&bytes[..len]), Ok(None), "{record:?} cut to {len}");
            }
        }
    }

    #[test]
    fn an_empty_chunk_and_an_offset_beyond_every_transfer_are_refused() {
        let empty = b"\0\x0d\x70\0\0\0\x02\0\0\0\0\0\0\x01\0";
        assert_eq!(Bulk::decode(empty), Err(DecodeError::OutOfRange { field: "transfer chunk" }));
        let far = b"\0\x0e\x70\0\0\0\x02\x01\0\0\0\0\0\0\0m";
        assert_eq!(Bulk::decode(far), Err(DecodeError::OutOfRange { field: "transfer offset" }));
    }

    #[test]
    fn the_longest_chunk_fits_a_record() {
        let bytes = vec![7; Bulk::CHUNK];
        let record =
            Bulk::Chunk { id: TransferId(u32::MAX), offset: limits::TRANSFER_BYTES, bytes: &bytes };
        let mut out = Vec::new();
        record.encode(&mut out);
        assert_eq!(Bulk::decode(&out), Ok(Some((record, out.len()))));
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_never_panic_and_what_is_read_writes_back(
            body in prop::collection::vec(any::<u8>(), 1..64),
        ) {
            let mut bytes = u16::try_from(body.len()).unwrap().to_be_bytes().to_vec();
            bytes.extend(body);
            if let Ok(Some((record, len))) = Bulk::decode(&bytes) {
                let mut out = Vec::new();
                record.encode(&mut out);
                prop_assert_eq!(len, bytes.len());
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
