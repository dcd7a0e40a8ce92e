//! `sequenced` and `unreliable` messages: worth something while they are new, never sent again.

use std::{collections::VecDeque, time::Instant};

use biplane_wire::SequenceNumber;
use bytes::Bytes;

use super::{
    cost,
    outgoing::{Cut, Part, Room},
};
use crate::limits;

/// Messages that wait to be sent. When there are too many, the oldest goes.
#[derive(Debug, Default)]
pub(super) struct FreshSend {
    waiting: VecDeque<(Bytes, Option<Instant>)>,
    cost: usize,
    next: SequenceNumber,
    /// The message whose pieces are leaving.
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    sequence: SequenceNumber,
    payload: Bytes,
    expires: Option<Instant>,
    offset: usize,
}

/// What leaves.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Leaving {
    pub(super) sequence: SequenceNumber,
    pub(super) part: Option<Part>,
    pub(super) payload: Bytes,
    pub(super) expires: Option<Instant>,
}

impl FreshSend {
    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.next = first;
    }

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
        self.waiting.is_empty() && self.begun.is_none()
    }

    /// Messages that wait, and what they cost.
    pub(super) fn depth(&self) -> (usize, usize) {
        (self.waiting.len(), self.cost)
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

    /// Drops the pieces that are left of a message, since a newer one waits; returns how many
    /// messages that was.
    pub(super) fn supersede_begun(&mut self) -> u64 {
        if self.waiting.is_empty() { 0 } else { u64::from(self.begun.take().is_some()) }
    }

    /// Drops all but the newest; returns how many.
    pub(super) fn keep_newest(&mut self) -> u64 {
        let mut dropped = self.supersede_begun();
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

    /// Takes what goes next into `room`: the rest of a message that has begun, or the oldest.
    pub(super) fn pop(&mut self, room: Room) -> Option<Leaving> {
        if self.begun.is_none() {
            let (payload, expires) = self.waiting.front()?;
            let cut = room.cut_new(payload.len());
            if cut == Cut::Nothing {
                return None;
            }
            let (payload, expires) = (payload.clone(), *expires);
            self.drop_oldest();
            let sequence = self.next;
            self.next = sequence.next();
            if cut == Cut::Whole {
                return Some(Leaving { sequence, part: None, payload, expires });
            }
            self.begun = Some(Begun { sequence, payload, expires, offset: 0 });
        }
        self.pop_piece(room)
    }

    fn pop_piece(&mut self, room: Room) -> Option<Leaving> {
        let begun = self.begun.as_mut()?;
        let total = begun.payload.len();
        let Cut::Piece(len) = room.cut_piece(total - begun.offset) else { return None };
        let payload = begun.payload.slice(begun.offset..begun.offset + len);
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let part = Some(Part { offset: number(begun.offset), total: number(total) });
        let (sequence, expires) = (begun.sequence, begun.expires);
        begun.offset += len;
        if begun.offset == total {
            self.begun = None;
        }
        Some(Leaving { sequence, part, payload, expires })
    }
}

/// Messages that wait for the application. When there are too many, the oldest goes.
#[derive(Debug)]
pub(super) struct FreshReceive {
    waiting: VecDeque<Bytes>,
    cost: usize,
    /// Whether older ones are refused.
    sequenced: bool,
    /// The number expected next.
    next: SequenceNumber,
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
        let next = SequenceNumber::default();
        Self { waiting: VecDeque::new(), cost: 0, sequenced, next }
    }

    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.next = first;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Messages that wait, and what they cost.
    pub(super) fn depth(&self) -> (usize, usize) {
        (self.waiting.len(), self.cost)
    }

    /// The whole of a truncated sequence number.
    pub(super) const fn expand(&self, sequence: u32) -> SequenceNumber {
        SequenceNumber::expand(sequence, self.next)
    }

    /// Whether a piece of message `sequence` comes after a newer message.
    pub(super) fn is_late(&self, sequence: SequenceNumber) -> bool {
        self.sequenced && sequence < self.next
    }

    /// Takes in a whole message; of an `unreliable` channel only those in pieces have a number.
    pub(super) fn handle(&mut self, sequence: Option<SequenceNumber>, payload: Bytes) -> Arrival {
        let mut outcome = Arrival::default();
        if let Some(sequence) = sequence {
            if self.is_late(sequence) {
                outcome.duplicate = sequence.next() == self.next;
                outcome.late = !outcome.duplicate;
                return outcome;
            }
            self.next = self.next.max(sequence.next());
        }
        self.cost += cost(payload.len());
        self.waiting.push_back(payload);
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

    const PACKET: Room = Room { bytes: 1_175, sequenced: true };

    fn payload(byte: u8) -> Bytes {
        Bytes::copy_from_slice(&[byte])
    }

    fn handle(queue: &mut FreshReceive, sequence: u64, text: &'static [u8]) -> Arrival {
        queue.handle(Some(SequenceNumber(sequence)), Bytes::from_static(text))
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
        let leaving = queue.pop(PACKET).unwrap();
        assert_eq!((leaving.sequence, leaving.payload), (SequenceNumber(0), payload(1)));
    }

    #[test]
    fn a_long_message_leaves_in_pieces() {
        let mut queue = FreshSend::default();
        queue.push(vec![0; 2_000].into(), None);
        let parts: Vec<_> = core::iter::from_fn(|| queue.pop(PACKET))
            .map(|leaving| (leaving.part.unwrap().offset, leaving.payload.len()))
            .collect();
        assert_eq!(parts, [(0, 1_160), (1_160, 840)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_newer_message_ends_the_pieces_of_an_older_one() {
        let mut queue = FreshSend::default();
        queue.push(vec![0; 2_000].into(), None);
        queue.pop(PACKET).unwrap();
        assert_eq!(queue.supersede_begun(), 0, "nothing newer waits");
        queue.push(payload(1), None);
        assert_eq!(queue.keep_newest(), 1);
        assert_eq!(queue.pop(PACKET).unwrap().payload, payload(1));
    }

    #[test]
    fn sequenced_never_goes_backwards() {
        let mut queue = FreshReceive::new(true);
        assert_eq!(handle(&mut queue, 2, b"c"), Arrival::default());
        assert!(handle(&mut queue, 1, b"b").late);
        assert!(handle(&mut queue, 2, b"c").duplicate);
        assert_eq!(handle(&mut queue, 3, b"d"), Arrival::default());
        assert_eq!(queue.take(), Some(Bytes::from_static(b"c")));
        assert_eq!(queue.take(), Some(Bytes::from_static(b"d")));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn unreliable_takes_whatever_comes() {
        let mut queue = FreshReceive::new(false);
        for _ in 0..3 {
            assert_eq!(queue.handle(None, payload(0)), Arrival::default());
        }
        assert_eq!(handle(&mut queue, 7, b"x"), Arrival::default());
        assert_eq!(handle(&mut queue, 6, b"y"), Arrival::default());
        assert_eq!(queue.waiting.len(), 5);
    }

    #[test]
    fn an_application_that_does_not_take_loses_the_oldest() {
        let mut queue = FreshReceive::new(false);
        for _ in 0..limits::RECEIVE_QUEUE_MESSAGES {
            assert_eq!(queue.handle(None, payload(0)).evicted, 0);
        }
        assert_eq!(queue.handle(None, payload(0)).evicted, 1);
    }
}
