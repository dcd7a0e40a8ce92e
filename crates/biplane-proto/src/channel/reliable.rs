//! Reliable messages of data channels, until the peer has them.

mod overdue;
mod pieces;

use core::{num::NonZeroU32, time::Duration};
use std::{collections::VecDeque, time::Instant};

use biplane_wire::SequenceNumber;

use self::pieces::{Piece, Pieces};
use super::{
    causality::Progress,
    cost,
    credit::CreditHeld,
    notices::Notices,
    outgoing::{Cut, Part, Queued, Room},
    pop_front_if,
    shelf::{Body, Content},
    store::Store,
};
use crate::{Notice, SendError, limits};

/// Messages that were never sent, those whose fate is open, and those to send again.
///
/// A message gets its number when it first leaves, so that one that expires unsent leaves no gap.
#[derive(Debug, Default)]
pub(super) struct ReliableSend {
    store: Store,
    unsent: VecDeque<Queued>,
    /// Messages `base..base + len`.
    sent: VecDeque<Sent>,
    base: SequenceNumber,
    /// Numbers of messages of which something must go again, oldest loss first.
    again: VecDeque<SequenceNumber>,
    /// All before this one are acknowledged, or ride the control connection with what is not.
    in_time: SequenceNumber,
    /// The message whose pieces are going out for the first time.
    begun: Option<SequenceNumber>,
    /// What is on the shelf is charged until it is off it.
    cost: usize,
}

/// A message of which something has left.
#[derive(Debug)]
struct Sent {
    state: State,
    /// How long it was, if it is withdrawn: all that goes of it is word of that.
    withdrawn: Option<NonZeroU32>,
    message: Queued,
    /// What is where, if it went in pieces.
    pieces: Option<Box<Pieces>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    InFlight,
    /// It stands in `again`.
    Again,
    /// All of it, which did not go in pieces, rides the control connection: what becomes of copies
    /// over UDP does not matter.
    Escalated,
    Acked,
}

/// What leaves.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Leaving {
    pub(super) sequence: SequenceNumber,
    pub(super) part: Option<Part>,
    pub(super) body: Body,
    /// It has left before.
    pub(super) again: bool,
    /// Of who asks for its fate; given when its number is.
    pub(super) token: Option<u64>,
    pub(super) after: Option<u16>,
}

impl ReliableSend {
    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.base = first;
        self.in_time = first;
    }

    #[inline]
    pub(super) fn push(&mut self, message: Queued<Content<'_>>) -> Result<(), SendError> {
        let len = message.payload.len();
        if self.is_full(len) {
            return Err(SendError::QueueFull);
        }
        self.cost += cost(len);
        let Queued { payload, since, extra } = message;
        let payload = self.store.keep(payload);
        self.unsent.push_back(Queued { payload, since, extra });
        Ok(())
    }

    /// Whether there is no room for a message of `len` bytes. Where half of the queue is free there
    /// is for any: one that is longer than that could wait for ever.
    pub(super) fn is_full(&self, len: usize) -> bool {
        let fits = self.cost + cost(len) <= limits::SEND_QUEUE_BYTES
            || self.cost <= limits::SEND_QUEUE_BYTES / 2;
        self.len() >= limits::SEND_QUEUE_MESSAGES || !fits
    }

    /// Nothing has left for a while: what is not needed goes.
    pub(super) fn rest(&mut self) {
        self.store.rest();
    }

    /// The bytes of what leaves.
    pub(super) fn bytes<'a>(&'a self, body: &'a Body) -> &'a [u8] {
        self.store.get(body)
    }

    /// The tokens of what has not left, which are told of no more.
    pub(super) fn take_tokens(&mut self) -> impl Iterator<Item = u64> {
        self.unsent.iter_mut().filter_map(Queued::take_token)
    }

    /// The number that the next message will have.
    pub(super) fn next(&self) -> SequenceNumber {
        SequenceNumber(self.base.0 + self.sent.len() as u64)
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
        self.oldest()
            .is_some_and(|message| held.covers(cost(message.payload.len())) && message.may_leave())
    }

    /// Lets those leave that wait no more for what they come after; returns whether there are any.
    pub(super) fn free(&mut self, progress: Progress) -> bool {
        Queued::free(self.unsent.iter_mut(), progress)
    }

    /// The oldest that never left.
    pub(super) fn oldest(&self) -> Option<&Queued> {
        self.unsent.front()
    }

    /// Drops unsent messages that have outlived their lifetime; returns how many.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        lifetime: Option<Duration>,
        notices: &mut Notices,
    ) -> u64 {
        let mut expired = 0;
        let over = |message: &Queued| message.is_over(now, lifetime);
        while let Some(message) = pop_front_if(&mut self.unsent, over) {
            self.cost -= cost(message.payload.len());
            self.store.let_go(&message.payload);
            notices.tell(message.token(), Notice::Expired);
            expired += 1;
        }
        expired
    }

    /// Withdraws a message that goes again next, or of which the rest would leave, if it has outlived
    /// its lifetime; returns which it was.
    pub(super) fn withdraw_over(
        &mut self,
        now: Instant,
        lifetime: Option<Duration>,
    ) -> Option<SequenceNumber> {
        let is_over = |sent: &Sent| sent.message.is_over(now, lifetime);
        let mut next = [self.again.front().copied(), self.begun].into_iter().flatten();
        next.find(|next| self.get(*next).is_some_and(is_over) && self.withdraw(*next))
    }

    /// Nothing more of a message goes but word of that; `false` if that is so already, or it is not
    /// worth it.
    fn withdraw(&mut self, sequence: SequenceNumber) -> bool {
        let Some(sent) = self.get_mut(sequence).filter(|sent| sent.withdrawn.is_none()) else {
            return false;
        };
        let len = sent.message.payload.len();
        sent.withdrawn = u32::try_from(len).ok().and_then(NonZeroU32::new);
        if sent.withdrawn.is_none() {
            return false;
        }
        let released = sent.message.payload.release();
        sent.pieces = None;
        if core::mem::replace(&mut sent.state, State::Again) != State::Again {
            self.again.push_back(sequence);
        }
        self.cost -= released.len();
        self.store.give(released);
        self.begun = self.begun.filter(|begun| *begun != sequence);
        true
    }

    /// Offers new messages, as long as nothing goes before them, nothing was asked of them beside
    /// their channel's promise and credit covers them, and takes those that `offer` writes.
    pub(super) fn pop_plain(
        &mut self,
        held: &mut CreditHeld,
        mut offer: impl FnMut(SequenceNumber, &[u8]) -> bool,
    ) {
        if !self.again.is_empty() || self.begun.is_some() {
            return;
        }
        while let Some(Queued { payload, extra: None, .. }) = self.unsent.front() {
            let cost = cost(payload.len());
            if !held.covers(cost) || !offer(self.next(), self.store.get(payload)) {
                return;
            }
            held.take(cost);
            if let Some(message) = self.unsent.pop_front() {
                self.sent.push_back(Sent::new(message, None));
            }
        }
    }

    /// Takes what goes next into `room`.
    pub(super) fn pop(
        &mut self,
        held: &mut CreditHeld,
        room: Room,
        progress: Progress,
    ) -> Option<Leaving> {
        if let Some(sequence) = self.again.front().copied() {
            return self.pop_again(sequence, room, progress);
        }
        if let Some(sequence) = self.begun {
            return self.pop_piece(sequence, room, progress);
        }
        self.pop_new(held, room, progress)
    }

    fn pop_again(
        &mut self,
        sequence: SequenceNumber,
        room: Room,
        progress: Progress,
    ) -> Option<Leaving> {
        let sent = self.get_mut(sequence)?;
        let leaving = sent.pop_again(sequence, room, progress, Pieces::next_lost)?;
        if !sent.has_lost() {
            sent.state = State::InFlight;
            self.again.pop_front();
        }
        Some(leaving)
    }

    /// The next piece of a message that never left.
    fn pop_piece(
        &mut self,
        sequence: SequenceNumber,
        room: Room,
        progress: Progress,
    ) -> Option<Leaving> {
        let sent = self.get_mut(sequence)?;
        let after = progress.stamp(sent.message.count());
        let pieces = sent.pieces.as_mut()?;
        let piece = pieces.next_new(room.saying(after.is_some()))?;
        let is_whole = !pieces.has_new();
        let leaving = Leaving { after, ..sent.leaving(sequence, piece) };
        if is_whole {
            self.begun = None;
        }
        Some(leaving)
    }

    fn pop_new(
        &mut self,
        held: &mut CreditHeld,
        room: Room,
        progress: Progress,
    ) -> Option<Leaving> {
        let oldest = self.oldest().filter(|oldest| oldest.may_leave())?;
        let (len, count) = (oldest.payload.len(), oldest.count());
        let cut = room.saying(count.is_some()).cut_new(len);
        if cut == Cut::Nothing {
            return None;
        }
        let pieces = (cut != Cut::Whole).then(|| Box::new(Pieces::new(len)));
        let whole = pieces.is_none();
        if !held.take(cost(len)) {
            return None;
        }
        let message = self.unsent.pop_front()?;
        let (sequence, token) = (self.next(), message.token());
        self.sent.push_back(Sent::new(message, pieces));
        if whole {
            let body = self.get(sequence)?.message.payload.clone();
            let after = progress.stamp(count);
            return Some(Leaving { sequence, part: None, body, again: false, token, after });
        }
        self.begun = Some(sequence);
        let leaving = self.pop_piece(sequence, room, progress)?;
        Some(Leaving { token, ..leaving })
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

    /// The peer has so many messages in a row.
    pub(super) fn on_acks(&mut self, first: SequenceNumber, count: u32) {
        let mut went_again = false;
        row(first, count).for_each(|sequence| went_again |= self.on_ack(sequence));
        if went_again {
            // Once for all of them: of those that are lost there may be thousands.
            let acked = first.0..first.0.saturating_add(u64::from(count));
            self.again.retain(|again| !acked.contains(&again.0));
        }
        self.trim();
    }

    /// Copies of so many messages in a row, which went whole, are lost.
    pub(super) fn on_losses(&mut self, first: SequenceNumber, count: u32) {
        row(first, count).for_each(|sequence| self.on_lost(sequence));
    }

    /// The peer has a whole message; whether that was to go again.
    fn on_ack(&mut self, sequence: SequenceNumber) -> bool {
        let Some(sent) = self.get_mut(sequence) else { return false };
        let before = core::mem::replace(&mut sent.state, State::Acked);
        if before == State::Acked {
            return false;
        }
        sent.pieces = None;
        let released = sent.message.payload.release();
        if self.begun == Some(sequence) {
            self.begun = None;
        }
        self.cost -= cost(released.len());
        self.store.give(released);
        before == State::Again
    }

    /// Lets go of what the peer has.
    fn trim(&mut self) {
        while let Some(sent) = pop_front_if(&mut self.sent, |sent| sent.state == State::Acked) {
            self.base = self.base.next();
            self.cost -= sent.message.payload.len();
            self.store.let_go(&sent.message.payload);
        }
        self.store.sweep();
    }

    /// The peer has a piece of a message.
    pub(super) fn on_piece_ack(&mut self, sequence: SequenceNumber, offset: u32, len: u32) {
        let Some(sent) = self.get_mut(sequence) else { return };
        let Some(pieces) = &mut sent.pieces else { return };
        pieces.on_ack(offset, len);
        if pieces.is_complete() {
            return self.on_acks(sequence, 1);
        }
        if pieces.has_lost() {
            return;
        }
        if sent.state == State::Again {
            sent.state = State::InFlight;
            self.again.retain(|again| *again != sequence);
        }
    }

    /// A copy of a message that went whole is lost. Others of it may have gone in pieces.
    pub(super) fn on_lost(&mut self, sequence: SequenceNumber) {
        let Some(sent) = self.get_mut(sequence) else { return };
        if sent.pieces.is_some() {
            let len = u32::try_from(sent.message.payload.len()).unwrap_or(u32::MAX);
            return self.on_piece_lost(sequence, 0, len);
        }
        if sent.state == State::InFlight {
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

fn row(first: SequenceNumber, count: u32) -> impl Iterator<Item = SequenceNumber> {
    (first.0..first.0.saturating_add(u64::from(count))).map(SequenceNumber)
}

impl Sent {
    const fn new(message: Queued, pieces: Option<Box<Pieces>>) -> Self {
        Self { state: State::InFlight, withdrawn: None, message, pieces }
    }

    /// What goes next of that which has left before: the bytes that `next` chooses where it went in
    /// pieces, else all of it, or a piece where that does not fit `room`.
    fn pop_again(
        &mut self,
        sequence: SequenceNumber,
        room: Room,
        progress: Progress,
        next: fn(&mut Pieces, Room) -> Option<Piece>,
    ) -> Option<Leaving> {
        if let Some(total) = self.withdrawn {
            let (part, body) = (Some(Part::end(total.get())), Body::default());
            let leaving = Leaving { sequence, part, body, again: true, token: None, after: None };
            return room.has_end().then_some(leaving);
        }
        let after = progress.stamp(self.message.count());
        let (room, total) = (room.saying(after.is_some()), self.message.payload.len());
        let piece = match &mut self.pieces {
            Some(pieces) => next(pieces, room)?,
            None => match room.cut_new(total) {
                Cut::Nothing => return None,
                Cut::Whole => (0, total),
                // It went whole over the control connection, or while the path took longer packets.
                Cut::Piece(_) => next(self.pieces.insert(Box::new(Pieces::lost(total))), room)?,
            },
        };
        Some(Leaving { again: true, after, ..self.leaving(sequence, piece) })
    }

    fn has_lost(&self) -> bool {
        self.pieces.as_ref().is_some_and(|pieces| pieces.has_lost())
    }

    /// What leaves with these bytes, which are no piece where they are all of the message.
    fn leaving(&self, sequence: SequenceNumber, (offset, len): Piece) -> Leaving {
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let total = self.message.payload.len();
        let part = (len < total).then(|| Part { offset: number(offset), total: number(total) });
        let body = self.message.payload.slice(offset..offset + len);
        Leaving { sequence, part, body, again: false, token: None, after: None }
    }
}

#[cfg(test)]
mod tests;
