//! One reliable message as it comes in, whole or in pieces.

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::reassembly::{Partial, Piece, Refused};
use crate::{Violation, limits};

/// How far ahead of the oldest missing message another may be: twice what any sender keeps.
pub(super) const AHEAD: u64 = 2 * limits::SEND_QUEUE_MESSAGES as u64;

const _: () = assert!(AHEAD < SequenceNumber::SPAN);

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
    Whole(Bytes),
    /// It was whole and has been given out.
    Done,
}

/// How far ahead of `next` a message is, or `None` if it had come before.
pub(super) fn ahead(
    id: ChannelId,
    sequence: u32,
    next: SequenceNumber,
) -> Result<Option<usize>, Violation> {
    let sequence = SequenceNumber::expand(sequence, next);
    let Some(ahead) = sequence.0.checked_sub(next.0) else { return Ok(None) };
    if ahead >= AHEAD {
        return Err(Violation::SequenceRange(id));
    }
    Ok(usize::try_from(ahead).ok())
}

impl Place {
    /// Takes in a message or a piece of it.
    pub(super) fn add(&mut self, id: ChannelId, piece: Piece<'_>) -> Result<Arrived, Violation> {
        let new = matches!(self, Self::Missing);
        if piece.is_whole() {
            return self.add_whole(id, piece);
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
            *self = Self::Whole(whole.into());
        }
        Ok(if new { Arrived::New } else { Arrived::More })
    }

    /// Where pieces came before, they were of the same message: the peer may cut anew.
    fn add_whole(&mut self, id: ChannelId, piece: Piece<'_>) -> Result<Arrived, Violation> {
        let arrived = match self {
            Self::Missing => Arrived::New,
            Self::Partial(partial) if partial.total() != piece.total => {
                return Err(Violation::TotalChanged(id));
            }
            Self::Partial(_) => Arrived::More,
            Self::Whole(_) | Self::Done => return Ok(Arrived::Again),
        };
        *self = Self::Whole(Bytes::copy_from_slice(piece.bytes));
        Ok(arrived)
    }

    pub(super) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Gives the message out, once, if it is whole.
    pub(super) fn give_out(&mut self) -> Option<Bytes> {
        if !self.is_whole() {
            return None;
        }
        core::mem::replace(self, Self::Done).into_message()
    }

    pub(super) fn into_message(self) -> Option<Bytes> {
        match self {
            Self::Whole(message) => Some(message),
            Self::Missing | Self::Partial(_) | Self::Done => None,
        }
    }
}
