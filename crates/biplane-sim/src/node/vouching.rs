//! A planted fault: an end that believes of everything it sent before the newest packet that was
//! acknowledged that it arrived.
//!
//! So it misses every loss: it never learns that a path has ceased to carry what it sends.

use std::collections::BTreeSet;

use biplane_wire::{Ack, AckRange, AckRanges, Frame, Frames, PacketNumber, limits as wire};

/// An ack is widened by at most so many packets.
const FURTHEST: u64 = 1_000;

/// The numbers that were sent; none where the fault is not planted.
#[derive(Debug, Default)]
pub(super) struct Vouching(BTreeSet<u64>);

impl Vouching {
    /// Notes a packet that leaves.
    pub(super) fn on_sent(&mut self, number: PacketNumber) {
        self.0.insert(number.0);
    }

    /// What a packet says, with wider acks before those that it holds.
    pub(super) fn vouched(&self, plaintext: &[u8]) -> Option<Vec<u8>> {
        let next = PacketNumber(self.0.last()? + 1);
        let mut vouched = Vec::new();
        for frame in Frames::new(plaintext).flatten() {
            if let Frame::Ack(ack) = frame {
                self.widen(next, ack, &mut vouched);
            }
        }
        vouched.extend_from_slice(plaintext);
        Some(vouched)
    }

    fn widen(&self, next: PacketNumber, ack: Ack<'_>, out: &mut Vec<u8>) {
        let (largest, _) = ack.numbers(next);
        let further = (1..FURTHEST).map(|by| largest.0.checked_sub(by));
        let sent = further.take_while(|number| number.is_some_and(|it| self.0.contains(&it)));
        let low = sent.flatten().last().unwrap_or(largest.0);
        let mut bytes = Vec::new();
        let range = AckRange { low, high: largest.0 };
        AckRanges::encode(&mut bytes, core::iter::once(range), wire::ACK_RANGES);
        let ranges = AckRanges::of_encoded(&bytes);
        Frame::Ack(Ack { ranges, ecn: None, ..ack }).encode(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_is_widened_to_what_was_sent() {
        let mut vouching = Vouching::default();
        assert_eq!(vouching.vouched(b"\0"), None);
        (3..=9).chain([1]).for_each(|number| vouching.on_sent(PacketNumber(number)));
        let (mut one, mut plaintext) = (Vec::new(), Vec::new());
        AckRanges::encode(&mut one, [AckRange { low: 8, high: 8 }].into_iter(), 1);
        let ranges = AckRanges::of_encoded(&one);
        let largest = PacketNumber(8).truncated();
        let ack = Ack { largest, delay: 7, arrival: 9, ranges, ecn: None };
        Frame::Ack(ack).encode(&mut plaintext);
        let vouched = vouching.vouched(&plaintext).unwrap();
        let Some(Ok(Frame::Ack(wide))) = Frames::new(&vouched).next() else { panic!() };
        let (_, mut ranges) = wide.numbers(PacketNumber(10));
        assert_eq!(ranges.next(), Some(Some(AckRange { low: 3, high: 8 })), "2 was not sent");
        assert!(vouched.ends_with(&plaintext));
    }
}
