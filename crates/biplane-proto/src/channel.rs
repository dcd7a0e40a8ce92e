//! What a message is promised: the channels of one session.
//!
//! The sending half of each gives messages out when the session asks what to put into a packet; the
//! receiving half takes them in by channel and sequence number alone, whichever plane brought them.

mod arrival;
mod books;
mod causality;
mod credit;
mod fresh;
mod list;
mod notices;
mod ordered;
mod outgoing;
mod partials;
mod queue;
mod reassembly;
mod receiving;
mod reliable;
mod report;
mod shelf;
mod single;
mod spares;
mod store;
mod turns;
mod unordered;

use std::{collections::VecDeque, time::Instant};

use biplane_wire::{ChannelId, ChannelKind, SequenceNumber, Taken};

pub use self::credit::credit_window;
pub use self::shelf::Content;
use self::{
    books::{Books, Counts},
    causality::Causality,
    list::List,
    partials::FreshPartials,
    reassembly::Piece,
    single::{Channel, Receive, Send, assemble_fresh, deliver_fresh},
    turns::Turns,
};
pub(crate) use self::{
    causality::Progress,
    outgoing::{Outgoing, Packet, Space},
    shelf::Body,
    store::Store,
};
use crate::{
    ChannelConfig, ChannelStats, Notice, SendError, SendOptions, SessionStats, Violation, limits,
    recovery::SentFrame,
};

/// What a message takes of every budget: its bytes and what surrounds them.
pub(crate) const fn cost(len: usize) -> usize {
    costs(1, len)
}

/// The same of `count` messages of `len` bytes together.
pub(crate) const fn costs(count: usize, len: usize) -> usize {
    len + count * limits::MESSAGE_COST
}

/// Takes the front of `queue` if it passes `test`.
fn pop_front_if<T>(queue: &mut VecDeque<T>, test: impl FnOnce(&T) -> bool) -> Option<T> {
    if queue.front().is_some_and(test) { queue.pop_front() } else { None }
}

/// Every channel of a session.
#[derive(Debug)]
pub(crate) struct Channels {
    list: List,
    turns: Turns,
    /// Bit `i`: channel `i` has something to take.
    readable: u64,
    /// Bit `i`: a grant of channel `i` waits to be told.
    granting: u64,
    /// A queue that was full is half empty again.
    writable: bool,
    /// Messages that waited for what they come after became readable.
    released: bool,
    /// Messages that waited for what they come after may leave.
    freed: bool,
    /// Messages have waited too long for an ack over UDP; `None` if none goes elsewhere then.
    overdue: Option<bool>,
    waits: Waits,
    /// Pieces of messages that are not sent again.
    partials: FreshPartials,
    pub(crate) books: Books,
    pub(crate) causality: Causality,
}

/// What some messages wait for besides their turn to leave.
#[derive(Debug, Default)]
struct Waits {
    /// Every waiting message may leave once so many commands, requests and replies are written.
    written: u64,
    /// Bit `i`: the application is to be told when messages of channel `i` outlive their lifetime,
    /// because a send was refused or a notice was asked for.
    expiry: u64,
}

impl Channels {
    /// Channels as configured, with the credit that each side granted the other at the start.
    pub(crate) fn new(configs: Vec<ChannelConfig>, granted_by_peer: u64, granted: u64) -> Self {
        let mut list = Vec::with_capacity(configs.len());
        for (index, config) in configs.into_iter().enumerate() {
            let id = u8::try_from(index).ok().and_then(ChannelId::new);
            list.extend(id.map(|id| Channel::new(id, config, granted_by_peer, granted)));
        }
        Self {
            turns: Turns::new(&list),
            overdue: list.iter().any(Channel::escalates).then_some(false),
            list: List::new(list),
            readable: 0,
            granting: 0,
            writable: false,
            released: false,
            freed: false,
            waits: Waits::default(),
            partials: FreshPartials::default(),
            books: Books::default(),
            causality: Causality::default(),
        }
    }

    /// Counts messages, and the bytes of credit, from here on; before anything was sent.
    pub(crate) fn count_from(&mut self, sequence: SequenceNumber, credit: u64) {
        for channel in self.list.iter_mut() {
            channel.count_from(sequence, credit);
        }
    }

    /// The kind of channel `id`, if there is one.
    pub(crate) fn config(&self, id: ChannelId) -> Option<&ChannelConfig> {
        self.list.get(id.index()).map(|channel| &channel.config)
    }

    fn get(&mut self, id: ChannelId) -> Result<&mut Channel, Violation> {
        self.list.get_mut(id.index()).ok_or(Violation::UnknownChannel(id))
    }

    // --- sending

    /// Queues a message of a data channel.
    #[inline]
    pub(crate) fn send(
        &mut self,
        now: Instant,
        id: ChannelId,
        payload: Content<'_>,
        how: SendOptions,
    ) -> Result<(), SendError> {
        self.check(id, payload.len(), how)?;
        let channel = self.list.get_mut(id.index()).ok_or(SendError::NotInProtocol)?;
        let outcome = channel.queue(now, payload, how, &mut self.books);
        if (outcome.is_err() || how.notice.is_some()) && channel.may_expire() {
            self.waits.expiry |= bit(id);
        }
        if outcome.is_ok() {
            self.list.on_queued(id);
            self.on_queued(how);
            if how.after_commands {
                self.waits.written = self.books.progress.issued;
            }
        }
        outcome
    }

    /// Checks a message of `len` bytes. A command then waits in the control connection's queue.
    #[inline]
    pub(crate) fn check(
        &mut self,
        id: ChannelId,
        len: usize,
        how: SendOptions,
    ) -> Result<(), SendError> {
        let channel = self.list.get(id.index()).ok_or(SendError::NotInProtocol)?;
        channel.fits(len)?;
        if how.after_commands && channel.config.kind == ChannelKind::Command {
            return Err(SendError::NotOffered);
        }
        if how.notice.is_none() {
            return Ok(());
        }
        if channel.report.is_none() {
            return Err(SendError::NotOffered);
        }
        self.books.notices.admit()
    }

    /// A command was queued with the control connection, or refused there.
    pub(crate) fn on_command(
        &mut self,
        id: ChannelId,
        how: SendOptions,
        outcome: Result<(), SendError>,
    ) -> Result<(), SendError> {
        let channel = self.list.get_mut(id.index()).ok_or(SendError::NotInProtocol)?;
        channel.on_sent(outcome)?;
        if let Send::Command(next) = &mut channel.send {
            let sequence = core::mem::replace(next, next.next());
            if let Some(token) = how.notice {
                self.books.notices.on_numbered((id, sequence), token);
            }
        }
        self.on_queued(how);
        Ok(())
    }

    const fn on_queued(&mut self, how: SendOptions) {
        if how.notice.is_some() {
            self.books.notices.on_queued();
        }
    }

    /// Whether a data channel has a message that may leave.
    pub(crate) fn has_data(&self) -> bool {
        self.list.busy().any(Channel::has_data)
    }

    /// Whether a data channel has a message that the peer may not have.
    pub(crate) fn is_busy(&self) -> bool {
        self.list.busy().any(Channel::is_busy)
    }

    /// Puts messages into `packet` until none fits, by priority and in turns.
    pub(crate) fn fill(&mut self, now: Instant, packet: &mut impl Packet) {
        let Self { list, turns, books, writable, .. } = self;
        let mut take = |channel: &mut Channel, turn: usize| {
            let len = channel.fill(now, turn, books, packet);
            // Whether or not anything left: messages that expire make room too.
            *writable |= channel.relieved();
            Some(((), len?))
        };
        while turns.next(list, &mut take).is_some() {}
        list.on_gone();
    }

    /// The next message whose frame fits what is left of `space`, by priority and in turns.
    pub(crate) fn next_message(&mut self, now: Instant, space: Space) -> Option<Outgoing> {
        let Self { list, turns, books, writable, .. } = self;
        let next = turns.next(list, &mut |channel: &mut Channel, _: usize| {
            let outgoing = channel.next_message(now, space, books);
            *writable |= channel.relieved();
            outgoing.map(Outgoing::measured)
        });
        list.on_gone();
        next
    }

    /// Nothing has left for a while: memory that is not needed goes.
    pub(crate) fn rest(&mut self) {
        self.list.iter_mut().for_each(Channel::rest);
    }

    /// The bytes of what leaves, until anything else leaves or is queued.
    pub(crate) fn bytes<'a>(&'a self, outgoing: &'a Outgoing) -> &'a [u8] {
        let channel = self.list.get(outgoing.channel.index());
        channel.map(|channel| channel.bytes(&outgoing.body)).unwrap_or_default()
    }

    /// Looks for messages that have waited too long for an ack over UDP, which go over the control
    /// connection. Returns when the next will have; what waits for credit waits for the peer.
    pub(crate) fn find_overdue(&mut self, now: Instant) -> Option<Instant> {
        self.overdue?;
        let (mut is_now, mut next) = (false, None);
        let Self { list, books, writable, .. } = self;
        list.for_each_busy(|channel| {
            if channel.escalates() {
                let overdue = channel.escalates_at(now, books);
                *writable |= channel.relieved();
                is_now |= overdue.is_now;
                next = next.into_iter().chain(overdue.next).min();
            }
        });
        self.overdue = Some(is_now);
        next
    }

    /// None is looked for: one of the planes does not work.
    pub(crate) fn forget_overdue(&mut self) {
        self.overdue = self.overdue.map(|_| false);
    }

    /// Whether there were some.
    pub(crate) fn has_overdue(&self) -> bool {
        self.overdue == Some(true)
    }

    /// The next of them that fits what is left of `space`, or a piece of it, by priority.
    pub(crate) fn next_escalated(&mut self, now: Instant, space: Space) -> Option<Outgoing> {
        let Self { list, turns, books, .. } = self;
        turns.next_out_of_turn(list, &mut |channel: &mut Channel, _: usize| {
            channel.next_escalated(now, space, books).map(Outgoing::measured)
        })
    }

    /// The control connection is lost: they go over UDP again.
    pub(crate) fn recall_escalated(&mut self) {
        for channel in self.list.iter_mut().filter(|channel| channel.escalates()) {
            if let Send::Reliable(queue) = &mut channel.send {
                queue.recall();
            }
        }
    }

    /// Nothing may leave for now: of `sequenced` messages that wait, the newest is kept alone.
    pub(crate) fn on_blocked(&mut self) {
        let notices = &mut self.books.notices;
        self.list.for_each_busy(|channel| channel.on_blocked(notices));
    }

    /// The peer has a message, or a piece of one, or a grant or report.
    pub(crate) fn on_ack(&mut self, now: Instant, frame: SentFrame) {
        if let SentFrame::Noted(id, sequence) = frame {
            return self.books.notices.on_arrived(now, (id, sequence));
        }
        let Some(channel) = self.list.get_mut(frame.channel()) else { return };
        if let Send::Reliable(queue) = &mut channel.send {
            match frame {
                SentFrame::Message(_, first, count) => queue.on_acks(first, count),
                SentFrame::Piece(_, sequence, offset, len) => {
                    queue.on_piece_ack(sequence, offset, len);
                }
                SentFrame::Noted(..)
                | SentFrame::Credit(_)
                | SentFrame::Taken(..)
                | SentFrame::Ack(_)
                | SentFrame::Sounding(_)
                | SentFrame::LengthProbe(_) => {}
            }
            self.writable |= channel.relieved();
        }
        self.list.on_gone();
    }

    /// A copy of a message, of a piece of one, or of a grant or report is lost.
    pub(crate) fn on_lost(&mut self, frame: SentFrame) {
        if let SentFrame::Noted(id, sequence) = frame {
            return self.books.notices.end((id, sequence), Notice::Lost);
        }
        let Some(channel) = self.list.get_mut(frame.channel()) else { return };
        match (frame, &mut channel.send) {
            (SentFrame::Credit(id), _) => {
                channel.given.tell_again();
                self.mark_grant(id);
            }
            (SentFrame::Taken(_, run), _) => channel.tell_again(run),
            (SentFrame::Message(_, first, count), Send::Reliable(queue)) => {
                queue.on_losses(first, count);
            }
            (SentFrame::Piece(_, sequence, offset, len), Send::Reliable(queue)) => {
                queue.on_piece_lost(sequence, offset, len);
            }
            _ => {}
        }
    }

    /// Whether a queue that was full has become half empty since this was last asked.
    pub(crate) const fn take_writable(&mut self) -> bool {
        core::mem::replace(&mut self.writable, false) | self.books.notices.take_writable()
    }

    // --- notices

    /// The application of the peer took messages that were sent here.
    pub(crate) fn handle_taken(&mut self, taken: &Taken<'_>) -> Result<(), Violation> {
        let id = taken.channel;
        let channel = self.get(id)?;
        if channel.report.is_none() {
            return Err(Violation::WrongFrame(id));
        }
        let next = channel.next();
        for run in taken.numbers(next) {
            let run = run.filter(|run| run.high < next.0).ok_or(Violation::TakenUnsent(id))?;
            self.books.notices.on_taken(id, run);
        }
        Ok(())
    }

    /// The session is over: every notice that is open says so.
    pub(crate) fn close_notices(&mut self) {
        let notices = &mut self.books.notices;
        notices.close();
        for channel in self.list.iter_mut() {
            match &mut channel.send {
                Send::Fresh(queue) => notices.lose(queue.take_tokens()),
                Send::Reliable(queue) => notices.lose(queue.take_tokens()),
                Send::Command(_) => {}
            }
        }
    }

    // --- credit

    /// Takes credit for a command of `len` bytes; `false` if there is not enough.
    pub(crate) fn take_credit(&mut self, id: ChannelId, len: usize) -> bool {
        self.get(id).is_ok_and(|channel| channel.held.take(cost(len)))
    }

    /// The peer has room for `granted` bytes of channel `id` in all.
    pub(crate) fn handle_credit(&mut self, id: ChannelId, granted: u64) -> Result<(), Violation> {
        let channel = self.get(id)?;
        if !channel.config.kind.is_reliable() {
            return Err(Violation::WrongFrame(id));
        }
        channel.held.raise(granted);
        Ok(())
    }

    /// Every grant is told again: what told the last may have been lost with its connection.
    pub(crate) fn tell_credit_again(&mut self) {
        for channel in self.list.iter_mut().filter(|channel| channel.config.kind.is_reliable()) {
            channel.given.tell_again();
            self.granting |= bit(channel.id);
        }
    }

    fn mark_grant(&mut self, id: ChannelId) {
        if self.list.get(id.index()).is_some_and(|channel| channel.given.is_due()) {
            self.granting |= bit(id);
        }
    }

    /// Whether a grant waits to be told.
    pub(crate) const fn has_credit(&self) -> bool {
        self.granting != 0
    }

    /// The next grant to tell the peer.
    pub(crate) fn next_credit(&mut self) -> Option<(ChannelId, u64)> {
        let place = usize::try_from(self.granting.trailing_zeros()).ok()?;
        let channel = self.list.get_mut(place)?;
        self.granting &= !bit(channel.id);
        Some((channel.id, channel.given.tell()))
    }

    /// Commands, requests and replies have come so far: what waited for them to be written waits no
    /// more.
    pub(crate) fn on_progress(&mut self, progress: Progress) {
        let before = core::mem::replace(&mut self.books.progress, progress).settled;
        if before < self.waits.written.min(progress.settled) {
            for channel in self.list.iter_mut() {
                self.freed |= channel.free(progress);
            }
        }
    }

    /// Whether messages, or their senders, wait for what the control connection carries.
    pub(crate) fn waits_elsewhere(&self) -> bool {
        self.has_overdue()
            || self.awaits()
            || self.waits.expiry != 0
            || self.causality.deadline().is_some()
            || self.books.notices.has_news()
    }

    /// Whether a message waits for commands, requests and replies to be written.
    const fn awaits(&self) -> bool {
        self.books.progress.settled < self.waits.written
    }

    /// Whether messages that waited for what they come after may leave since this was asked.
    pub(crate) const fn take_freed(&mut self) -> bool {
        core::mem::replace(&mut self.freed, false)
    }

    /// When a message has waited as long as it may: for what it comes after, here or there, or to
    /// leave, where somebody is to hear of that.
    pub(crate) fn held_until(&mut self) -> Option<Instant> {
        if !self.awaits() && self.waits.expiry == 0 {
            return self.causality.deadline();
        }
        let Self { list, waits, .. } = self;
        list.iter().filter(|channel| !channel.may_expire()).for_each(|channel| {
            waits.expiry &= !bit(channel.id);
        });
        let expiry = waits.expiry;
        let unsent = self
            .list
            .iter()
            .filter_map(|channel| channel.held_until(expiry & bit(channel.id) != 0));
        unsent.chain(self.causality.deadline()).min()
    }

    /// Drops what has waited as long as it may.
    pub(crate) fn drop_held(&mut self, now: Instant) {
        self.causality.handle_timeout(now);
        for channel in self.list.iter_mut() {
            channel.expire(now, &mut self.books);
            self.writable |= channel.relieved();
        }
    }

    /// The figures of a channel; `None` if there is no such channel.
    pub(crate) fn stats(&self, now: Instant, id: ChannelId) -> Option<ChannelStats> {
        self.list.get(id.index()).map(|channel| channel.stats(now))
    }

    pub(crate) fn report(&self, now: Instant, stats: &mut SessionStats) {
        let Books { notices, counts, .. } = &self.books;
        stats.delivery.orphaned = self.causality.orphaned();
        stats.messages_taken = counts.taken;
        stats.delivery.resent = counts.resent;
        stats.delivery.escalated = counts.escalated;
        stats.delivery.noted = notices.asked();
        stats.messages_late = counts.late;
        stats.messages_duplicated = counts.duplicated;
        stats.messages_untaken = counts.untaken;
        stats.messages_unfinished = self.partials.unfinished();
        for channel in self.list.iter() {
            let own = channel.stats(now);
            stats.messages_sent += own.sent;
            stats.messages_expired += own.expired;
            stats.messages_superseded += own.superseded;
            stats.messages_overflowed += own.overflowed;
            stats.queued_messages += own.queued_messages;
            stats.queued_bytes += own.queued_bytes;
            let (messages, bytes) = channel.untaken();
            stats.untaken_messages += messages as u64;
            stats.untaken_bytes += bytes;
        }
    }
}

const fn bit(id: ChannelId) -> u64 {
    1 << id.index()
}
