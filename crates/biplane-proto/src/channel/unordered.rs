//! `reliable_unordered` messages on their way to the application.

use std::collections::BTreeMap;

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::{
    arrival::{Arrived, Place, Places},
    queue::Queue,
    reassembly::Piece,
    shelf::Content,
};
use crate::Violation;

/// Messages as they came, and which those were.
#[derive(Debug, Default)]
pub(super) struct Unordered {
    ready: Queue<SequenceNumber>,
    /// Those that wait for what they come after, by how many that are: each that comes asks whether
    /// any waits no more.
    held: BTreeMap<u64, Vec<(SequenceNumber, Bytes)>>,
    held_count: usize,
    /// The first is never done.
    places: Places,
}

impl Unordered {
    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.places.count_from(first);
    }

    /// Takes in a message or a piece of one.
    pub(super) fn handle(
        &mut self,
        id: ChannelId,
        sequence: u32,
        piece: Piece<'_>,
    ) -> Result<Arrived, Violation> {
        let through =
            if piece.after == 0 { self.places.let_through(sequence, piece) } else { None };
        let arrived = match through {
            Some(sequence) => {
                self.ready.push(sequence, Content::Borrowed(piece.bytes));
                Arrived::New
            }
            None => {
                let (arrived, place) = self.places.add(id, sequence, piece)?;
                if let Some((sequence, place)) = place
                    && let Some(whole) = place.give_out()
                {
                    self.held.entry(whole.after).or_default().push((sequence, whole.payload));
                    self.held_count += 1;
                }
                arrived
            }
        };
        while self.places.pop_if(Place::is_done).is_some() {}
        Ok(arrived)
    }

    /// Lets those go to the application that wait for nothing but that, which took so many
    /// commands, requests and replies.
    pub(super) fn release(&mut self, taken: u64) {
        while let Some(first) = self.held.first_entry().filter(|first| *first.key() <= taken) {
            let free = first.remove();
            self.held_count -= free.len();
            for (sequence, payload) in free {
                self.ready.push(sequence, Content::Shared(payload));
            }
        }
    }

    /// Nothing has left for a while: what is not needed goes.
    pub(super) fn rest(&mut self) {
        self.ready.rest();
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.held_count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Takes the next, which `read` may read; its number and length.
    pub(super) fn take(
        &mut self,
        read: &mut dyn FnMut(Content<'_>),
    ) -> Option<(SequenceNumber, usize)> {
        let took = self.ready.take(1, read)?;
        Some((took.about, took.payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(queue: &mut Unordered) -> Option<(u64, Vec<u8>)> {
        let mut bytes = Vec::new();
        let (sequence, _) = queue.take(&mut |content| bytes.extend(content.as_slice()))?;
        Some((sequence.0, bytes))
    }

    #[test]
    fn each_message_comes_once_as_soon_as_it_is_there() {
        use Arrived::{Again, New};
        let channel = ChannelId::new(0).unwrap();
        let mut queue = Unordered::default();
        for (sequence, arrived) in
            [(2, New), (0, New), (2, Again), (0, Again), (1, New), (1, Again)]
        {
            let piece = Piece::whole(&[0]);
            assert_eq!(queue.handle(channel, sequence, piece), Ok(arrived), "{sequence}");
        }
        queue.release(0);
        assert_eq!(queue.ready.len(), 3);
        assert!(queue.places.pop_if(|_| true).is_none(), "all are done");
    }

    #[test]
    fn one_that_is_withdrawn_is_done_with_and_holds_up_no_other() {
        use Arrived::{Again, More, New};
        let channel = ChannelId::new(0).unwrap();
        let mut queue = Unordered::default();
        let end = |total| Piece { offset: total, total, bytes: &[], after: 0 };
        let piece = |bytes| Piece { total: 4, ..Piece::whole(bytes) };
        assert_eq!(queue.handle(channel, 0, end(4)), Ok(New));
        assert_eq!(queue.handle(channel, 0, piece(b"ab")), Ok(Again), "it comes too late");
        assert_eq!(queue.handle(channel, 1, piece(b"ab")), Ok(New));
        assert_eq!(queue.handle(channel, 1, end(5)), Err(Violation::TotalChanged(channel)));
        assert_eq!(queue.handle(channel, 1, end(4)), Ok(More));
        assert_eq!(queue.handle(channel, 2, Piece::whole(b"abcd")), Ok(New));
        assert_eq!(queue.handle(channel, 2, end(4)), Ok(Again), "it had come");
        queue.release(0);
        assert_eq!(take(&mut queue), Some((2, b"abcd".to_vec())));
        assert_eq!((take(&mut queue), queue.len()), (None, 0));
        assert!(queue.places.pop_if(|_| true).is_none(), "all are done");
    }

    #[test]
    fn one_that_comes_after_commands_holds_up_no_other() {
        let channel = ChannelId::new(0).unwrap();
        let mut queue = Unordered::default();
        queue.handle(channel, 0, Piece { after: 2, ..Piece::whole(b"a") }).unwrap();
        queue.handle(channel, 1, Piece::whole(b"b")).unwrap();
        queue.release(1);
        assert_eq!(take(&mut queue), Some((1, b"b".to_vec())));
        assert_eq!((take(&mut queue), queue.len()), (None, 1));
        queue.release(2);
        assert_eq!(take(&mut queue), Some((0, b"a".to_vec())));
    }
}
