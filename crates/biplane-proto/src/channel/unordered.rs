//! `reliable_unordered` messages on their way to the application.

use std::collections::VecDeque;

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::{
    arrival::{Arrived, Place, ahead},
    pop_front_if,
    reassembly::Piece,
};
use crate::Violation;

/// Messages as they came, and which numbers those were.
#[derive(Debug, Default)]
pub(super) struct Unordered {
    ready: VecDeque<Bytes>,
    /// Message `next + i`, as far as it has come; the first is never done.
    places: VecDeque<Place>,
    next: SequenceNumber,
}

impl Unordered {
    /// Takes in a message or a piece of one.
    pub(super) fn handle(
        &mut self,
        id: ChannelId,
        sequence: u32,
        piece: Piece<'_>,
    ) -> Result<Arrived, Violation> {
        let Some(index) = ahead(id, sequence, self.next)? else { return Ok(Arrived::Again) };
        if self.places.len() <= index {
            self.places.resize_with(index + 1, Place::default);
        }
        let Some(place) = self.places.get_mut(index) else { return Ok(Arrived::Again) };
        let arrived = place.add(id, piece)?;
        self.ready.extend(place.give_out());
        while pop_front_if(&mut self.places, Place::is_done).is_some() {
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
    use super::*;

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
        assert_eq!(queue.ready.len(), 3);
        assert!(queue.places.is_empty());
    }
}
