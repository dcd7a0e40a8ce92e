//! `reliable_ordered` messages on their way to the application.

use std::collections::VecDeque;

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::{pop_front_if, unordered::AHEAD};
use crate::Violation;

/// Messages in order, and those that came before their turn.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    ready: VecDeque<Bytes>,
    /// Message `next + i`, if it has come; the first never has.
    early: VecDeque<Option<Bytes>>,
    next: SequenceNumber,
}

impl Ordered {
    /// Takes in a message; returns whether it is new.
    pub(super) fn handle(
        &mut self,
        id: ChannelId,
        sequence: u32,
        payload: &[u8],
    ) -> Result<bool, Violation> {
        let sequence = SequenceNumber::expand(sequence, self.next);
        let Some(ahead) = sequence.0.checked_sub(self.next.0) else { return Ok(false) };
        if ahead >= AHEAD {
            return Err(Violation::SequenceRange(id));
        }
        let index = usize::try_from(ahead).unwrap_or(usize::MAX);
        if self.early.len() <= index {
            self.early.resize(index + 1, None);
        }
        let Some(place) = self.early.get_mut(index) else { return Ok(false) };
        if place.is_some() {
            return Ok(false);
        }
        *place = Some(Bytes::copy_from_slice(payload));
        while let Some(payload) = pop_front_if(&mut self.early, Option::is_some).flatten() {
            self.ready.push_back(payload);
            self.next = self.next.next();
        }
        Ok(true)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    pub(super) fn take(&mut self) -> Option<Bytes> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> ChannelId {
        ChannelId::new(0).unwrap()
    }

    #[test]
    fn early_messages_wait_for_their_turn() {
        let mut queue = Ordered::default();
        assert_eq!(queue.handle(channel(), 1, b"b"), Ok(true));
        assert_eq!(queue.handle(channel(), 1, b"b"), Ok(false));
        assert!(queue.is_empty());
        assert_eq!(queue.handle(channel(), 0, b"a"), Ok(true));
        assert_eq!(queue.handle(channel(), 0, b"a"), Ok(false));
        assert_eq!(queue.take(), Some(Bytes::from_static(b"a")));
        assert_eq!(queue.take(), Some(Bytes::from_static(b"b")));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn a_number_too_far_ahead_is_a_violation_and_allocates_nothing() {
        let mut queue = Ordered::default();
        let far = u32::try_from(AHEAD).unwrap();
        assert_eq!(queue.handle(channel(), far, b"x"), Err(Violation::SequenceRange(channel())));
        assert_eq!(queue.early.capacity(), 0);
        assert_eq!(queue.handle(channel(), far - 1, b"x"), Ok(true));
    }
}
