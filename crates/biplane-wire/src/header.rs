//! The cleartext head of a UDP packet.

use crate::{DecodeError, PacketNumber, TruncatedNumber, codec::Reader, limits};

/// The cleartext part of every UDP packet, big-endian; the seal covers it as associated data.
///
/// ```text
/// | version 2b, type 2b, key phase 2b, zero 2b | receive id 4 | number 4 | sealed frames … | tag 16 |
/// ```
///
/// The receive id stands at a fixed offset, in the clear, so that a balancer can route by it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// What the packet carries.
    pub kind: PacketKind,
    /// Which of the receiver's keys opens it.
    pub phase: KeyPhase,
    /// Which session it belongs to, in the receiver's own words.
    pub receive_id: ReceiveId,
    /// The low half of its packet number.
    pub number: TruncatedNumber,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum PacketKind {
    /// Frames of one session.
    Data,
    /// Reserved for packets to a multicast group.
    Group,
}

/// Which of four successive keys seals a packet: 0 to 3.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct KeyPhase(u8);

/// A session in the words of the side that receives under it: 32 random bits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReceiveId(pub u32);

impl Header {
    /// Its length in bytes.
    pub const LEN: usize = 9;
    /// The version of the packet format that this crate reads and writes.
    pub const VERSION: u8 = 1;

    /// The head of a data packet.
    #[must_use]
    pub const fn data(phase: KeyPhase, receive_id: ReceiveId, number: PacketNumber) -> Self {
        Self { kind: PacketKind::Data, phase, receive_id, number: number.truncated() }
    }

    /// Splits `datagram` into its header and what is sealed, the tag included.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the datagram is shorter than [`limits::PACKET_MIN`], of another version
    /// or type, or sets a reserved bit. Nothing is read past the end, whatever the bytes.
    pub fn decode(datagram: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let missing = limits::PACKET_MIN.saturating_sub(datagram.len());
        if missing > 0 {
            return Err(DecodeError::Truncated { missing });
        }
        let mut reader = Reader(datagram);
        let (kind, phase) = Self::split_first(reader.u8()?)?;
        let header = Self {
            kind,
            phase,
            receive_id: ReceiveId(reader.u32()?),
            number: TruncatedNumber(reader.u32()?),
        };
        Ok((header, reader.rest()))
    }

    /// The bytes that [`Header::decode`] reads.
    #[must_use]
    pub const fn encode(&self) -> [u8; Self::LEN] {
        let kind = match self.kind {
            PacketKind::Data => 0,
            PacketKind::Group => 1,
        };
        let first = Self::VERSION << 6 | kind << 4 | self.phase.0 << 2;
        let [a, b, c, d] = self.receive_id.0.to_be_bytes();
        let [e, f, g, h] = self.number.0.to_be_bytes();
        [first, a, b, c, d, e, f, g, h]
    }

    const fn split_first(byte: u8) -> Result<(PacketKind, KeyPhase), DecodeError> {
        if byte >> 6 != Self::VERSION {
            return Err(DecodeError::UnknownVersion(byte >> 6));
        }
        if byte & 0b11 != 0 {
            return Err(DecodeError::OutOfRange { field: "reserved bits" });
        }
        let kind = match byte >> 4 & 0b11 {
            0 => PacketKind::Data,
            1 => PacketKind::Group,
            other => return Err(DecodeError::UnknownType(other)),
        };
        Ok((kind, KeyPhase(byte >> 2 & 0b11)))
    }
}

impl KeyPhase {
    /// The phase a session and each resume begin with.
    pub const FIRST: Self = Self(0);

    /// The phase that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self((self.0 + 1) & 0b11)
    }

    /// Its place among the four: 0 to 3.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Header {
        Header::data(KeyPhase(2), ReceiveId(0x0102_0304), PacketNumber(0x7_0000_002a))
    }

    #[test]
    fn golden_bytes() {
        assert_eq!(example().encode(), [0x48, 1, 2, 3, 4, 0, 0, 0, 0x2a]);
        crate::page::assert_shows(&example().encode());
    }

    #[test]
    fn decodes_what_it_encodes() {
        let mut datagram = example().encode().to_vec();
        datagram.resize(limits::PACKET_MIN, 0xee);
        let (header, sealed) = Header::decode(&datagram).unwrap();
        assert_eq!(header, example());
        assert_eq!(sealed, &[0xee; limits::PACKET_MIN - Header::LEN]);
    }

    #[test]
    fn every_truncation_is_refused() {
        let mut datagram = example().encode().to_vec();
        datagram.resize(limits::PACKET_MIN, 0);
        for len in 0..datagram.len() {
            let missing = datagram.len() - len;
            assert_eq!(
                Header::decode(&datagram[..len]),
                Err(DecodeError::Truncated { missing }),
                "{len} bytes"
            );
        }
    }

    #[test]
    fn every_first_byte_is_a_header_or_an_error() {
        for first in 0..=u8::MAX {
            let mut datagram = [0; limits::PACKET_MIN];
            datagram[0] = first;
            match Header::decode(&datagram) {
                Ok((header, _)) => assert_eq!(header.encode()[0], first),
                Err(_) => assert!(first >> 6 != 1 || first & 0b11 != 0 || first >> 4 & 0b11 > 1),
            }
        }
    }
}
