//! Reliable messages of data channels, until the peer has them.

use std::{collections::VecDeque, time::Instant};

use biplane_wire::SequenceNumber;
use bytes::Bytes;

use super::{cost, credit::CreditHeld, pop_front_if};
use crate::{SendError, limits};

/// Messages that were never sent, those whose fate is open, and those to send again.
///
/// A message gets its number when it first leaves, so that one that expires unsent leaves no gap.
#[derive(Debug, Default)]
pub(super) struct ReliableSend {
    unsent: VecDeque<(Bytes, Option<Instant>)>,
    /// Messages `base..base + len`.
    sent: VecDeque<(State, Bytes)>,
    base: SequenceNumber,
    /// Numbers of messages to send again, oldest loss first.
    again: VecDeque<SequenceNumber>,
    cost: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    InFlight,
    Again,
    Acked,
}

impl ReliableSend {
    pub(super) fn push(
        &mut self,
        payload: Bytes,
        expires: Option<Instant>,
    ) -> Result<(), SendError> {
        let full = self.len() >= limits::SEND_QUEUE_MESSAGES
            || self.cost + cost(payload.len()) > limits::SEND_QUEUE_BYTES;
        if full && self.len() > 0 {
            return Err(SendError::QueueFull);
        }
        self.cost += cost(payload.len());
        self.unsent.push_back((payload, expires));
        Ok(())
    }

    fn len(&self) -> usize {
        self.unsent.len() + self.sent.len()
    }

    /// Whether a message is unsent or its fate open.
    pub(super) fn is_busy(&self) -> bool {
        self.len() > 0
    }

    pub(super) fn is_half_empty(&self) -> bool {
        self.len() <= limits::SEND_QUEUE_MESSAGES / 2 && self.cost <= limits::SEND_QUEUE_BYTES / 2
    }

    /// Whether a message may leave: one to send again, or a new one that credit covers.
    pub(super) fn has_data(&self, held: &CreditHeld) -> bool {
        let covered = |(payload, _): &(Bytes, _)| held.covers(cost(payload.len()));
        !self.again.is_empty() || self.unsent.front().is_some_and(covered)
    }

    /// Drops unsent messages that have outlived their lifetime; returns how many.
    pub(super) fn expire(&mut self, now: Instant) -> u64 {
        let mut expired = 0;
        let over = |(_, at): &(Bytes, Option<Instant>)| at.is_some_and(|at| at <= now);
        while let Some((payload, _)) = pop_front_if(&mut self.unsent, over) {
            self.cost -= cost(payload.len());
            expired += 1;
        }
        expired
    }

    /// Takes the next message whose length fits, and says whether it leaves once more.
    pub(super) fn pop(
        &mut self,
        held: &mut CreditHeld,
        fits: impl Fn(usize) -> bool,
    ) -> Option<(SequenceNumber, Bytes, bool)> {
        if let Some(sequence) = self.again.front().copied() {
            let (state, payload) = self.slot(sequence)?;
            if !fits(payload.len()) {
                return None;
            }
            *state = State::InFlight;
            let payload = payload.clone();
            self.again.pop_front();
            return Some((sequence, payload, true));
        }
        let (payload, _) = pop_front_if(&mut self.unsent, |(payload, _)| {
            fits(payload.len()) && held.take(cost(payload.len()))
        })?;
        let sequence = SequenceNumber(self.base.0 + self.sent.len() as u64);
        self.sent.push_back((State::InFlight, payload.clone()));
        Some((sequence, payload, false))
    }

    fn slot(&mut self, sequence: SequenceNumber) -> Option<&mut (State, Bytes)> {
        let index = sequence.0.checked_sub(self.base.0)?;
        self.sent.get_mut(usize::try_from(index).ok()?)
    }

    pub(super) fn on_ack(&mut self, sequence: SequenceNumber) {
        let Some((state, payload)) = self.slot(sequence) else { return };
        let before = core::mem::replace(state, State::Acked);
        if before == State::Acked {
            return;
        }
        let len = core::mem::take(payload).len();
        if before == State::Again {
            self.again.retain(|again| *again != sequence);
        }
        self.cost -= cost(len);
        while pop_front_if(&mut self.sent, |(state, _)| *state == State::Acked).is_some() {
            self.base = self.base.next();
        }
    }

    pub(super) fn on_lost(&mut self, sequence: SequenceNumber) {
        if let Some((state, _)) = self.slot(sequence)
            && *state == State::InFlight
        {
            *state = State::Again;
            self.again.push_back(sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(messages: u8) -> (ReliableSend, CreditHeld) {
        let mut queue = ReliableSend::default();
        for byte in 0..messages {
            queue.push(Bytes::copy_from_slice(&[byte]), None).unwrap();
        }
        (queue, CreditHeld::new(1 << 20, 1_000))
    }

    fn pop(queue: &mut ReliableSend, held: &mut CreditHeld) -> Option<(u64, bool)> {
        queue.pop(held, |_| true).map(|(sequence, _, again)| (sequence.0, again))
    }

    #[test]
    fn what_is_lost_goes_before_what_is_new() {
        let (mut queue, mut held) = queue(3);
        assert_eq!(pop(&mut queue, &mut held), Some((0, false)));
        assert_eq!(pop(&mut queue, &mut held), Some((1, false)));
        queue.on_lost(SequenceNumber(0));
        assert_eq!(pop(&mut queue, &mut held), Some((0, true)));
        assert_eq!(pop(&mut queue, &mut held), Some((2, false)));
        assert_eq!(pop(&mut queue, &mut held), None);
    }

    #[test]
    fn what_arrives_after_all_is_not_sent_again() {
        let (mut queue, mut held) = queue(1);
        pop(&mut queue, &mut held);
        queue.on_lost(SequenceNumber(0));
        queue.on_ack(SequenceNumber(0));
        assert_eq!(pop(&mut queue, &mut held), None);
        assert_eq!((queue.len(), queue.cost), (0, 0));
    }

    #[test]
    fn without_credit_nothing_new_leaves() {
        let (mut queue, _) = queue(3);
        let mut held = CreditHeld::new(cost(1) as u64, 0);
        assert!(held.take(cost(0)), "a channel of empty messages holds two of them at the start");
        held.raise(cost(0) as u64 + cost(1) as u64);
        assert_eq!(pop(&mut queue, &mut held), Some((0, false)));
        assert!(!queue.has_data(&held));
        assert_eq!(pop(&mut queue, &mut held), None);
    }

    #[test]
    fn a_full_queue_refuses_and_is_half_empty_later() {
        let (mut queue, mut held) = queue(0);
        let payload = Bytes::from(vec![0; 60_000]);
        while queue.push(payload.clone(), None).is_ok() {}
        assert!(!queue.is_half_empty());
        let mut next = 0;
        while !queue.is_half_empty() {
            held.raise(u64::MAX);
            assert_eq!(pop(&mut queue, &mut held), Some((next, false)));
            queue.on_ack(SequenceNumber(next));
            next += 1;
        }
        assert_eq!(queue.push(payload, None), Ok(()));
    }
}
