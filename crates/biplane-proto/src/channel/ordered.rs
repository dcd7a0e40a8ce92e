//! `reliable_ordered` messages on their way to the application.

use biplane_wire::{ChannelId, SequenceNumber};

use super::{
    arrival::{Arrived, Place, Places},
    queue::{Queue, Took},
    reassembly::Piece,
    shelf::Content,
};
use crate::Violation;

/// Messages in order, and those that came before their turn.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    /// Each with its number, and how many commands, requests and replies must have been taken before
    /// it is.
    ready: Queue<(SequenceNumber, u64)>,
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
        let arrived = match self.early.let_through(sequence, piece) {
            Some(sequence) => {
                self.ready.push((sequence, piece.after), Content::Borrowed(piece.bytes));
                Arrived::New
            }
            None => self.early.add(id, sequence, piece)?.0,
        };
        while let Some((sequence, place)) = self.early.pop_if(Place::is_whole) {
            if let Some(message) = place.into_message() {
                self.ready.push((sequence, message.after), Content::Shared(message.payload));
            }
        }
        Ok(arrived)
    }

    /// Nothing has left for a while: what is not needed goes.
    pub(super) fn rest(&mut self) {
        self.ready.rest();
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether the next waits for nothing but the application, which took so many commands, requests
    /// and replies.
    pub(super) fn is_readable(&self, taken: u64) -> bool {
        self.ready.front().is_some_and(|(_, after)| *after <= taken)
    }

    /// Takes the next, which `read` may read, if so; its number and length.
    pub(super) fn take(
        &mut self,
        taken: u64,
        read: &mut dyn FnMut(Content<'_>),
    ) -> Option<(SequenceNumber, usize)> {
        if !self.is_readable(taken) {
            return None;
        }
        let Took { about: (sequence, _), payload, .. } = self.ready.take(1, read)?;
        Some((sequence, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> ChannelId {
        ChannelId::new(0).unwrap()
    }

    fn take(queue: &mut Ordered, taken: u64) -> Option<(u64, Vec<u8>)> {
        let mut bytes = Vec::new();
        let (sequence, _) = queue.take(taken, &mut |content| bytes.extend(content.as_slice()))?;
        Some((sequence.0, bytes))
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
        assert_eq!(take(&mut queue, 0), Some((0, b"a".to_vec())));
        assert_eq!(take(&mut queue, 0), Some((1, b"b".to_vec())));
        assert_eq!(take(&mut queue, 0), None);
    }

    #[test]
    fn a_message_in_pieces_keeps_its_turn() {
        let mut queue = Ordered::default();
        let piece = |offset, bytes| Piece { offset, total: 4, bytes, after: 0 };
        assert_eq!(queue.handle(channel(), 0, piece(2, b"cd")), Ok(Arrived::New));
        assert_eq!(handle(&mut queue, 1, b"next"), Ok(Arrived::New));
        assert!(!queue.is_readable(0));
        assert_eq!(queue.handle(channel(), 0, piece(0, b"ab")), Ok(Arrived::More));
        assert_eq!(take(&mut queue, 0), Some((0, b"abcd".to_vec())));
        assert_eq!(take(&mut queue, 0), Some((1, b"next".to_vec())));
    }

    #[test]
    fn one_that_comes_after_commands_holds_up_those_behind_it() {
        let mut queue = Ordered::default();
        let piece = Piece { after: 2, ..Piece::whole(b"a") };
        queue.handle(channel(), 0, piece).unwrap();
        handle(&mut queue, 1, b"b").unwrap();
        assert!(!queue.is_readable(1));
        assert_eq!(take(&mut queue, 1), None);
        assert_eq!(take(&mut queue, 2), Some((0, b"a".to_vec())));
        assert_eq!(take(&mut queue, 1), Some((1, b"b".to_vec())));
    }
}
