//! What of a channel goes into a packet or control record.

use std::time::Instant;

use biplane_wire::{ChannelId, Frame, Message, MessageRow, SequenceNumber};

use super::{Channel, Send};
use crate::{
    acks::Eliciting,
    channel::{
        Books, Outgoing, Packet, Space,
        fresh::{self, FreshSend},
        outgoing::Room,
        reliable,
    },
    recovery::SentFrame,
};

impl Channel {
    /// Puts what goes next into `packet`: messages until they take `turn` bytes or none fits.
    /// Returns what they take; `None` if there are none.
    pub(in super::super) fn fill(
        &mut self,
        now: Instant,
        turn: usize,
        books: &mut Books,
        packet: &mut impl Packet,
    ) -> Option<usize> {
        self.expire(now, books);
        let plain = self.fill_plain(turn, packet);
        if plain > 0 {
            return Some(plain);
        }
        let message = self.leaving(packet.space(), books)?;
        let payload = self.bytes(&message.body);
        let what = (message.wants, message.remembered());
        packet.add(&message.frame(payload), payload.len(), what);
        Some(message.len(true))
    }

    /// The same of messages that go whole and of which nothing was asked beside the channel's
    /// promise: most are such, and it costs less to look at a row of them than at each.
    fn fill_plain(&mut self, turn: usize, packet: &mut impl Packet) -> usize {
        let (channel, numbered) = (self.id, self.is_numbered());
        if let (Send::Fresh(queue), false) = (&mut self.send, numbered) {
            let rows = fill_rows(queue, channel, turn, packet);
            if rows > 0 {
                return rows;
            }
        }
        let is_reliable = self.config.kind.is_reliable();
        let wants = if is_reliable { Eliciting::Reliable } else { Eliciting::Fresh };
        let mut taken = 0;
        let offer = |sequence: SequenceNumber, payload: &[u8]| {
            let len = Message::overhead(numbered, true, payload.len()) + payload.len();
            let goes = taken < turn && len <= packet.space().left;
            if goes {
                let frame = Frame::Message(Message {
                    channel,
                    sequence: numbered.then(|| sequence.truncated()),
                    after: None,
                    clock: None,
                    delimited: true,
                    payload,
                });
                let remember = is_reliable.then_some(SentFrame::Message(channel, sequence, 1));
                packet.add(&frame, payload.len(), (wants, remember));
                taken += len;
            }
            goes
        };
        match &mut self.send {
            Send::Fresh(queue) => queue.pop_plain(offer),
            Send::Reliable(queue) => queue.pop_plain(&mut self.held, offer),
            Send::Command(_) => {}
        }
        taken
    }

    pub(in super::super) fn next_message(
        &mut self,
        now: Instant,
        space: Space,
        books: &mut Books,
    ) -> Option<Outgoing> {
        self.expire(now, books);
        self.leaving(space, books)
    }

    /// What goes next into `space`, if it fits.
    fn leaving(&mut self, space: Space, books: &mut Books) -> Option<Outgoing> {
        let Books { progress, notices, counts, .. } = books;
        let numbered = self.is_numbered();
        let room = Room { space, sequenced: numbered, after: false };
        match &mut self.send {
            Send::Fresh(queue) => {
                let leaving = queue.pop(room, *progress, notices)?;
                let fresh::Leaving { sequence, part, body, since, token, after } = leaving;
                Some(Outgoing {
                    channel: self.id,
                    sequence: (numbered || part.is_some()).then_some(sequence),
                    part,
                    body,
                    wants: Eliciting::Fresh,
                    sent_at: self.config.lifetime.map(|_| since),
                    noted: token.is_some(),
                    after,
                })
            }
            Send::Reliable(queue) => {
                let leaving = queue.pop(&mut self.held, room, *progress)?;
                if let Some(token) = leaving.token {
                    notices.on_numbered((self.id, leaving.sequence), token);
                }
                counts.resent += u64::from(leaving.again);
                Some(outgoing(self.id, leaving))
            }
            Send::Command(_) => None,
        }
    }

    /// The next of what goes over the control connection because it waited too long.
    pub(in super::super) fn next_escalated(
        &mut self,
        now: Instant,
        space: Space,
        books: &mut Books,
    ) -> Option<Outgoing> {
        let lifetime = self.lifetime_on_the_way();
        let Send::Reliable(queue) = &mut self.send else { return None };
        let latest = now.checked_sub(self.config.escalate_after?)?;
        queue.pass_by(|message| message.is_over(now, lifetime));
        let room = Room { space, sequenced: true, after: false };
        let (leaving, is_first) =
            queue.pop_overdue(latest, &mut self.held, room, books.progress)?;
        if let Some(token) = leaving.token {
            books.notices.on_numbered((self.id, leaving.sequence), token);
        }
        books.counts.escalated += u64::from(is_first);
        Some(outgoing(self.id, leaving))
    }
}

/// Puts rows of messages into `packet`, until they take `turn` bytes or none fits; returns what they
/// take.
fn fill_rows(
    queue: &mut FreshSend,
    channel: ChannelId,
    turn: usize,
    packet: &mut impl Packet,
) -> usize {
    let mut taken = 0;
    queue.pop_rows(|frames| {
        let fits = frames.get(..packet.space().left).unwrap_or(frames);
        let row = MessageRow::read(fits, channel, MessageRow::LONGEST, turn.saturating_sub(taken));
        taken += row.frames.len();
        if row.count > 0 {
            packet.add_row(row, Eliciting::Fresh);
        }
        row
    });
    taken
}

fn outgoing(channel: ChannelId, leaving: reliable::Leaving) -> Outgoing {
    let reliable::Leaving { sequence, part, body, after, .. } = leaving;
    Outgoing {
        channel,
        sequence: Some(sequence),
        part,
        body,
        wants: Eliciting::Reliable,
        sent_at: None,
        noted: false,
        after,
    }
}
