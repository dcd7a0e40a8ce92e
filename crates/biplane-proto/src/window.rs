//! Whether a packet is new: a sliding window over packet numbers (RFC 4303, section 3.4.3).
//!
//! The window begins with 1,024 numbers and grows with the flow, so that it always covers what
//! arrives within the worst stall of a parallel reader. Growing changes nothing for numbers already
//! below the floor: what was refused stays refused.

use std::time::Instant;

use biplane_wire::PacketNumber;

use crate::{DropReason, limits};

/// Which packet numbers have been taken in.
#[derive(Debug)]
pub(crate) struct ReplayWindow {
    /// Bit `number % capacity` of the numbers in `floor..next`; the length is a power of two.
    words: Vec<u64>,
    /// One above the largest number taken in.
    next: u64,
    /// Below it everything is refused.
    floor: u64,
    span_start: Option<Instant>,
    span_packets: u64,
}

impl ReplayWindow {
    /// A window that expects `first`.
    pub(crate) fn new(first: PacketNumber) -> Self {
        Self {
            words: vec![0; words_for(limits::WINDOW_MIN)],
            next: first.0,
            floor: first.0,
            span_start: None,
            span_packets: 0,
        }
    }

    /// Below this number everything is late.
    pub(crate) const fn floor(&self) -> PacketNumber {
        PacketNumber(self.floor)
    }

    /// The largest number taken in, or the first one expected.
    pub(crate) const fn largest(&self) -> PacketNumber {
        PacketNumber(if self.next > self.floor { self.next - 1 } else { self.floor })
    }

    /// Whether `number` could be taken in.
    pub(crate) fn check(&self, number: PacketNumber) -> Result<(), DropReason> {
        let number = number.0;
        if number < self.floor {
            return Err(DropReason::Late);
        }
        if number < self.next && self.contains(number) {
            return Err(DropReason::Replayed);
        }
        Ok(())
    }

    /// Takes `number` in, once.
    pub(crate) fn commit(&mut self, now: Instant, number: PacketNumber) -> Result<(), DropReason> {
        self.check(number)?;
        let number = number.0;
        if number >= self.next {
            self.advance(number + 1);
        }
        self.set(number);
        self.grow_with_flow(now);
        Ok(())
    }

    const fn capacity(&self) -> u64 {
        self.words.len() as u64 * 64
    }

    fn place(&self, number: u64) -> (usize, u64) {
        let bit = number & (self.capacity() - 1);
        (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    }

    fn contains(&self, number: u64) -> bool {
        let (word, mask) = self.place(number);
        self.words.get(word).is_some_and(|word| word & mask != 0)
    }

    fn set(&mut self, number: u64) {
        let (word, mask) = self.place(number);
        if let Some(word) = self.words.get_mut(word) {
            *word |= mask;
        }
    }

    /// Moves the upper end to `next`, clearing what the ring holds of older numbers there.
    fn advance(&mut self, next: u64) {
        if next - self.next >= self.capacity() {
            self.words.fill(0);
        } else {
            self.clear(self.next, next);
        }
        self.next = next;
        self.floor = self.floor.max(next.saturating_sub(self.capacity()));
    }

    fn clear(&mut self, from: u64, to: u64) {
        let mut number = from;
        while number < to {
            let (word, first) = self.place(number);
            let bits = (64 - number % 64).min(to - number);
            let mask = if bits == 64 { u64::MAX } else { ((1 << bits) - 1) * first };
            if let Some(word) = self.words.get_mut(word) {
                *word &= !mask;
            }
            number += bits;
        }
    }

    fn grow_with_flow(&mut self, now: Instant) {
        self.span_packets += 1;
        let start = *self.span_start.get_or_insert(now);
        if now.saturating_duration_since(start) < limits::WINDOW_SPAN {
            return;
        }
        let wanted = self.span_packets.min(limits::WINDOW_MAX).next_power_of_two();
        if wanted > self.capacity() {
            self.grow(wanted);
        }
        self.span_start = Some(now);
        self.span_packets = 0;
    }

    fn grow(&mut self, capacity: u64) {
        let mut grown = Self {
            words: vec![0; words_for(capacity)],
            next: self.next,
            floor: self.floor,
            span_start: None,
            span_packets: 0,
        };
        for number in (self.floor..self.next).filter(|number| self.contains(*number)) {
            grown.set(number);
        }
        self.words = grown.words;
    }
}

fn words_for(capacity: u64) -> usize {
    usize::try_from(capacity / 64).unwrap_or(1)
}

#[cfg(test)]
mod tests;
