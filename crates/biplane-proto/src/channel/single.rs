//! One channel of a session, with both of its halves.

mod leaving;

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{AckRange, ChannelId, ChannelKind, Frames, SequenceNumber};

use super::{
    Books, Counts,
    arrival::Arrived,
    causality::Progress,
    cost,
    credit::{CreditGiven, CreditHeld},
    fresh::{FreshReceive, FreshSend},
    notices::Notices,
    ordered::Ordered,
    outgoing::{Extra, Queued},
    partials::FreshPartials,
    queue::{Queue, Took},
    reassembly::Piece,
    reliable::ReliableSend,
    report::Report,
    shelf::{Body, Content},
    unordered::Unordered,
};
use crate::{ChannelConfig, ChannelStats, Notice, SendError, SendOptions, Violation, limits};

/// A message that is never sent again, with its number where it has one.
pub(super) type Fresh<'a> = (Option<SequenceNumber>, Content<'a>);

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
    pub(super) report: Option<Box<Report>>,
    /// A send was refused since the queue was last half empty.
    refused: bool,
    tally: Tally,
}

/// What became of the messages of one channel on this side.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    sent: u64,
    refused: u64,
    expired: u64,
    superseded: u64,
    overflowed: u64,
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
    /// Each with its place among all that came over the control connection; and the number of the
    /// next to be taken.
    Command(Queue<u64>, SequenceNumber),
}

/// Messages that wait too long for an ack over UDP.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overdue {
    /// There is one that goes over the control connection as soon as that has room.
    pub(super) is_now: bool,
    /// When the next will have waited too long.
    pub(super) next: Option<Instant>,
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
                (Send::Command(first), Receive::Command(Queue::new(), first))
            }
            ChannelKind::ReliableOrdered => (reliable, Receive::Ordered(Ordered::default())),
            ChannelKind::ReliableUnordered => (reliable, Receive::Unordered(Unordered::default())),
            ChannelKind::Sequenced | ChannelKind::Unreliable => {
                let sequenced = config.kind == ChannelKind::Sequenced;
                let send = FreshSend::new(id, is_numbered(&config));
                (Send::Fresh(send), Receive::Fresh(FreshReceive::new(id, sequenced)))
            }
        };
        let longest = config.max_message as usize;
        let held = CreditHeld::new(granted_by_peer, longest);
        let given = CreditGiven::new(granted, longest);
        let report = config.notify.then(|| Box::new(Report::new(config.kind.is_reliable())));
        Self {
            id,
            config,
            send,
            receive,
            held,
            given,
            report,
            refused: false,
            tally: Tally::default(),
        }
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

    /// Queues a message of a data channel. What is over by now makes room for it first.
    #[inline]
    pub(super) fn queue(
        &mut self,
        now: Instant,
        payload: Content<'_>,
        how: SendOptions,
        books: &mut Books,
    ) -> Result<(), SendError> {
        if self.is_full(payload.len()) {
            self.expire(now, books);
        }
        let Books { progress, notices, .. } = books;
        let cause = if how.after_commands { progress.cause() } else { None };
        let extra = Extra { token: how.notice, cause }.boxed();
        let message = Queued { payload, since: now, extra };
        let outcome = match &mut self.send {
            Send::Fresh(queue) => {
                self.tally.overflowed += queue.push(message, notices);
                if self.config.kind == ChannelKind::Sequenced {
                    self.tally.superseded += if queue.is_held() {
                        queue.keep_newest(notices)
                    } else {
                        queue.supersede_begun(notices)
                    };
                }
                Ok(())
            }
            Send::Reliable(queue) => queue.push(message),
            Send::Command(_) => Err(SendError::NotInProtocol),
        };
        self.on_sent(outcome)
    }

    /// Counts a send that was taken or refused.
    pub(super) fn on_sent(&mut self, outcome: Result<(), SendError>) -> Result<(), SendError> {
        match outcome {
            Ok(()) => self.tally.sent += 1,
            Err(_) => {
                self.refused = true;
                self.tally.refused += 1;
            }
        }
        outcome
    }

    /// Whether a message of `len` bytes finds no room.
    #[inline]
    fn is_full(&self, len: usize) -> bool {
        match &self.send {
            Send::Fresh(queue) => queue.is_full(len),
            Send::Reliable(queue) => queue.is_full(len),
            Send::Command(_) => false,
        }
    }

    /// Nothing may leave for now: of `sequenced` messages that wait, the newest is kept alone.
    pub(super) fn on_blocked(&mut self, notices: &mut Notices) {
        if let (ChannelKind::Sequenced, Send::Fresh(queue)) = (self.config.kind, &mut self.send) {
            self.tally.superseded += queue.keep_newest(notices);
        }
    }

    /// Whether every message of it has a number.
    fn is_numbered(&self) -> bool {
        is_numbered(&self.config)
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

    /// The same for what has left. In an ordered channel all that follows would wait for it.
    fn lifetime_on_the_way(&self) -> Option<Duration> {
        let may_lack = self.config.kind == ChannelKind::ReliableUnordered;
        self.config.lifetime.filter(|_| may_lack)
    }

    pub(super) fn fits(&self, len: usize) -> Result<(), SendError> {
        let limit = self.limit();
        if len > limit { Err(SendError::TooLarge { limit }) } else { Ok(()) }
    }

    pub(super) fn has_data(&self) -> bool {
        match &self.send {
            Send::Fresh(queue) => queue.has_data(),
            Send::Reliable(queue) => queue.has_data(&self.held),
            Send::Command(_) => false,
        }
    }

    /// Whether it has a message that the peer may not have.
    pub(super) fn is_busy(&self) -> bool {
        match &self.send {
            Send::Fresh(queue) => !queue.is_empty(),
            Send::Reliable(queue) => queue.is_busy(),
            Send::Command(_) => false,
        }
    }

    /// Nothing has left for a while: memory that is not needed goes.
    pub(super) fn rest(&mut self) {
        match &mut self.send {
            Send::Fresh(queue) => queue.rest(),
            Send::Reliable(queue) => queue.rest(),
            Send::Command(_) => {}
        }
        match &mut self.receive {
            Receive::Fresh(queue) => queue.rest(),
            Receive::Unordered(queue) => queue.rest(),
            Receive::Ordered(queue) => queue.rest(),
            Receive::Command(queue, _) => queue.rest(),
        }
    }

    /// The bytes of what leaves.
    pub(super) fn bytes<'a>(&'a self, body: &'a Body) -> &'a [u8] {
        match &self.send {
            Send::Fresh(queue) => queue.bytes(body),
            Send::Reliable(queue) => queue.bytes(body),
            Send::Command(_) => &[],
        }
    }

    /// Drops what has outlived its lifetime, where it has not left, or would go again.
    pub(super) fn expire(&mut self, now: Instant, Books { notices, .. }: &mut Books) {
        let lifetime = self.lifetime();
        self.tally.expired += match &mut self.send {
            Send::Fresh(queue) => queue.expire(now, lifetime, notices),
            Send::Reliable(queue) => queue.expire(now, lifetime, notices),
            Send::Command(_) => 0,
        };
        let lifetime = self.lifetime_on_the_way();
        if let (Send::Reliable(queue), Some(_)) = (&mut self.send, lifetime)
            && let Some(sequence) = queue.withdraw_over(now, lifetime)
        {
            // It may have arrived for all that is known.
            notices.end((self.id, sequence), Notice::Lost);
            self.tally.expired += 1;
        }
    }

    /// Since when the oldest message that has not left waits, and whether it may leave.
    fn oldest(&self) -> Option<(Instant, bool)> {
        match &self.send {
            Send::Fresh(queue) => queue.oldest().map(Queued::standing),
            Send::Reliable(queue) => queue.oldest().map(Queued::standing),
            Send::Command(_) => None,
        }
    }

    /// Lets those leave that wait no more for what they come after; returns whether there are any.
    pub(super) fn free(&mut self, progress: Progress) -> bool {
        match &mut self.send {
            Send::Fresh(queue) => queue.free(progress),
            Send::Reliable(queue) => queue.free(progress),
            Send::Command(_) => false,
        }
    }

    /// Until when the oldest may wait for what it comes after; if expiry `is_told`, until when it may
    /// wait to leave.
    pub(super) fn held_until(&self, is_told: bool) -> Option<Instant> {
        let (since, _) = self.oldest().filter(|(_, may_leave)| is_told || !may_leave)?;
        Some(since + self.lifetime()?)
    }

    /// Whether a message waits that may outlive its lifetime.
    pub(super) fn may_expire(&self) -> bool {
        self.oldest().is_some() && self.lifetime().is_some()
    }

    /// Whether messages that wait too long for an ack go over the control connection too.
    pub(super) const fn escalates(&self) -> bool {
        self.config.escalate_after.is_some()
    }

    /// Whether one does now; else when the next will, as far as that is known. Drops what has
    /// outlived its lifetime unsent.
    pub(super) fn escalates_at(&mut self, now: Instant, books: &mut Books) -> Overdue {
        self.expire(now, books);
        let lifetime = self.lifetime_on_the_way();
        let (Send::Reliable(queue), Some(after)) = (&mut self.send, self.config.escalate_after)
        else {
            return Overdue::default();
        };
        queue.pass_by(|message| message.is_over(now, lifetime));
        let latest = now.checked_sub(after);
        let is_now = latest.is_some_and(|latest| queue.is_overdue(latest, &self.held));
        Overdue { is_now, next: queue.overdue_at(after).filter(|at| *at > now) }
    }

    /// Whether a send was refused and half of the queue is free now; says so once.
    pub(super) fn relieved(&mut self) -> bool {
        self.refused && self.has_room() && core::mem::take(&mut self.refused)
    }

    /// Whether half of the queue is free.
    fn has_room(&self) -> bool {
        match &self.send {
            Send::Reliable(queue) => queue.is_half_empty(),
            Send::Fresh(queue) => queue.is_half_empty(),
            Send::Command(_) => true,
        }
    }

    pub(super) fn check_arrival(
        &self,
        sequence: Option<u32>,
        piece: Piece<'_>,
    ) -> Result<(), Violation> {
        if piece.total > self.limit() {
            return Err(Violation::MessageTooLong(self.id));
        }
        if piece.is_withdrawal() && self.config.kind != ChannelKind::ReliableUnordered {
            return Err(Violation::WrongFrame(self.id));
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

    /// Takes in the messages of a row that comes next, if they are of the kind that stands in one.
    pub(super) fn handle_row(&mut self, frames: &mut Frames<'_>, counts: &mut Counts) {
        let (longest, is_numbered) = (self.limit(), self.is_numbered());
        if let (Receive::Fresh(queue), false) = (&mut self.receive, is_numbered) {
            counts.untaken += queue.handle_row(frames.next_row(self.id, longest));
        }
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
        let cost = cost(piece.total);
        match arrived {
            Arrived::New if !self.given.use_up(cost) => {
                return Err(Violation::CreditOverrun(self.id));
            }
            Arrived::New | Arrived::More if piece.is_withdrawal() => self.given.give_back(cost),
            Arrived::New | Arrived::More => {}
            Arrived::Again => counts.duplicated += u64::from(!piece.is_withdrawal()),
        }
        Ok(())
    }

    /// Gives the application, which took so many commands, requests and replies, the next message to
    /// read, and those in a row with it, `most` at the most. Returns how many there were; of a
    /// command also its place among commands, requests and replies.
    pub(super) fn take(
        &mut self,
        taken: u64,
        most: usize,
        read: &mut dyn FnMut(Content<'_>),
    ) -> Option<(usize, Option<u64>)> {
        let mut place = None;
        let (sequence, len) = match &mut self.receive {
            Receive::Fresh(queue) => {
                let Took { about, count, .. } = queue.take(most, read)?;
                if let (Some(report), Some(sequence)) = (&mut self.report, about) {
                    report.on_taken(sequence);
                }
                return Some((count, None));
            }
            Receive::Unordered(queue) => queue.take(read)?,
            Receive::Ordered(queue) => queue.take(taken, read)?,
            Receive::Command(queue, next) => {
                let Took { about, payload, .. } = queue.take(1, read)?;
                place = Some(about);
                (core::mem::replace(next, next.next()), payload)
            }
        };
        self.given.give_back(cost(len));
        if let Some(report) = &mut self.report {
            report.on_taken(sequence);
        }
        Some((1, place))
    }

    /// Lets messages go to the application that wait for nothing but that, which took so many
    /// commands, requests and replies.
    pub(super) fn release(&mut self, taken: u64) {
        if let Receive::Unordered(queue) = &mut self.receive {
            queue.release(taken);
        }
    }

    /// What the application took must be told once more.
    pub(super) fn tell_again(&mut self, run: AckRange) {
        if let Some(report) = &mut self.report {
            report.tell_again(run.low, run.high);
        }
    }

    /// Its figures. Commands wait with the control connection.
    pub(super) fn stats(&self, now: Instant) -> ChannelStats {
        let (messages, bytes) = match &self.send {
            Send::Fresh(queue) => queue.depth(),
            Send::Reliable(queue) => queue.depth(),
            Send::Command(_) => (0, 0),
        };
        let Tally { sent, refused, expired, superseded, overflowed } = self.tally;
        let waiting = self.oldest().map(|(since, _)| now.saturating_duration_since(since));
        ChannelStats {
            has_room: self.has_room(),
            queued_messages: messages as u64,
            queued_bytes: bytes as u64,
            waiting: waiting.unwrap_or_default(),
            sent,
            refused,
            expired,
            superseded,
            overflowed,
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

    /// Whether the application, which took so many commands, requests and replies, can take one.
    pub(super) fn is_readable(&self, taken: u64) -> bool {
        match &self.receive {
            Receive::Fresh(queue) => !queue.is_empty(),
            Receive::Unordered(queue) => !queue.is_empty(),
            Receive::Ordered(queue) => queue.is_readable(taken),
            Receive::Command(queue, _) => !queue.is_empty(),
        }
    }
}

fn is_numbered(config: &ChannelConfig) -> bool {
    config.kind != ChannelKind::Unreliable || config.notify
}

/// Takes in a message, or a piece of one, that is never sent again; returns it once it is whole.
#[inline]
pub(super) fn assemble_fresh<'a>(
    queue: &FreshReceive,
    now: Instant,
    partials: &mut FreshPartials,
    (id, sequence, piece): (ChannelId, Option<u32>, Piece<'a>),
    counts: &mut Counts,
) -> Result<Option<Fresh<'a>>, Violation> {
    let sequence = sequence.map(|sequence| queue.expand(sequence));
    let content = match sequence {
        Some(sequence) if !piece.is_whole() => {
            if queue.is_late(sequence) {
                counts.late += 1;
                return Ok(None);
            }
            match partials.add(now, id, sequence, piece)? {
                Some(whole) => Content::Shared(whole.into()),
                None => return Ok(None),
            }
        }
        _ => Content::Borrowed(piece.bytes),
    };
    Ok(Some((sequence, content)))
}

/// Gives a whole message to the application.
#[inline]
pub(super) fn deliver_fresh(
    queue: &mut FreshReceive,
    id: ChannelId,
    (sequence, content): Fresh<'_>,
    partials: &mut FreshPartials,
    counts: &mut Counts,
) {
    let outcome = queue.handle(sequence, content);
    if let Some(sequence) = sequence.filter(|sequence| queue.is_late(*sequence)) {
        // It is the newest now, or came after a newer one: what is older is not waited for.
        partials.supersede(id, sequence);
    }
    counts.late += u64::from(outcome.late);
    counts.duplicated += u64::from(outcome.duplicate);
    counts.untaken += outcome.evicted;
}
