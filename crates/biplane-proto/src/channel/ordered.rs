//! `reliable_ordered` messages on their way to the application.

use std::collections::VecDeque;

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::{
    arrival::{Arrived, Numbered, Place, Places, Whole},
    pop_front_if,
    reassembly::Piece,
};
use crate::Violation;

/// Messages in order, and those that came before their turn.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    ready: VecDeque<Numbered<Whole>>,
    /// The first is never whole.
    early: Places,
}

impl Ordered {
    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.early.count_from(first);
    }

    /// Takes in a message or a piece of one.
    pub(super) fn handle(
        &mut self,
        id: ChannelId,
        sequence: u32,
        piece: Piece<'_>,
    ) -> Result<Arrived, Violation> {
        let (arrived, _) = self.early.add(id, sequence, piece)?;
        while let Some((sequence, place)) = self.early.pop_if(Place::is_whole) {
            self.ready.extend(place.into_message().map(|message| (sequence, message)));
        }
        Ok(arrived)
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether the next waits for nothing but the application, which took so many commands, requests
    /// and replies.
    pub(super) fn is_readable(&self, taken: u64) -> bool {
        self.ready.front().is_some_and(|(_, message)| message.after <= taken)
    }

    pub(super) fn take(&mut self, taken: u64) -> Option<Numbered<Bytes>> {
        let next = pop_front_if(&mut self.ready, |(_, message)| message.after <= taken)?;
        Some((next.0, next.1.payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(!queue.is_readable(0));
        assert_eq!(handle(&mut queue, 0, b"a"), Ok(Arrived::New));
        assert_eq!(handle(&mut queue, 0, b"a"), Ok(Arrived::Again));
        assert_eq!(queue.take(0), Some((SequenceNumber(0), Bytes::from_static(b"a"))));
        assert_eq!(queue.take(0), Some((SequenceNumber(1), Bytes::from_static(b"b"))));
        assert_eq!(queue.take(0), None);
    }

    #[test]
    fn a_message_in_pieces_keeps_its_turn() {
        let mut queue = Ordered::default();
        let piece = |offset, bytes| Piece { offset, total: 4, bytes, after: 0 };
        assert_eq!(queue.handle(channel(), 0, piece(2, b"cd")), Ok(Arrived::New));
        assert_eq!(handle(&mut queue, 1, b"next"), Ok(Arrived::New));
        assert!(!queue.is_readable(0));
        assert_eq!(queue.handle(channel(), 0, piece(0, b"ab")), Ok(Arrived::More));
        assert_eq!(queue.take(0), Some((SequenceNumber(0), Bytes::from_static(b"abcd"))));
        assert_eq!(queue.take(0), Some((SequenceNumber(1), Bytes::from_static(b"next"))));
    }

    #[test]
    fn one_that_comes_after_commands_holds_up_those_behind_it() {
        let mut queue = Ordered::default();
        let piece = Piece { after: 2, ..Piece::whole(b"a") };
        queue.handle(channel(), 0, piece).unwrap();
        handle(&mut queue, 1, b"b").unwrap();
        assert!(!queue.is_readable(1));
        assert_eq!(queue.take(1), None);
        assert_eq!(queue.take(2), Some((SequenceNumber(0), Bytes::from_static(b"a"))));
        assert_eq!(queue.take(1), Some((SequenceNumber(1), Bytes::from_static(b"b"))));
    }
}
