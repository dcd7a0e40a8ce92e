//! Packet numbers that no packet has.
//!
//! Who acknowledges one has acknowledged what it cannot have received, to be sent more than its path
//! carries (RFC 9000, section 21.4). Which numbers they are, nobody can foretell: one in 500 while
//! the window is small, and up to one in 128 as it grows, for there is the more to win by a lie.

use std::collections::VecDeque;

use biplane_wire::{AckRange, PacketNumber};

use crate::{limits, random::Random};

/// The numbers that were skipped, and when the next is.
#[derive(Debug)]
pub(super) struct Skips {
    random: Random,
    /// Packets before the next.
    left: u64,
    /// Ascending: those in flight, and some before.
    numbers: VecDeque<u64>,
    count: u64,
}

impl Skips {
    /// Packets in a window with which skipped numbers begin to be more frequent.
    const WINDOW: u64 = 32;

    pub(super) fn new(mut random: Random) -> Self {
        let left = draw(&mut random, limits::SKIP_MEAN);
        Self { random, left, numbers: VecDeque::new(), count: 0 }
    }

    /// How many there have been.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Whether the next number is to be skipped.
    pub(super) const fn is_due(&self) -> bool {
        self.left == 0
    }

    /// A packet was sent.
    pub(super) const fn on_sent(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// `number` was skipped, with a window of so many packets; what is below `base` is not in flight
    /// any more.
    pub(super) fn on_skipped(&mut self, number: PacketNumber, window: u64, base: PacketNumber) {
        let mean = (limits::SKIP_MEAN * Self::WINDOW).checked_div(window);
        let mean = mean.unwrap_or(limits::SKIP_MEAN);
        self.left = draw(&mut self.random, mean.clamp(limits::SKIP_MEAN_MIN, limits::SKIP_MEAN));
        self.count += 1;
        self.numbers.push_back(number.0);
        while self.numbers.len() > limits::SKIPPED_NUMBERS
            && self.numbers.front().is_some_and(|oldest| *oldest < base.0)
        {
            self.numbers.pop_front();
        }
    }

    /// Whether any of `range` was skipped.
    pub(super) fn has_any(&self, range: AckRange) -> bool {
        let above = self.numbers.partition_point(|number| *number < range.low);
        self.numbers.get(above).is_some_and(|number| *number <= range.high)
    }
}

/// 1 to twice the mean.
fn draw(random: &mut Random, mean: u64) -> u64 {
    1 + u64::from_be_bytes(random.bytes()) % (2 * mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips() -> Skips {
        Skips::new(Random::new(&[3; 32]))
    }

    /// The distances between skipped numbers with such a window.
    fn distances(window: u64) -> Vec<u64> {
        let mut skips = skips();
        let mut next = 0;
        let mut distances = Vec::new();
        while distances.len() < 400 {
            let before = next;
            while !skips.is_due() {
                skips.on_sent();
                next += 1;
            }
            distances.push(next - before);
            skips.on_skipped(PacketNumber(next), window, PacketNumber(0));
            next += 1;
        }
        distances.split_off(1)
    }

    #[test]
    fn numbers_are_skipped_at_random_and_more_often_in_a_large_window() {
        for (window, mean) in [(0, 500), (10, 500), (64, 250), (10_000, 128)] {
            let distances = distances(window);
            let average = distances.iter().sum::<u64>() / distances.len() as u64;
            assert!(average.abs_diff(mean) < mean / 8, "{average} at a window of {window}");
            let most = *distances.iter().max().unwrap();
            assert!(most <= 2 * mean && most > mean * 3 / 2, "{most}");
            assert!(*distances.iter().min().unwrap() < mean / 4);
        }
    }

    #[test]
    fn a_range_has_the_skipped_numbers_between_its_ends() {
        let mut skips = skips();
        for number in [7, 100, 101] {
            skips.on_skipped(PacketNumber(number), 10, PacketNumber(0));
        }
        let has_any = |low, high| skips.has_any(AckRange { low, high });
        assert!(has_any(7, 7) && has_any(0, 7) && has_any(7, 50) && has_any(0, 500));
        assert!(has_any(101, 101));
        assert!(!has_any(0, 6) && !has_any(8, 99) && !has_any(102, u64::MAX));
    }

    #[test]
    fn those_in_flight_are_remembered_and_some_before() {
        let mut skips = skips();
        for number in 0..100 {
            skips.on_skipped(PacketNumber(number), 10, PacketNumber(0));
        }
        assert!(skips.has_any(AckRange { low: 0, high: 0 }));
        skips.on_skipped(PacketNumber(100), 10, PacketNumber(90));
        assert!(!skips.has_any(AckRange { low: 0, high: 68 }));
        assert!(skips.has_any(AckRange { low: 69, high: 69 }));
        assert_eq!(skips.numbers.len(), limits::SKIPPED_NUMBERS);
    }
}
