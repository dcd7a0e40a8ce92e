//! The ranges of acks and delivery notices.

use biplane_wire::{
    Ack, AckRange, AckRanges, Frame, Frames, PacketNumber, SequenceNumber, Taken, limits,
};

use crate::{labels, memory};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "NotCanonical ECN count",
    "NotCanonical ack delay",
    "NotCanonical ack ranges",
    "NotCanonical close text",
    "NotCanonical credit",
    "NotCanonical fragment offset",
    "NotCanonical fragment total",
    "NotCanonical message",
    "NotCanonical padding",
    "NotCanonical taken ranges",
    "NotText close text",
    "OutOfRange ack delay",
    "OutOfRange ack ranges",
    "OutOfRange channel",
    "OutOfRange close code",
    "OutOfRange fragment",
    "OutOfRange fragment offset",
    "OutOfRange taken ranges",
    "TooLong ack ranges",
    "TooLong close text",
    "TooLong fragment total",
    "TooLong message",
    "TooLong taken ranges",
    "Truncated",
    "UnknownType",
    "below zero",
    "ranges",
    "taken",
    "the most ranges",
];

/// Reads the first eight bytes of `data` as the largest number sent, and the rest as a frame.
pub fn ack(data: &[u8]) {
    let Some((sent, frame)) = data.split_first_chunk() else { return };
    let sent = u64::from_be_bytes(*sent) & PacketNumber::MAX.0;
    match Frames::new(frame).next() {
        Some(Ok(Frame::Ack(ack))) => check_ack(PacketNumber(sent), ack),
        Some(Ok(Frame::Taken(taken))) => check_taken(SequenceNumber(sent), taken),
        Some(Err(error)) => labels::refused(error),
        Some(Ok(_)) | None => {}
    }
}

fn check_ack(sent: PacketNumber, ack: Ack<'_>) {
    let (largest, _) = ack.numbers(sent);
    assert_eq!(largest.truncated(), ack.largest);
    let counted = memory::bounded(0, || ack.numbers(sent).1.count());
    if let Some(ranges) = check_ranges(largest.0, counted, ack.numbers(sent).1, limits::ACK_RANGES)
    {
        assert_eq!(AckRanges::of_encoded(&ranges), ack.ranges);
    }
}

fn check_taken(sent: SequenceNumber, taken: Taken<'_>) {
    labels::note(|| "taken".into());
    let largest = SequenceNumber::expand(taken.largest, sent);
    assert_eq!(largest.truncated(), taken.largest);
    let counted = memory::bounded(0, || taken.numbers(sent).count());
    let ranges = check_ranges(largest.0, counted, taken.numbers(sent), limits::TAKEN_RANGES);
    if let Some(ranges) = ranges {
        assert_eq!(AckRanges::of_encoded(&ranges), taken.ranges);
    }
}

/// Asserts that ranges go down from `largest` with gaps between them; returns their bytes, unless
/// they go below zero.
fn check_ranges(
    largest: u64,
    counted: usize,
    ranges: impl Iterator<Item = Option<AckRange>>,
    limit: usize,
) -> Option<Vec<u8>> {
    assert!((1..=limit).contains(&counted));
    let mut found: Vec<AckRange> = Vec::new();
    for (index, range) in ranges.enumerate() {
        let Some(range) = range else {
            labels::note(|| "below zero".into());
            assert_eq!(index + 1, counted, "ranges after one below zero");
            return None;
        };
        assert!(range.low <= range.high);
        match found.last() {
            None => assert_eq!(range.high, largest),
            Some(above) => assert!(range.high + 1 < above.low, "{range:?} touches {above:?}"),
        }
        found.push(range);
    }
    labels::note(|| if counted == limit { "the most ranges" } else { "ranges" }.into());
    let mut again = Vec::new();
    AckRanges::encode(&mut again, found.into_iter(), limit);
    Some(again)
}
