//! Reliable messages of data channels, until the peer has them.

mod pieces;

use std::{collections::VecDeque, time::Instant};

use biplane_wire::SequenceNumber;
use bytes::Bytes;

use self::pieces::Pieces;
use super::{
    cost,
    credit::CreditHeld,
    outgoing::{Cut, Part, Room},
    pop_front_if,
};
use crate::{SendError, limits};

/// Messages that were never sent, those whose fate is open, and those to send again.
///
/// A message gets its number when it first leaves, so that one that expires unsent leaves no gap.
#[derive(Debug, Default)]
pub(super) struct ReliableSend {
    unsent: VecDeque<(Bytes, Option<Instant>)>,
    /// Messages `base..base + len`.
    sent: VecDeque<Sent>,
    base: SequenceNumber,
    /// Numbers of messages of which something must go again, oldest loss first.
    again: VecDeque<SequenceNumber>,
    /// The message whose pieces are going out for the first time.
    begun: Option<SequenceNumber>,
    cost: usize,
}

/// A message of which something has left.
#[derive(Debug)]
struct Sent {
    state: State,
    payload: Bytes,
    /// What is where, if it went in pieces.
    pieces: Option<Box<Pieces>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    InFlight,
    /// It stands in `again`.
    Again,
    Acked,
}

/// What leaves.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Leaving {
    pub(super) sequence: SequenceNumber,
    pub(super) part: Option<Part>,
    pub(super) payload: Bytes,
    /// It has left before.
    pub(super) again: bool,
}

impl ReliableSend {
    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.base = first;
    }

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

    /// Messages that are not acknowledged, and what they cost.
    pub(super) fn depth(&self) -> (usize, usize) {
        (self.len(), self.cost)
    }

    pub(super) fn is_half_empty(&self) -> bool {
        self.len() <= limits::SEND_QUEUE_MESSAGES / 2 && self.cost <= limits::SEND_QUEUE_BYTES / 2
    }

    /// Whether something may leave: what goes again, the rest of a message that has begun, or a new
    /// one that credit covers.
    pub(super) fn has_data(&self, held: &CreditHeld) -> bool {
        if !self.again.is_empty() {
            return true;
        }
        if let Some(begun) = self.begun {
            return self
                .get(begun)
                .and_then(|sent| sent.pieces.as_ref())
                .is_some_and(|pieces| pieces.may_go());
        }
        self.unsent.front().is_some_and(|(payload, _)| held.covers(cost(payload.len())))
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

    /// Takes what goes next into `room`.
    pub(super) fn pop(&mut self, held: &mut CreditHeld, room: Room) -> Option<Leaving> {
        if let Some(sequence) = self.again.front().copied() {
            return self.pop_again(sequence, room);
        }
        if let Some(sequence) = self.begun {
            return self.pop_piece(sequence, room, false);
        }
        self.pop_new(held, room)
    }

    fn pop_again(&mut self, sequence: SequenceNumber, room: Room) -> Option<Leaving> {
        let sent = self.get_mut(sequence)?;
        if sent.pieces.is_some() {
            return self.pop_piece(sequence, room, true);
        }
        match room.cut_new(sent.payload.len()) {
            Cut::Whole => {
                sent.state = State::InFlight;
                let payload = sent.payload.clone();
                self.again.pop_front();
                Some(Leaving { sequence, part: None, payload, again: true })
            }
            // A control record had room for all of it; no packet has.
            Cut::Piece(_) => {
                sent.pieces = Some(Box::new(Pieces::lost(sent.payload.len())));
                self.pop_piece(sequence, room, true)
            }
            Cut::Nothing => None,
        }
    }

    /// The next piece of a message; of one that is lost, or else of one that never left.
    fn pop_piece(&mut self, sequence: SequenceNumber, room: Room, again: bool) -> Option<Leaving> {
        let sent = self.get_mut(sequence)?;
        let total = u32::try_from(sent.payload.len()).unwrap_or(u32::MAX);
        let pieces = sent.pieces.as_mut()?;
        let (offset, len) = if again { pieces.next_lost(room)? } else { pieces.next_new(room)? };
        let payload = sent.payload.slice(offset..offset + len);
        let (lost, new) = (pieces.has_lost(), pieces.has_new());
        if again && !lost {
            sent.state = State::InFlight;
            self.again.pop_front();
        }
        if !again && !new {
            self.begun = None;
        }
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        Some(Leaving { sequence, part: Some(Part { offset, total }), payload, again })
    }

    fn pop_new(&mut self, held: &mut CreditHeld, room: Room) -> Option<Leaving> {
        let (payload, _) = self.unsent.front()?;
        let cut = room.cut_new(payload.len());
        if cut == Cut::Nothing || !held.take(cost(payload.len())) {
            return None;
        }
        let (payload, _) = self.unsent.pop_front()?;
        let sequence = SequenceNumber(self.base.0 + self.sent.len() as u64);
        let pieces = (cut != Cut::Whole).then(|| Box::new(Pieces::new(payload.len())));
        let whole = pieces.is_none();
        let state = State::InFlight;
        self.sent.push_back(Sent { state, payload: payload.clone(), pieces });
        if whole {
            return Some(Leaving { sequence, part: None, payload, again: false });
        }
        self.begun = Some(sequence);
        self.pop_piece(sequence, room, false)
    }

    fn index(&self, sequence: SequenceNumber) -> Option<usize> {
        usize::try_from(sequence.0.checked_sub(self.base.0)?).ok()
    }

    fn get(&self, sequence: SequenceNumber) -> Option<&Sent> {
        self.sent.get(self.index(sequence)?)
    }

    fn get_mut(&mut self, sequence: SequenceNumber) -> Option<&mut Sent> {
        let index = self.index(sequence)?;
        self.sent.get_mut(index)
    }

    /// The peer has a whole message.
    pub(super) fn on_ack(&mut self, sequence: SequenceNumber) {
        let Some(sent) = self.get_mut(sequence) else { return };
        let before = core::mem::replace(&mut sent.state, State::Acked);
        if before == State::Acked {
            return;
        }
        sent.pieces = None;
        let len = core::mem::take(&mut sent.payload).len();
        if before == State::Again {
            self.again.retain(|again| *again != sequence);
        }
        if self.begun == Some(sequence) {
            self.begun = None;
        }
        self.cost -= cost(len);
        while pop_front_if(&mut self.sent, |sent| sent.state == State::Acked).is_some() {
            self.base = self.base.next();
        }
    }

    /// The peer has a piece of a message.
    pub(super) fn on_piece_ack(&mut self, sequence: SequenceNumber, offset: u32, len: u32) {
        let Some(sent) = self.get_mut(sequence) else { return };
        let Some(pieces) = &mut sent.pieces else { return };
        pieces.on_ack(offset, len);
        if pieces.is_complete() {
            self.on_ack(sequence);
        } else if sent.state == State::Again && !pieces.has_lost() {
            sent.state = State::InFlight;
            self.again.retain(|again| *again != sequence);
        }
    }

    /// A copy of a message that went whole is lost.
    pub(super) fn on_lost(&mut self, sequence: SequenceNumber) {
        if let Some(sent) = self.get_mut(sequence)
            && sent.state == State::InFlight
            && sent.pieces.is_none()
        {
            sent.state = State::Again;
            self.again.push_back(sequence);
        }
    }

    /// A copy of a piece is lost.
    pub(super) fn on_piece_lost(&mut self, sequence: SequenceNumber, offset: u32, len: u32) {
        let Some(sent) = self.get_mut(sequence) else { return };
        let Some(pieces) = &mut sent.pieces else { return };
        pieces.on_lost(offset, len);
        if sent.state == State::InFlight && pieces.has_lost() {
            sent.state = State::Again;
            self.again.push_back(sequence);
        }
    }
}

#[cfg(test)]
mod tests;
