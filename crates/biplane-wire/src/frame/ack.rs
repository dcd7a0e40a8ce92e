//! Acks and delivery notices: lists of ranges, read in place.

use crate::{
    ChannelId, DecodeError, PacketNumber, SequenceNumber, TruncatedNumber,
    codec::{Reader, put_u24, put_varint},
    frame::kind,
    limits,
};

/// A run of consecutive numbers, both ends included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AckRange {
    /// The lowest number.
    pub low: u64,
    /// The highest number.
    pub high: u64,
}

/// Ranges below a largest number, as they stand on the wire: read one by one, never copied out.
///
/// ```text
/// | count of further ranges varint | length − 1 of the first | { gap − 1, length − 1 } … |   all varints
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AckRanges<'a>(&'a [u8]);

/// Which packets have arrived, and when the largest did.
///
/// ```text
/// | largest 4 (low half) | delay µs varint | arrival µs 4 | ranges … | with type 03: ECT(0), ECT(1), CE varints |
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ack<'a> {
    /// The largest number that has arrived.
    pub largest: TruncatedNumber,
    /// How long the sender of the ack held it, in microseconds.
    pub delay: u32,
    /// When the largest arrived, on the session clock of the ack's sender, in microseconds; wraps.
    pub arrival: u32,
    /// What has arrived, from the largest down.
    pub ranges: AckRanges<'a>,
    /// How many packets came with each ECN mark; where none did, it is not written.
    pub ecn: Option<EcnCounts>,
}

/// Packets received with each ECN codepoint since the session began (RFC 9000, section 19.3.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EcnCounts {
    /// ECT(0).
    pub ect0: u64,
    /// ECT(1).
    pub ect1: u64,
    /// Congestion experienced.
    pub ce: u64,
}

/// Which messages of a channel the application took.
///
/// ```text
/// | 08 | channel 1 | largest 3 (low 24 bits) | ranges … |
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Taken<'a> {
    /// The channel.
    pub channel: ChannelId,
    /// The largest sequence number taken: its low 24 bits.
    pub largest: u32,
    /// What was taken, from the largest down.
    pub ranges: AckRanges<'a>,
}

impl<'a> AckRanges<'a> {
    fn read(
        reader: &mut Reader<'a>,
        field: &'static str,
        limit: usize,
    ) -> Result<Self, DecodeError> {
        let start = reader.0;
        let further = reader.count(field, limit - 1)?;
        reader.varint_u32(field)?;
        for _ in 0..further {
            reader.varint_u32(field)?;
            reader.varint_u32(field)?;
        }
        let used = start.len() - reader.0.len();
        Ok(Self(start.get(..used).unwrap_or_default()))
    }

    /// Encodes `ranges`, which go from the highest down and neither touch nor overlap, into `out`;
    /// at most `limit` of them. The ranges are then those of the bytes appended.
    pub fn encode(out: &mut Vec<u8>, ranges: impl Iterator<Item = AckRange> + Clone, limit: usize) {
        let further = ranges.clone().take(limit).count().saturating_sub(1);
        put_varint(out, further as u64);
        let mut below = None;
        for AckRange { low, high } in ranges.take(limit) {
            if let Some(below) = below {
                put_varint(out, below - high - 2);
            }
            put_varint(out, high - low);
            below = Some(low);
        }
    }

    /// Ranges in bytes that [`AckRanges::encode`] wrote.
    #[must_use]
    pub const fn of_encoded(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The ranges below and including `largest`, highest first. `None` in place of a range that
    /// would go below zero, and then no more.
    pub fn below(self, largest: u64) -> impl Iterator<Item = Option<AckRange>> + 'a {
        let mut reader = Reader(self.0);
        let mut left = reader.varint("ranges").unwrap_or(0) + 1;
        let mut high = Some(largest);
        core::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let range = Self::next(&mut reader, high);
            match range {
                Some(AckRange { low, .. }) if left > 0 => {
                    high = reader.varint("gap").ok().and_then(|gap| low.checked_sub(gap + 2));
                }
                Some(_) => {}
                None => left = 0,
            }
            Some(range)
        })
    }

    fn next(reader: &mut Reader<'_>, high: Option<u64>) -> Option<AckRange> {
        let high = high?;
        let low = high.checked_sub(reader.varint("length").ok()?)?;
        Some(AckRange { low, high })
    }
}

impl<'a> Ack<'a> {
    pub(super) fn read(with_ecn: bool, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            largest: TruncatedNumber(reader.u32()?),
            delay: reader.varint_u32("ack delay")?,
            arrival: reader.u32()?,
            ranges: AckRanges::read(reader, "ack ranges", limits::ACK_RANGES)?,
            ecn: if with_ecn { Some(EcnCounts::read(reader)?) } else { None },
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let ecn = self.ecn.filter(|counts| *counts != EcnCounts::default());
        out.push(if ecn.is_some() { kind::ACK_ECN } else { kind::ACK });
        out.extend(self.largest.0.to_be_bytes());
        put_varint(out, u64::from(self.delay));
        out.extend(self.arrival.to_be_bytes());
        out.extend_from_slice(self.ranges.0);
        if let Some(EcnCounts { ect0, ect1, ce }) = ecn {
            for count in [ect0, ect1, ce] {
                put_varint(out, count);
            }
        }
    }

    /// The largest number and the ranges whole, given the largest number this side has sent.
    /// The ranges are `None` from where they would go below zero.
    pub fn numbers(
        &self,
        largest_sent: PacketNumber,
    ) -> (PacketNumber, impl Iterator<Item = Option<AckRange>> + 'a + use<'a>) {
        let largest = self.largest.expand(largest_sent);
        (largest, self.ranges.below(largest.0))
    }
}

impl EcnCounts {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let field = "ECN count";
        let counts = Self {
            ect0: reader.varint(field)?,
            ect1: reader.varint(field)?,
            ce: reader.varint(field)?,
        };
        // Where no mark came, the ack says none.
        if counts == Self::default() {
            Err(DecodeError::NotCanonical { field })
        } else {
            Ok(counts)
        }
    }
}

impl<'a> Taken<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            channel: ChannelId::read(reader)?,
            largest: reader.u24()?,
            ranges: AckRanges::read(reader, "taken ranges", limits::TAKEN_RANGES)?,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend([kind::TAKEN, self.channel.byte()]);
        put_u24(out, self.largest);
        out.extend_from_slice(self.ranges.0);
    }

    /// The ranges whole, given the next sequence number this side will give.
    pub fn numbers(
        &self,
        expected: SequenceNumber,
    ) -> impl Iterator<Item = Option<AckRange>> + 'a + use<'a> {
        let largest = SequenceNumber::expand(self.largest, expected);
        self.ranges.below(largest.0)
    }
}
