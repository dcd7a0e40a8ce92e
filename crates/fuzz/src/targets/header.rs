//! The head of a packet, and the expansion of its number.

use biplane_wire::{DecodeError, Header, PacketNumber, limits};

use crate::{labels, memory};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "Data",
    "Group",
    "OutOfRange reserved bits",
    "Truncated",
    "UnknownType",
    "UnknownVersion",
    "expanded above",
    "expanded at the end",
    "expanded at the start",
    "expanded below",
];

/// Reads `data` as a datagram.
pub fn header(data: &[u8]) {
    match memory::bounded(0, || Header::decode(data)) {
        Ok((header, sealed)) => {
            labels::note(|| labels::first_word(&header.kind));
            assert_eq!(header.encode(), data[..Header::LEN]);
            assert_eq!(sealed, &data[Header::LEN..]);
            expand(&header, sealed);
        }
        Err(error) => {
            labels::refused(error);
            let short = limits::PACKET_MIN.saturating_sub(data.len());
            let truncated = DecodeError::Truncated { missing: short };
            assert_eq!(short > 0, error == truncated, "{error}");
        }
    }
}

/// Expands the header's number against what the first sealed bytes say is expected.
fn expand(header: &Header, sealed: &[u8]) {
    let mut expected = [0; 8];
    expected.copy_from_slice(&sealed[..8]);
    let expected = PacketNumber(u64::from_be_bytes(expected) & PacketNumber::MAX.0);
    let whole = header.number.expand(expected);
    assert_eq!(whole.truncated(), header.number);
    assert!(whole <= PacketNumber::MAX);
    let near = whole.0.abs_diff(expected.0) <= 1 << 31;
    let first = whole > expected && whole.0 < 1 << 32;
    let last = whole < expected && whole.0 + (1 << 32) > PacketNumber::MAX.0;
    assert!(near || first || last, "{whole:?} is not the nearest to {expected:?}");
    labels::note(|| {
        let place = match (near, whole >= expected) {
            (true, true) => "above",
            (true, false) => "below",
            (false, true) => "at the start",
            (false, false) => "at the end",
        };
        format!("expanded {place}")
    });
}
