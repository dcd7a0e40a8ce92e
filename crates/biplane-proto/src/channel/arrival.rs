//! One reliable message as it comes in, whole or in pieces.

use std::collections::VecDeque;

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::{
    pop_front_if,
    reassembly::{Partial, Piece, Refused},
};
use crate::{Violation, limits};

/// Something of a message, with that message's number.
pub(super) type Numbered<T> = (SequenceNumber, T);

/// What an arrival was to its channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrived {
    /// The first of its message: all of that is charged now.
    New,
    /// Another piece of a message that has begun.
    More,
    /// Of a message that had come whole.
    Again,
}

/// The place of one message in its channel's order.
#[derive(Debug, Default)]
pub(super) enum Place {
    #[default]
    Missing,
    Partial(Box<Partial>),
    Whole(Whole),
    /// It was whole and has been given out, or it was withdrawn.
    Done,
}

/// A message that has come.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Whole {
    pub(super) payload: Bytes,
    /// How many commands, requests and replies must have been taken before it is.
    pub(super) after: u64,
}

/// The places of a channel's messages from `next` on.
#[derive(Debug, Default)]
pub(super) struct Places {
    list: VecDeque<Place>,
    next: SequenceNumber,
}

impl Places {
    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.next = first;
    }

    /// Takes in a message or a piece of one; says what it was, its whole number, and where its
    /// place is.
    pub(super) fn add(
        &mut self,
        id: ChannelId,
        sequence: u32,
        piece: Piece<'_>,
    ) -> Result<(Arrived, Option<Numbered<&mut Place>>), Violation> {
        let sequence = SequenceNumber::expand(sequence, self.next);
        let Some(ahead) = sequence.0.checked_sub(self.next.0) else {
            return Ok((Arrived::Again, None));
        };
        if ahead >= limits::SEQUENCE_AHEAD {
            return Err(Violation::SequenceRange(id));
        }
        let index = usize::try_from(ahead).unwrap_or(usize::MAX);
        if self.list.len() <= index {
            self.list.resize_with(index + 1, Place::default);
        }
        let Some(place) = self.list.get_mut(index) else { return Ok((Arrived::Again, None)) };
        Ok((place.add(id, piece)?, Some((sequence, place))))
    }

    /// Lets a whole message through that is the next, if nothing of it has come; its whole number.
    pub(super) fn let_through(
        &mut self,
        sequence: u32,
        piece: Piece<'_>,
    ) -> Option<SequenceNumber> {
        let is_missing = matches!(self.list.front(), None | Some(Place::Missing));
        let is_next = SequenceNumber::expand(sequence, self.next) == self.next;
        if !(is_missing && is_next && piece.is_whole()) {
            return None;
        }
        self.list.pop_front();
        let sequence = self.next;
        self.next = sequence.next();
        Some(sequence)
    }

    /// Takes the first place with its number, if it passes `test`; the next one is the first then.
    pub(super) fn pop_if(&mut self, test: impl FnOnce(&Place) -> bool) -> Option<Numbered<Place>> {
        let place = pop_front_if(&mut self.list, test)?;
        let sequence = self.next;
        self.next = sequence.next();
        Some((sequence, place))
    }
}

impl Place {
    /// Takes in a message or a piece of it.
    fn add(&mut self, id: ChannelId, piece: Piece<'_>) -> Result<Arrived, Violation> {
        let new = matches!(self, Self::Missing);
        if piece.is_whole() || piece.is_withdrawal() {
            return self.complete(id, piece);
        }
        if new {
            *self = Self::Partial(Box::new(Partial::new(piece.total)));
        }
        let Self::Partial(partial) = self else { return Ok(Arrived::Again) };
        let whole = partial.add(piece, limits::RELIABLE_GAPS).map_err(|refused| match refused {
            Refused::TotalChanged => Violation::TotalChanged(id),
            Refused::TooManyGaps => Violation::TooManyGaps(id),
        })?;
        if let Some(whole) = whole {
            *self = Self::Whole(Whole { payload: whole.into(), after: piece.after });
        }
        Ok(if new { Arrived::New } else { Arrived::More })
    }

    /// All of it is there, or no more of it comes. Where pieces came before, they were of the same
    /// message: the peer may cut anew.
    fn complete(&mut self, id: ChannelId, piece: Piece<'_>) -> Result<Arrived, Violation> {
        let arrived = match self {
            Self::Missing => Arrived::New,
            Self::Partial(partial) if partial.total() != piece.total => {
                return Err(Violation::TotalChanged(id));
            }
            Self::Partial(_) => Arrived::More,
            Self::Whole(_) | Self::Done => return Ok(Arrived::Again),
        };
        *self = if piece.is_withdrawal() {
            Self::Done
        } else {
            let payload = Bytes::copy_from_slice(piece.bytes);
            Self::Whole(Whole { payload, after: piece.after })
        };
        Ok(arrived)
    }

    pub(super) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Gives the message out, once, if it is whole.
    pub(super) fn give_out(&mut self) -> Option<Whole> {
        if !self.is_whole() {
            return None;
        }
        core::mem::replace(self, Self::Done).into_message()
    }

    pub(super) fn into_message(self) -> Option<Whole> {
        match self {
            Self::Whole(message) => Some(message),
            Self::Missing | Self::Partial(_) | Self::Done => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_too_far_ahead_is_a_violation_and_allocates_nothing() {
        let channel = ChannelId::new(0).unwrap();
        let mut places = Places::default();
        let far = u32::try_from(limits::SEQUENCE_AHEAD).unwrap();
        let refused = places.add(channel, far, Piece::whole(b"x")).map(|(arrived, _)| arrived);
        assert_eq!(refused, Err(Violation::SequenceRange(channel)));
        assert_eq!(places.list.capacity(), 0);
        let taken = places.add(channel, far - 1, Piece::whole(b"x")).map(|(arrived, _)| arrived);
        assert_eq!(taken, Ok(Arrived::New));
    }
}
