//! What to acknowledge, and when.
//!
//! The policy (a peer learns it from the parameters): packets with reliable frames within 20 ms or
//! every 10th, packets with `sequenced` and `unreliable` messages alone within 60 ms or every 32nd;
//! a ping at once. However many come, their number brings no two acks within 500 µs. An ack rides
//! any packet that leaves earlier.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{Ack, AckRange, AckRanges, EcnCounts, Frame, PacketNumber, limits as wire};

use crate::{Ecn, limits};

/// How much a packet wants to be acknowledged; the most that any of its frames wants.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Eliciting {
    /// Not at all: acks, credit, padding.
    #[default]
    Nothing,
    /// Soon enough for rate and loss.
    Fresh,
    /// Soon enough for retransmission.
    Reliable,
    /// Now.
    AtOnce,
}

/// The packets received that the peer may not know of yet.
#[derive(Debug)]
pub(crate) struct Acks {
    /// Ascending, apart from each other; at most [`wire::ACK_RANGES`].
    ranges: Vec<AckRange>,
    largest_at: Instant,
    waiting: Waiting,
    /// Packets that came with a mark.
    marks: EcnCounts,
    scratch: Vec<u8>,
}

/// Packets that wait for an ack.
#[derive(Debug, Default)]
struct Waiting {
    reliable: u32,
    fresh: u32,
    deadline: Option<Instant>,
    /// Their number brings no ack earlier.
    not_before: Option<Instant>,
}

impl Acks {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            ranges: Vec::new(),
            largest_at: now,
            waiting: Waiting::default(),
            marks: EcnCounts::default(),
            scratch: Vec::new(),
        }
    }

    /// Counts the mark of a packet that was taken in and wants so much. Returns what it wants now:
    /// congestion is told at once (RFC 9000, section 13.2.1).
    pub(crate) fn on_mark(&mut self, mark: Option<Ecn>, wants: Eliciting) -> Eliciting {
        match mark {
            None => return wants,
            Some(Ecn::Ect0) => self.marks.ect0 += 1,
            Some(Ecn::Ect1) => self.marks.ect1 += 1,
            Some(Ecn::Ce) => self.marks.ce += 1,
        }
        let tells = mark == Some(Ecn::Ce) && wants != Eliciting::Nothing;
        if tells { Eliciting::AtOnce } else { wants }
    }

    /// Notes a packet that was taken in.
    pub(crate) fn on_packet(&mut self, at: Instant, number: PacketNumber, wants: Eliciting) {
        if self.ranges.last().is_none_or(|top| number.0 > top.high) {
            self.largest_at = at;
        }
        self.insert(number.0);
        self.waiting.note(at, wants);
    }

    fn insert(&mut self, number: u64) {
        let above = self.ranges.partition_point(|range| range.low <= number);
        let joins_below = above
            .checked_sub(1)
            .and_then(|index| self.ranges.get(index))
            .is_some_and(|range| range.high + 1 >= number);
        let joins_above = self.ranges.get(above).is_some_and(|range| range.low == number + 1);
        match (joins_below, joins_above) {
            (true, true) => {
                let upper = self.ranges.remove(above);
                self.at(above - 1, |range| range.high = upper.high);
            }
            (true, false) => self.at(above - 1, |range| range.high = range.high.max(number)),
            (false, true) => self.at(above, |range| range.low = number),
            (false, false) => self.ranges.insert(above, AckRange { low: number, high: number }),
        }
        if self.ranges.len() > wire::ACK_RANGES {
            // The lowest goes, unless it is what just came, of which the peer has not been told.
            self.ranges.remove(usize::from(above == 0));
        }
    }

    fn at(&mut self, index: usize, change: impl FnOnce(&mut AckRange)) {
        self.ranges.get_mut(index).map(change);
    }

    /// Whether an ack must leave now.
    pub(crate) fn due(&self, now: Instant) -> bool {
        self.waiting.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Whether one leaves now or very soon.
    pub(crate) fn is_near(&self, now: Instant) -> bool {
        self.waiting.deadline.is_some_and(|deadline| deadline <= now + limits::ACKS_APART)
    }

    /// Whether anything waits for an ack at all.
    pub(crate) const fn waiting(&self) -> bool {
        self.waiting.deadline.is_some()
    }

    /// When an ack must leave.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.waiting.deadline
    }

    /// The ack frame of everything received, and the largest number in it; `None` before the first
    /// packet. `arrival` turns an instant into the session clock's microseconds.
    pub(crate) fn frame(
        &mut self,
        now: Instant,
        arrival: impl FnOnce(Instant) -> u32,
    ) -> Option<(Frame<'_>, PacketNumber)> {
        let largest = PacketNumber(self.ranges.last()?.high);
        self.scratch.clear();
        AckRanges::encode(&mut self.scratch, self.ranges.iter().rev().copied(), wire::ACK_RANGES);
        let delay = now.saturating_duration_since(self.largest_at);
        let ack = Ack {
            largest: largest.truncated(),
            delay: u32::try_from(delay.as_micros()).unwrap_or(u32::MAX),
            arrival: arrival(self.largest_at),
            ranges: AckRanges::of_encoded(&self.scratch),
            ecn: Some(self.marks).filter(|marks| *marks != EcnCounts::default()),
        };
        Some((Frame::Ack(ack), largest))
    }

    /// An ack of everything received has been written.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        let not_before = Some(now + limits::ACKS_APART);
        self.waiting = Waiting { not_before, ..Waiting::default() };
    }

    /// The peer knows of every number up to `largest`: they need not be told again.
    pub(crate) fn on_ack_acked(&mut self, largest: PacketNumber) {
        self.ranges.retain_mut(|range| {
            range.low = range.low.max(largest.0);
            range.low <= range.high
        });
    }
}

impl Waiting {
    fn note(&mut self, at: Instant, wants: Eliciting) {
        match wants {
            Eliciting::Nothing => {}
            Eliciting::AtOnce => self.within(at, Duration::ZERO),
            Eliciting::Reliable => {
                self.reliable += 1;
                self.within(at, limits::RELIABLE_ACK_DELAY);
                if self.reliable >= limits::RELIABLE_ACK_PACKETS {
                    self.on_many(at);
                }
            }
            Eliciting::Fresh => {
                self.fresh += 1;
                self.within(at, limits::UNRELIABLE_ACK_DELAY);
                if self.fresh >= limits::UNRELIABLE_ACK_PACKETS {
                    self.on_many(at);
                }
            }
        }
    }

    /// So many wait that an ack is due, if none has just left.
    fn on_many(&mut self, at: Instant) {
        let wait = self.not_before.map(|earliest| earliest.saturating_duration_since(at));
        self.within(at, wait.unwrap_or_default());
    }

    fn within(&mut self, at: Instant, delay: Duration) {
        let deadline = at + delay;
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acks(numbers: &[u64], wants: Eliciting) -> (Instant, Acks) {
        let now = Instant::now();
        let mut acks = Acks::new(now);
        for number in numbers {
            acks.on_packet(now, PacketNumber(*number), wants);
        }
        (now, acks)
    }

    fn ranges(acks: &Acks) -> Vec<(u64, u64)> {
        acks.ranges.iter().map(|range| (range.low, range.high)).collect()
    }

    #[test]
    fn numbers_join_into_ranges_in_any_order() {
        let (_, acks) = acks(&[5, 1, 3, 2, 9, 4, 8], Eliciting::Fresh);
        assert_eq!(ranges(&acks), [(1, 5), (8, 9)]);
    }

    #[test]
    fn the_lowest_ranges_are_forgotten_first() {
        let numbers: Vec<u64> = (0..40).map(|n| n * 2).collect();
        let (_, acks) = acks(&numbers, Eliciting::Fresh);
        assert_eq!(acks.ranges.len(), wire::ACK_RANGES);
        assert_eq!(ranges(&acks)[0], (16, 16));
    }

    #[test]
    fn what_comes_late_is_told_however_many_ranges_there_are() {
        let numbers: Vec<u64> = (1..40).map(|n| n * 2).collect();
        let (now, mut acks) = acks(&numbers, Eliciting::Fresh);
        acks.on_packet(now, PacketNumber(0), Eliciting::Fresh);
        assert_eq!(acks.ranges.len(), wire::ACK_RANGES);
        assert_eq!(ranges(&acks)[0], (0, 0));
        acks.on_packet(now, PacketNumber(100), Eliciting::Fresh);
        assert_eq!(ranges(&acks)[0], (18, 18));
    }

    #[test]
    fn reliable_packets_wait_20_ms_or_for_the_tenth() {
        let (now, mut acks) = acks(&[0], Eliciting::Reliable);
        assert_eq!(acks.deadline(), Some(now + Duration::from_millis(20)));
        for number in 1..9 {
            acks.on_packet(now, PacketNumber(number), Eliciting::Reliable);
        }
        assert!(!acks.due(now));
        acks.on_packet(now, PacketNumber(9), Eliciting::Reliable);
        assert!(acks.due(now));
    }

    #[test]
    fn fresh_packets_wait_60_ms_or_for_the_thirty_second() {
        let (now, mut acks) = acks(&[0], Eliciting::Fresh);
        assert_eq!(acks.deadline(), Some(now + Duration::from_millis(60)));
        for number in 1..32 {
            assert!(!acks.due(now));
            acks.on_packet(now, PacketNumber(number), Eliciting::Fresh);
        }
        assert!(acks.due(now));
    }

    #[test]
    fn a_fast_flow_is_acknowledged_every_500_microseconds_and_a_ping_at_once() {
        let (now, mut acks) = acks(&[], Eliciting::Fresh);
        acks.on_sent(now);
        let later = |micros| now + Duration::from_micros(micros);
        for number in 0..400 {
            acks.on_packet(later(number), PacketNumber(number), Eliciting::Reliable);
        }
        assert!(!acks.due(later(499)) && acks.due(later(500)));
        acks.on_packet(later(400), PacketNumber(400), Eliciting::AtOnce);
        assert!(acks.due(later(400)));
        acks.on_sent(later(400));
        for number in 401..411 {
            acks.on_packet(later(1_000), PacketNumber(number), Eliciting::Reliable);
        }
        assert!(acks.due(later(1_000)), "the last left long ago");
    }

    #[test]
    fn a_reliable_packet_brings_the_ack_of_fresh_ones_forward() {
        let (now, mut acks) = acks(&[0], Eliciting::Fresh);
        acks.on_packet(now, PacketNumber(1), Eliciting::Reliable);
        assert_eq!(acks.deadline(), Some(now + Duration::from_millis(20)));
    }

    #[test]
    fn marks_are_counted_and_congestion_is_told_at_once() {
        let (now, mut acks) = acks(&[0], Eliciting::Fresh);
        let ecn = |acks: &mut Acks| {
            let (Frame::Ack(ack), _) = acks.frame(now, |_| 0).unwrap() else { panic!("no ack") };
            ack.ecn
        };
        assert_eq!(ecn(&mut acks), None, "none was seen");
        assert_eq!(acks.on_mark(None, Eliciting::Fresh), Eliciting::Fresh);
        assert_eq!(acks.on_mark(Some(Ecn::Ect0), Eliciting::Fresh), Eliciting::Fresh);
        assert_eq!(acks.on_mark(Some(Ecn::Ect1), Eliciting::Reliable), Eliciting::Reliable);
        assert_eq!(acks.on_mark(Some(Ecn::Ce), Eliciting::Fresh), Eliciting::AtOnce);
        assert_eq!(acks.on_mark(Some(Ecn::Ce), Eliciting::Nothing), Eliciting::Nothing);
        assert_eq!(ecn(&mut acks), Some(EcnCounts { ect0: 1, ect1: 1, ce: 2 }));
    }

    #[test]
    fn acks_of_acks_elicit_nothing() {
        let (_, acks) = acks(&[0, 1, 2], Eliciting::Nothing);
        assert!(!acks.waiting());
    }

    #[test]
    fn what_the_peer_knows_is_not_told_again() {
        let (_, mut acks) = acks(&[0, 1, 2, 5, 6, 9], Eliciting::Fresh);
        acks.on_ack_acked(PacketNumber(6));
        assert_eq!(ranges(&acks), [(6, 6), (9, 9)]);
    }
}
