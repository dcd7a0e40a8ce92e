//! `reliable_ordered` messages on their way to the application.

use std::collections::VecDeque;

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::{
    arrival::{Arrived, Place, ahead},
    pop_front_if,
    reassembly::Piece,
};
use crate::Violation;

/// Messages in order, and those that came before their turn.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    ready: VecDeque<Bytes>,
    /// Message `next + i`, as far as it has come; the first is never whole.
    early: VecDeque<Place>,
    next: SequenceNumber,
}

impl Ordered {
    /// Takes in a message or a piece of one.
    pub(super) fn handle(
        &mut self,
        id: ChannelId,
        sequence: u32,
        piece: Piece<'_>,
    ) -> Result<Arrived, Violation> {
        let Some(index) = ahead(id, sequence, self.next)? else { return Ok(Arrived::Again) };
        if self.early.len() <= index {
            self.early.resize_with(index + 1, Place::default);
        }
        let Some(place) = self.early.get_mut(index) else { return Ok(Arrived::Again) };
        let arrived = place.add(id, piece)?;
        while let Some(place) = pop_front_if(&mut self.early, Place::is_whole) {
            self.ready.extend(place.into_message());
            self.next = self.next.next();
        }
        Ok(arrived)
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
    use super::{super::arrival::AHEAD, *};

    fn channel() -> ChannelId {
        ChannelId::new(0).unwrap()
    }

    fn handle(queue: &mut Ordered, sequence: u32, bytes: &[u8]) -> Result<Arrived, Violation> {
        queue.handle(channel(), sequence, Piece::whole(bytes))
    }

    #[test]
    fn early_messages_wait_for_their_turn() {
        let mut queue = Ordered::default();
        assert_eq!(handle(&mut queue, 1, b"b"), Ok(Arrived::New));
        assert_eq!(handle(&mut queue, 1, b"b"), Ok(Arrived::Again));
        assert!(queue.is_empty());
        assert_eq!(handle(&mut queue, 0, b"a"), Ok(Arrived::New));
        assert_eq!(handle(&mut queue, 0, b"a"), Ok(Arrived::Again));
        assert_eq!(queue.take(), Some(Bytes::from_static(b"a")));
        assert_eq!(queue.take(), Some(Bytes::from_static(b"b")));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn a_message_in_pieces_keeps_its_turn() {
        let mut queue = Ordered::default();
        let piece = |offset, bytes| Piece { offset, total: 4, bytes };
        assert_eq!(queue.handle(channel(), 0, piece(2, b"cd")), Ok(Arrived::New));
        assert_eq!(handle(&mut queue, 1, b"next"), Ok(Arrived::New));
        assert!(queue.is_empty());
        assert_eq!(queue.handle(channel(), 0, piece(0, b"ab")), Ok(Arrived::More));
        assert_eq!(queue.take(), Some(Bytes::from_static(b"abcd")));
        assert_eq!(queue.take(), Some(Bytes::from_static(b"next")));
    }

    #[test]
    fn a_number_too_far_ahead_is_a_violation_and_allocates_nothing() {
        let mut queue = Ordered::default();
        let far = u32::try_from(AHEAD).unwrap();
        assert_eq!(handle(&mut queue, far, b"x"), Err(Violation::SequenceRange(channel())));
        assert_eq!(queue.early.capacity(), 0);
        assert_eq!(handle(&mut queue, far - 1, b"x"), Ok(Arrived::New));
    }
}
