//! The records of an attached connection in a stream that is cut anywhere.

use biplane_wire::{Bulk, DecodeError};

use super::record::stream;
use crate::{labels, memory, wires};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "Chunk",
    "Have",
    "Here",
    "OutOfRange record length",
    "OutOfRange transfer chunk",
    "OutOfRange transfer offset",
    "TooLong record",
    "Trailing",
    "Truncated",
    "UnknownType",
];

/// Reads all but the first byte of `data` as a stream of such records, whole and in pieces of as
/// many bytes as the first one says.
pub fn bulk(data: &[u8]) {
    stream(data, read);
}

fn read(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
    let read = memory::bounded(0, || Bulk::decode(bytes))?;
    Ok(read.map(|(record, len)| {
        labels::note(|| labels::first_word(&record));
        wires::check_bulk(&record, &bytes[..len]);
        len
    }))
}
