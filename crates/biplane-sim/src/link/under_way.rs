//! The datagrams under way, by when they arrive.

use core::cmp::Reverse;
use std::{collections::BinaryHeap, time::Instant};

use super::Arrival;

/// A bound beyond the payload: what one costs when it is empty.
const COST: usize = 128;

/// A queue ordered by time of arrival; those of one moment in the order they were put in.
#[derive(Debug)]
pub(super) struct UnderWay<T> {
    heap: BinaryHeap<Reverse<Flight<T>>>,
    launched: u64,
    bytes: usize,
    /// The number that comes after the highest that has arrived.
    expected: u64,
}

#[derive(Debug)]
struct Flight<T> {
    at: Instant,
    order: u64,
    arrival: Arrival<T>,
}

impl<T> UnderWay<T> {
    pub(super) fn push(&mut self, at: Instant, arrival: Arrival<T>) {
        self.launched += 1;
        self.bytes += arrival.bytes.len() + COST;
        self.heap.push(Reverse(Flight { at, order: self.launched, arrival }));
    }

    /// Takes the next that has arrived by `now`, and whether one that was sent later came before it.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Arrival<T>, bool)> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse(Flight { arrival, .. }) = self.heap.pop()?;
        self.bytes -= arrival.bytes.len() + COST;
        let is_late = arrival.number + 1 < self.expected;
        self.expected = self.expected.max(arrival.number + 1);
        Some((arrival, is_late))
    }

    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(flight)| flight.at)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// What it holds, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<T> Default for UnderWay<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), launched: 0, bytes: 0, expected: 0 }
    }
}

impl<T> Flight<T> {
    const fn key(&self) -> (Instant, u64) {
        (self.at, self.order)
    }
}

impl<T> PartialEq for Flight<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Flight<T> {}

impl<T> PartialOrd for Flight<T> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Flight<T> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
