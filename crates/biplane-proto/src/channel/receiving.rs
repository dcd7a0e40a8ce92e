//! What comes for the channels of a session, until the application takes it.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{ChannelId, Fragment, Frame, Frames, Message};

use super::{
    Books, Channel, Channels, Content, Piece, Receive, assemble_fresh, bit, cost, deliver_fresh,
};
use crate::Violation;

impl Channels {
    /// Takes in a message of a data channel.
    pub(crate) fn handle_message(
        &mut self,
        now: Instant,
        message: &Message<'_>,
    ) -> Result<(), Violation> {
        let whole = self.whole(message)?;
        self.handle_pieces(now, message.channel, core::iter::once(whole))
    }

    /// A message as a piece of itself, with its number.
    fn whole<'a>(&self, message: &Message<'a>) -> Result<(Option<u32>, Piece<'a>), Violation> {
        check_reserved(message.clock)?;
        let after = self.causality.awaited(message.after).unwrap_or(0);
        Ok((message.sequence, Piece { after, ..Piece::whole(message.payload) }))
    }

    /// Takes in a message of a data channel, and those of that channel that follow it in its packet.
    pub(crate) fn handle_messages<'a>(
        &mut self,
        now: Instant,
        first: &Message<'a>,
        rest: &mut Frames<'a>,
    ) -> Result<(), Violation> {
        let (id, first) = (first.channel, self.whole(first)?);
        let mut outcome = self.take_in(now, id, core::iter::once(first));
        if outcome.is_ok() {
            if let Some(channel) = self.list.get_mut(id.index()) {
                channel.handle_row(rest, &mut self.books.counts);
            }
            let others = core::iter::from_fn(|| {
                rest.next_in_row(id).map(|other| (other.sequence, Piece::whole(other.payload)))
            });
            outcome = self.take_in(now, id, others);
        }
        self.mark_taken_in(id);
        outcome
    }

    /// Takes in a piece of a message of a data channel.
    pub(crate) fn handle_fragment(
        &mut self,
        now: Instant,
        fragment: &Fragment<'_>,
    ) -> Result<(), Violation> {
        check_reserved(fragment.clock)?;
        let piece = Piece {
            after: self.causality.awaited(fragment.after).unwrap_or(0),
            offset: fragment.offset as usize,
            total: fragment.total as usize,
            bytes: fragment.payload,
        };
        let piece = (Some(fragment.sequence), piece);
        self.handle_pieces(now, fragment.channel, core::iter::once(piece))
    }

    /// Takes in pieces of messages of one channel, each with its message's number.
    fn handle_pieces<'a>(
        &mut self,
        now: Instant,
        id: ChannelId,
        pieces: impl Iterator<Item = (Option<u32>, Piece<'a>)>,
    ) -> Result<(), Violation> {
        let outcome = self.take_in(now, id, pieces);
        self.mark_taken_in(id);
        outcome
    }

    /// What came on channel `id` can be taken; before one that broke a rule, too.
    fn mark_taken_in(&mut self, id: ChannelId) {
        self.mark_grant(id);
        self.mark(id);
    }

    fn take_in<'a>(
        &mut self,
        now: Instant,
        id: ChannelId,
        mut pieces: impl Iterator<Item = (Option<u32>, Piece<'a>)>,
    ) -> Result<(), Violation> {
        let Self { list, partials, books: Books { counts, .. }, causality, .. } = self;
        let channel = list.get_mut(id.index()).ok_or(Violation::UnknownChannel(id))?;
        pieces.try_for_each(|(sequence, piece)| {
            channel.check_arrival(sequence, piece)?;
            let Receive::Fresh(queue) = &mut channel.receive else {
                channel.handle_reliable(sequence.unwrap_or(0), piece, counts)?;
                channel.release(causality.taken());
                return Ok(());
            };
            match assemble_fresh(queue, now, partials, (id, sequence, piece), counts)? {
                Some((sequence, content)) if piece.after > 0 => {
                    causality.hold(now, piece.after, id, (sequence, content.into_bytes()));
                }
                Some(message) => deliver_fresh(queue, id, message, partials, counts),
                None => {}
            }
            Ok(())
        })
    }

    /// The application took what is at `place` among the peer's commands, requests and replies, or
    /// nobody waits for it; what came after it waits no more. Returns whether anything did.
    pub(crate) fn on_place_taken(&mut self, place: u64) -> bool {
        if !self.causality.on_taken(place) {
            return false;
        }
        let before = self.readable;
        let taken = self.causality.taken();
        let mut any = false;
        while let Some(held) = self.causality.release() {
            any = true;
            let Self { list, partials, books: Books { counts, .. }, .. } = self;
            let channel = list.get_mut(held.channel.index());
            if let Some(Channel { receive: Receive::Fresh(queue), .. }) = channel {
                let message = (held.sequence, Content::Shared(held.payload));
                deliver_fresh(queue, held.channel, message, partials, counts);
            }
        }
        for channel in self.list.iter_mut() {
            channel.release(taken);
        }
        for id in (0..).map_while(ChannelId::new).take(self.list.len()) {
            self.mark(id);
        }
        any || self.readable & !before != 0
    }

    /// Whether what was sent so long ago on channel `id` is worth nothing any more.
    pub(crate) fn is_outlived(&self, id: ChannelId, age: Duration) -> Result<bool, Violation> {
        let channel = self.list.get(id.index()).ok_or(Violation::UnknownChannel(id))?;
        if channel.config.kind.is_reliable() {
            return Err(Violation::WrongFrame(id));
        }
        Ok(channel.config.lifetime.is_some_and(|lifetime| age > lifetime))
    }

    /// A message was dropped because it was outlived when it came; a long one counts by its first
    /// piece.
    pub(crate) const fn on_outlived(&mut self, frame: &Frame<'_>) {
        if !matches!(frame, Frame::Fragment(Fragment { offset: 1.., .. })) {
            self.books.counts.late += 1;
        }
    }

    /// Takes in a whole command, at its place among all that came over the control connection.
    pub(crate) fn handle_command(
        &mut self,
        id: ChannelId,
        payload: Content<'_>,
        place: u64,
    ) -> Result<(), Violation> {
        let channel = self.get(id)?;
        let Receive::Command(queue, _) = &mut channel.receive else {
            return Err(Violation::WrongFrame(id));
        };
        if !channel.given.use_up(cost(payload.len())) {
            return Err(Violation::CreditOverrun(id));
        }
        queue.push(place, payload);
        self.mark(id);
        Ok(())
    }

    /// Gives the application the next messages of a channel, `most` of them, to read; returns how
    /// many there were.
    pub(crate) fn take(
        &mut self,
        id: ChannelId,
        most: usize,
        read: &mut dyn FnMut(Content<'_>),
    ) -> usize {
        let mut count = 0;
        while count < most
            && let taken = self.causality.taken()
            && let Some(channel) = self.list.get_mut(id.index())
            && let Some((some, place)) = channel.take(taken, most - count, read)
        {
            count += some;
            if let Some(place) = place {
                self.released |= self.on_place_taken(place);
            }
        }
        self.books.counts.taken += count as u64;
        self.mark(id);
        self.mark_grant(id);
        count
    }

    /// Whether messages that waited for what they come after became readable since this was asked.
    pub(crate) const fn take_released(&mut self) -> bool {
        core::mem::replace(&mut self.released, false)
    }

    /// Bit `i`: channel `i` has something to take.
    pub(crate) const fn readable(&self) -> u64 {
        self.readable
    }

    fn mark(&mut self, id: ChannelId) {
        let taken = self.causality.taken();
        if self.list.get(id.index()).is_some_and(|channel| channel.is_readable(taken)) {
            self.readable |= bit(id);
        } else {
            self.readable &= !bit(id);
        }
    }
}

fn check_reserved(clock: Option<u32>) -> Result<(), Violation> {
    if clock.is_some() {
        return Err(Violation::Reserved("the sender's clock"));
    }
    Ok(())
}
