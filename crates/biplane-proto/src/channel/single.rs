//! One channel of a session, with both of its halves.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use biplane_wire::{AckRange, ChannelId, ChannelKind, SequenceNumber};
use bytes::Bytes;

use super::{
    Counts, Outgoing,
    arrival::{Arrived, Numbered},
    cost,
    credit::{CreditGiven, CreditHeld},
    fresh::{self, FreshReceive, FreshSend},
    notices::Notices,
    ordered::Ordered,
    outgoing::{Queued, Room},
    partials::FreshPartials,
    reassembly::Piece,
    reliable::{self, ReliableSend},
    report::Report,
    unordered::Unordered,
};
use crate::{ChannelConfig, SendError, SendOptions, Violation, acks::Eliciting, limits};

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) id: ChannelId,
    pub(super) config: ChannelConfig,
    pub(super) send: Send,
    pub(super) receive: Receive,
    /// What the peer has room for, of reliable kinds.
    pub(super) held: CreditHeld,
    /// What this side has room for.
    pub(super) given: CreditGiven,
    /// What its application took, where the peer may ask.
    pub(super) report: Option<Report>,
    /// A send was refused since the queue was last half empty.
    pub(super) refused: bool,
}

#[derive(Debug)]
pub(super) enum Send {
    Fresh(FreshSend),
    Reliable(ReliableSend),
    /// Commands wait in the control connection's queue. They count without saying so: each channel's
    /// arrive in the order they were issued.
    Command(SequenceNumber),
}

#[derive(Debug)]
pub(super) enum Receive {
    Fresh(FreshReceive),
    Unordered(Unordered),
    Ordered(Ordered),
    /// With the number of the next to be taken.
    Command(VecDeque<Bytes>, SequenceNumber),
}

impl Channel {
    pub(super) fn new(
        id: ChannelId,
        config: ChannelConfig,
        granted_by_peer: u64,
        granted: u64,
    ) -> Self {
        let reliable = Send::Reliable(ReliableSend::default());
        let (send, receive) = match config.kind {
            ChannelKind::Command => {
                let first = SequenceNumber(0);
                (Send::Command(first), Receive::Command(VecDeque::new(), first))
            }
            ChannelKind::ReliableOrdered => (reliable, Receive::Ordered(Ordered::default())),
            ChannelKind::ReliableUnordered => (reliable, Receive::Unordered(Unordered::default())),
            ChannelKind::Sequenced | ChannelKind::Unreliable => {
                let sequenced = config.kind == ChannelKind::Sequenced;
                (Send::Fresh(FreshSend::new(id)), Receive::Fresh(FreshReceive::new(sequenced)))
            }
        };
        let longest = config.max_message as usize;
        let held = CreditHeld::new(granted_by_peer, longest);
        let given = CreditGiven::new(granted, longest);
        let report = config.notify.then(|| Report::new(config.kind.is_reliable()));
        Self { id, config, send, receive, held, given, report, refused: false }
    }

    /// Counts messages, and the bytes of credit, from here on.
    pub(super) const fn count_from(&mut self, sequence: SequenceNumber, credit: u64) {
        match &mut self.send {
            Send::Fresh(queue) => queue.count_from(sequence),
            Send::Reliable(queue) => queue.count_from(sequence),
            Send::Command(next) => *next = sequence,
        }
        match &mut self.receive {
            Receive::Fresh(queue) => queue.count_from(sequence),
            Receive::Unordered(queue) => queue.count_from(sequence),
            Receive::Ordered(queue) => queue.count_from(sequence),
            Receive::Command(_, next) => *next = sequence,
        }
        self.held.count_from(credit);
        self.given.count_from(credit);
    }

    /// Queues a message of a data channel.
    pub(super) fn queue(
        &mut self,
        now: Instant,
        payload: Bytes,
        how: SendOptions,
        (notices, counts): (&mut Notices, &mut Counts),
    ) -> Result<(), SendError> {
        let message = Queued { payload, since: now, token: how.notice };
        match &mut self.send {
            Send::Fresh(queue) => {
                counts.overflowed += queue.push(message, notices);
                if self.config.kind == ChannelKind::Sequenced {
                    counts.superseded += queue.supersede_begun(notices);
                }
                Ok(())
            }
            Send::Reliable(queue) => queue.push(message),
            Send::Command(_) => Err(SendError::NotInProtocol),
        }
    }

    /// Whether every message of it has a number.
    fn is_numbered(&self) -> bool {
        self.config.kind != ChannelKind::Unreliable || self.config.notify
    }

    /// The number that the next message will have.
    pub(super) fn next(&self) -> SequenceNumber {
        match &self.send {
            Send::Fresh(queue) => queue.next(),
            Send::Reliable(queue) => queue.next(),
            Send::Command(next) => *next,
        }
    }

    /// The longest message this channel takes now.
    fn limit(&self) -> usize {
        let declared = self.config.max_message as usize;
        match self.config.kind {
            ChannelKind::Command => declared,
            ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered => {
                declared.min(limits::RELIABLE_MESSAGE)
            }
            ChannelKind::Sequenced | ChannelKind::Unreliable => declared.min(limits::FRESH_MESSAGE),
        }
    }

    /// How long a message may wait here. What is only worth something new does not wait for ever.
    fn lifetime(&self) -> Option<Duration> {
        let fresh = matches!(self.send, Send::Fresh(_)).then_some(limits::FRESH_LIFETIME);
        self.config.lifetime.or(fresh)
    }

    pub(super) fn fits(&self, len: usize) -> Result<(), SendError> {
        let limit = self.limit();
        if len > limit { Err(SendError::TooLarge { limit }) } else { Ok(()) }
    }

    pub(super) fn has_data(&self) -> bool {
        match &self.send {
            Send::Fresh(queue) => !queue.is_empty(),
            Send::Reliable(queue) => queue.has_data(&self.held),
            Send::Command(_) => false,
        }
    }

    pub(super) fn next_message(
        &mut self,
        now: Instant,
        bytes: usize,
        counts: &mut Counts,
        notices: &mut Notices,
    ) -> Option<Outgoing> {
        let numbered = self.is_numbered();
        let room = Room { bytes, sequenced: numbered };
        let (channel, lifetime) = (self.id, self.lifetime());
        match &mut self.send {
            Send::Fresh(queue) => {
                counts.expired += queue.expire(now, lifetime, notices);
                let fresh::Leaving { sequence, part, payload, since, token } =
                    queue.pop(room, notices)?;
                let sequence = (numbered || part.is_some()).then_some(sequence);
                let (wants, noted) = (Eliciting::Fresh, token.is_some());
                let sent_at = self.config.lifetime.map(|_| since);
                Some(Outgoing { channel, sequence, part, payload, wants, sent_at, noted })
            }
            Send::Reliable(queue) => {
                counts.expired += queue.expire(now, lifetime, notices);
                let reliable::Leaving { sequence, part, payload, again, token } =
                    queue.pop(&mut self.held, room)?;
                if let Some(token) = token {
                    notices.on_numbered((channel, sequence), token);
                }
                counts.resent += u64::from(again);
                let (sequence, wants) = (Some(sequence), Eliciting::Reliable);
                let (sent_at, noted) = (None, false);
                Some(Outgoing { channel, sequence, part, payload, wants, sent_at, noted })
            }
            Send::Command(_) => None,
        }
    }

    /// Whether a send was refused and half of the queue is free now; says so once.
    pub(super) fn relieved(&mut self) -> bool {
        let half_empty = match &self.send {
            Send::Reliable(queue) => queue.is_half_empty(),
            Send::Fresh(_) | Send::Command(_) => true,
        };
        half_empty && core::mem::replace(&mut self.refused, false)
    }

    pub(super) fn check_arrival(
        &self,
        sequence: Option<u32>,
        piece: Piece<'_>,
    ) -> Result<(), Violation> {
        if piece.total > self.limit() {
            return Err(Violation::MessageTooLong(self.id));
        }
        let numbered = match self.config.kind {
            ChannelKind::Command => return Err(Violation::WrongFrame(self.id)),
            ChannelKind::Unreliable => self.config.notify || !piece.is_whole(),
            ChannelKind::ReliableOrdered
            | ChannelKind::ReliableUnordered
            | ChannelKind::Sequenced => true,
        };
        if sequence.is_some() == numbered { Ok(()) } else { Err(Violation::WrongFrame(self.id)) }
    }

    pub(super) fn handle_reliable(
        &mut self,
        sequence: u32,
        piece: Piece<'_>,
        counts: &mut Counts,
    ) -> Result<(), Violation> {
        let arrived = match &mut self.receive {
            Receive::Unordered(queue) => queue.handle(self.id, sequence, piece)?,
            Receive::Ordered(queue) => queue.handle(self.id, sequence, piece)?,
            Receive::Fresh(_) | Receive::Command(..) => return Err(Violation::WrongFrame(self.id)),
        };
        match arrived {
            Arrived::New if !self.given.use_up(cost(piece.total)) => {
                Err(Violation::CreditOverrun(self.id))
            }
            Arrived::Again => {
                counts.duplicated += 1;
                Ok(())
            }
            Arrived::New | Arrived::More => Ok(()),
        }
    }

    /// Gives the application the next message.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        let (sequence, payload) = match &mut self.receive {
            Receive::Fresh(queue) => queue.take()?,
            Receive::Unordered(queue) => numbered(queue.take()?),
            Receive::Ordered(queue) => numbered(queue.take()?),
            Receive::Command(queue, next) => {
                let payload = queue.pop_front()?;
                let sequence = core::mem::replace(next, next.next());
                (Some(sequence), payload)
            }
        };
        if self.config.kind.is_reliable() {
            self.given.give_back(cost(payload.len()));
        }
        if let (Some(report), Some(sequence)) = (&mut self.report, sequence) {
            report.on_taken(sequence);
        }
        Some(payload)
    }

    /// What the application took must be told once more.
    pub(super) fn tell_again(&mut self, run: AckRange) {
        if let Some(report) = &mut self.report {
            report.tell_again(run.low, run.high);
        }
    }

    /// Messages on their way out, and what they cost. Commands wait with the control connection.
    pub(super) fn queued(&self) -> (usize, usize) {
        match &self.send {
            Send::Fresh(queue) => queue.depth(),
            Send::Reliable(queue) => queue.depth(),
            Send::Command(_) => (0, 0),
        }
    }

    /// Messages that wait for the application, and what they cost.
    pub(super) fn untaken(&self) -> (usize, u64) {
        let messages = match &self.receive {
            Receive::Fresh(queue) => {
                let (messages, bytes) = queue.depth();
                return (messages, bytes as u64);
            }
            Receive::Unordered(queue) => queue.len(),
            Receive::Ordered(queue) => queue.len(),
            Receive::Command(queue, _) => queue.len(),
        };
        (messages, self.given.untaken())
    }

    pub(super) fn is_readable(&self) -> bool {
        match &self.receive {
            Receive::Fresh(queue) => !queue.is_empty(),
            Receive::Unordered(queue) => !queue.is_empty(),
            Receive::Ordered(queue) => !queue.is_empty(),
            Receive::Command(queue, _) => !queue.is_empty(),
        }
    }
}

fn numbered((sequence, payload): Numbered<Bytes>) -> (Option<SequenceNumber>, Bytes) {
    (Some(sequence), payload)
}

/// Takes in a message, or a piece of one, that is never sent again.
pub(super) fn handle_fresh(
    queue: &mut FreshReceive,
    now: Instant,
    partials: &mut FreshPartials,
    (id, sequence, piece): (ChannelId, Option<u32>, Piece<'_>),
    counts: &mut Counts,
) -> Result<(), Violation> {
    let sequence = sequence.map(|sequence| queue.expand(sequence));
    let payload = match sequence {
        Some(sequence) if !piece.is_whole() => {
            if queue.is_late(sequence) {
                counts.late += 1;
                return Ok(());
            }
            match partials.add(now, id, sequence, piece)? {
                Some(whole) => whole.into(),
                None => return Ok(()),
            }
        }
        _ => Bytes::copy_from_slice(piece.bytes),
    };
    let outcome = queue.handle(sequence, payload);
    if let Some(sequence) = sequence.filter(|sequence| queue.is_late(*sequence)) {
        // It is the newest now, or came after a newer one: what is older is not waited for.
        partials.supersede(id, sequence);
    }
    counts.late += u64::from(outcome.late);
    counts.duplicated += u64::from(outcome.duplicate);
    counts.untaken += outcome.evicted;
    Ok(())
}
