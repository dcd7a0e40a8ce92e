//! `sequenced` and `unreliable` messages: worth something while they are new, never sent again.

use std::{collections::VecDeque, time::Instant};

use biplane_wire::SequenceNumber;
use bytes::Bytes;

use super::{cost, pop_front_if};
use crate::limits;

/// Messages that wait to be sent. When there are too many, the oldest goes.
#[derive(Debug, Default)]
pub(super) struct FreshSend {
    waiting: VecDeque<(Bytes, Option<Instant>)>,
    cost: usize,
    next: SequenceNumber,
}

impl FreshSend {
    /// Queues a message; returns how many old ones had to go.
    pub(super) fn push(&mut self, payload: Bytes, expires: Option<Instant>) -> u64 {
        self.cost += cost(payload.len());
        self.waiting.push_back((payload, expires));
        let mut dropped = 0;
        while self.waiting.len() > limits::FRESH_QUEUE_MESSAGES
            || self.cost > limits::SEND_QUEUE_BYTES
        {
            self.drop_oldest();
            dropped += 1;
        }
        dropped
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Drops what has outlived its lifetime; returns how many.
    pub(super) fn expire(&mut self, now: Instant) -> u64 {
        let mut expired = 0;
        while self.waiting.front().and_then(|(_, expires)| *expires).is_some_and(|at| at <= now) {
            self.drop_oldest();
            expired += 1;
        }
        expired
    }

    /// Drops all but the newest; returns how many.
    pub(super) fn keep_newest(&mut self) -> u64 {
        let mut dropped = 0;
        while self.waiting.len() > 1 {
            self.drop_oldest();
            dropped += 1;
        }
        dropped
    }

    fn drop_oldest(&mut self) {
        if let Some((payload, _)) = self.waiting.pop_front() {
            self.cost -= cost(payload.len());
        }
    }

    /// Takes the oldest message if its length fits, with its number.
    pub(super) fn pop(&mut self, fits: impl Fn(usize) -> bool) -> Option<(SequenceNumber, Bytes)> {
        let (payload, _) = pop_front_if(&mut self.waiting, |(payload, _)| fits(payload.len()))?;
        self.cost -= cost(payload.len());
        let sequence = self.next;
        self.next = sequence.next();
        Some((sequence, payload))
    }
}

/// Messages that wait for the application. When there are too many, the oldest goes.
#[derive(Debug)]
pub(super) struct FreshReceive {
    waiting: VecDeque<Bytes>,
    cost: usize,
    /// The number expected next, if older ones are refused.
    next: Option<SequenceNumber>,
}

/// What became of a message that arrived.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Arrival {
    /// It came after a newer one.
    pub(super) late: bool,
    /// It is the newest one once more.
    pub(super) duplicate: bool,
    /// How many older ones had to go.
    pub(super) evicted: u64,
}

impl FreshReceive {
    pub(super) fn new(sequenced: bool) -> Self {
        let next = sequenced.then(SequenceNumber::default);
        Self { waiting: VecDeque::new(), cost: 0, next }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn handle(&mut self, sequence: u32, payload: &[u8]) -> Arrival {
        let mut outcome = Arrival::default();
        if let Some(next) = &mut self.next {
            let sequence = SequenceNumber::expand(sequence, *next);
            if sequence < *next {
                outcome.duplicate = sequence.next() == *next;
                outcome.late = !outcome.duplicate;
                return outcome;
            }
            *next = sequence.next();
        }
        self.cost += cost(payload.len());
        self.waiting.push_back(Bytes::copy_from_slice(payload));
        while self.waiting.len() > limits::RECEIVE_QUEUE_MESSAGES
            || self.cost > limits::RECEIVE_QUEUE_BYTES
        {
            self.take();
            outcome.evicted += 1;
        }
        outcome
    }

    pub(super) fn take(&mut self) -> Option<Bytes> {
        let payload = self.waiting.pop_front()?;
        self.cost -= cost(payload.len());
        Some(payload)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn payload(byte: u8) -> Bytes {
        Bytes::copy_from_slice(&[byte])
    }

    #[test]
    fn the_oldest_goes_when_the_queue_is_full() {
        let mut queue = FreshSend::default();
        for _ in 0..limits::FRESH_QUEUE_MESSAGES {
            assert_eq!(queue.push(payload(0), None), 0);
        }
        assert_eq!(queue.push(payload(1), None), 1);
        assert_eq!(queue.waiting.len(), limits::FRESH_QUEUE_MESSAGES);
    }

    #[test]
    fn what_outlived_its_lifetime_is_not_sent() {
        let now = Instant::now();
        let mut queue = FreshSend::default();
        queue.push(payload(0), Some(now + Duration::from_millis(1)));
        queue.push(payload(1), Some(now + Duration::from_millis(3)));
        assert_eq!(queue.expire(now + Duration::from_millis(2)), 1);
        assert_eq!(queue.pop(|_| true), Some((SequenceNumber(0), payload(1))));
    }

    #[test]
    fn sequenced_never_goes_backwards() {
        let mut queue = FreshReceive::new(true);
        assert_eq!(queue.handle(2, b"c"), Arrival::default());
        assert!(queue.handle(1, b"b").late);
        assert!(queue.handle(2, b"c").duplicate);
        assert_eq!(queue.handle(3, b"d"), Arrival::default());
        assert_eq!(queue.take(), Some(Bytes::from_static(b"c")));
        assert_eq!(queue.take(), Some(Bytes::from_static(b"d")));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn unreliable_takes_whatever_comes() {
        let mut queue = FreshReceive::new(false);
        for _ in 0..3 {
            assert_eq!(queue.handle(0, b"x"), Arrival::default());
        }
        assert_eq!(queue.waiting.len(), 3);
    }

    #[test]
    fn an_application_that_does_not_take_loses_the_oldest() {
        let mut queue = FreshReceive::new(false);
        for _ in 0..limits::RECEIVE_QUEUE_MESSAGES {
            assert_eq!(queue.handle(0, b"x").evicted, 0);
        }
        assert_eq!(queue.handle(0, b"x").evicted, 1);
    }
}
