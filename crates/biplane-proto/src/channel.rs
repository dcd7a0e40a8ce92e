//! What a message is promised: the channels of one session.
//!
//! The sending half of each gives messages out when the session asks what to put into a packet; the
//! receiving half takes them in by channel and sequence number alone, whichever plane brought them.

mod arrival;
mod credit;
mod fresh;
mod ordered;
mod outgoing;
mod partials;
mod reassembly;
mod reliable;
mod unordered;

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use biplane_wire::{ChannelId, ChannelKind, Fragment, Frame, Message, SequenceNumber};
use bytes::Bytes;

pub(crate) use self::outgoing::Outgoing;
use self::{
    arrival::Arrived,
    credit::{CreditGiven, CreditHeld},
    fresh::{FreshReceive, FreshSend},
    ordered::Ordered,
    outgoing::Room,
    partials::FreshPartials,
    reassembly::Piece,
    reliable::ReliableSend,
    unordered::Unordered,
};
use crate::{
    ChannelConfig, SendError, SessionStats, Violation, acks::Eliciting, limits, recovery::SentFrame,
};

/// What a message takes of every budget: its bytes and what surrounds them.
pub(crate) const fn cost(len: usize) -> usize {
    len + limits::MESSAGE_COST
}

/// Takes the front of `queue` if it passes `test`.
fn pop_front_if<T>(queue: &mut VecDeque<T>, test: impl FnOnce(&T) -> bool) -> Option<T> {
    if queue.front().is_some_and(test) { queue.pop_front() } else { None }
}

/// Every channel of a session.
#[derive(Debug)]
pub(crate) struct Channels {
    list: Vec<Channel>,
    /// Indices into `list`, highest priority first; among equals, who began a packet stands last.
    order: Vec<usize>,
    /// Who began the packet that is being filled.
    began: Option<usize>,
    /// Bit `i`: channel `i` has something to take.
    readable: u64,
    /// A queue that was full is half empty again.
    writable: bool,
    /// Pieces of messages that are not sent again.
    partials: FreshPartials,
    counts: Counts,
}

/// What happened to messages, for statistics.
#[derive(Debug, Default)]
struct Counts {
    sent: u64,
    taken: u64,
    resent: u64,
    expired: u64,
    superseded: u64,
    overflowed: u64,
    late: u64,
    duplicated: u64,
    untaken: u64,
}

#[derive(Debug)]
struct Channel {
    id: ChannelId,
    config: ChannelConfig,
    send: Send,
    receive: Receive,
    /// What the peer has room for, of reliable kinds.
    held: CreditHeld,
    /// What this side has room for.
    given: CreditGiven,
    /// A send was refused since the queue was last half empty.
    refused: bool,
}

#[derive(Debug)]
enum Send {
    Fresh(FreshSend),
    Reliable(ReliableSend),
    /// Commands wait in the control connection's queue.
    Command,
}

#[derive(Debug)]
enum Receive {
    Fresh(FreshReceive),
    Unordered(Unordered),
    Ordered(Ordered),
    Command(VecDeque<Bytes>),
}

impl Channels {
    /// Channels as configured, with the credit that each side granted the other at the start.
    pub(crate) fn new(configs: Vec<ChannelConfig>, granted_by_peer: u64, granted: u64) -> Self {
        let mut list = Vec::with_capacity(configs.len());
        for (index, config) in configs.into_iter().enumerate() {
            let id = u8::try_from(index).ok().and_then(ChannelId::new);
            list.extend(id.map(|id| Channel::new(id, config, granted_by_peer, granted)));
        }
        let mut order: Vec<usize> = (0..list.len()).collect();
        order
            .sort_by_key(|index| list.get(*index).map(|channel| u8::MAX - channel.config.priority));
        Self {
            list,
            order,
            began: None,
            readable: 0,
            writable: false,
            partials: FreshPartials::default(),
            counts: Counts::default(),
        }
    }

    /// Counts messages, and the bytes of credit, from here on; before anything was sent.
    pub(crate) fn count_from(&mut self, sequence: SequenceNumber, credit: u64) {
        for channel in &mut self.list {
            match &mut channel.send {
                Send::Fresh(queue) => queue.count_from(sequence),
                Send::Reliable(queue) => queue.count_from(sequence),
                Send::Command => {}
            }
            match &mut channel.receive {
                Receive::Fresh(queue) => queue.count_from(sequence),
                Receive::Unordered(queue) => queue.count_from(sequence),
                Receive::Ordered(queue) => queue.count_from(sequence),
                Receive::Command(_) => {}
            }
            channel.held.count_from(credit);
            channel.given.count_from(credit);
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
    pub(crate) fn send(
        &mut self,
        now: Instant,
        id: ChannelId,
        payload: Bytes,
    ) -> Result<(), SendError> {
        let channel = self.list.get_mut(id.index()).ok_or(SendError::NotInProtocol)?;
        channel.fits(payload.len())?;
        let expires = channel.lifetime().map(|lifetime| now + lifetime);
        let outcome = match &mut channel.send {
            Send::Fresh(queue) => {
                self.counts.overflowed += queue.push(payload, expires);
                if channel.config.kind == ChannelKind::Sequenced {
                    self.counts.superseded += queue.supersede_begun();
                }
                Ok(())
            }
            Send::Reliable(queue) => queue.push(payload, expires),
            Send::Command => Err(SendError::NotInProtocol),
        };
        channel.refused |= outcome.is_err();
        self.counts.sent += u64::from(outcome.is_ok());
        outcome
    }

    /// Checks a command of `len` bytes, which then waits in the control connection's queue.
    pub(crate) fn check_command(&mut self, id: ChannelId, len: usize) -> Result<(), SendError> {
        let channel = self.list.get_mut(id.index()).ok_or(SendError::NotInProtocol)?;
        channel.fits(len)
    }

    pub(crate) fn on_command_queued(&mut self) {
        self.counts.sent += 1;
    }

    /// Whether a data channel has a message that may leave.
    pub(crate) fn has_data(&self) -> bool {
        self.list.iter().any(Channel::has_data)
    }

    /// Whether a data channel has a message that the peer may not have.
    pub(crate) fn is_busy(&self) -> bool {
        self.list.iter().any(|channel| match &channel.send {
            Send::Fresh(queue) => !queue.is_empty(),
            Send::Reliable(queue) => queue.is_busy(),
            Send::Command => false,
        })
    }

    /// The next message whose frame fits `room`, by priority and in turns.
    pub(crate) fn next_message(&mut self, now: Instant, room: usize) -> Option<Outgoing> {
        for index in self.order.iter().copied() {
            let channel = self.list.get_mut(index).filter(|channel| channel.has_data());
            let Some(channel) = channel else { continue };
            if let Some(outgoing) = channel.next_message(now, room, &mut self.counts) {
                self.writable |= channel.relieved();
                self.began.get_or_insert(index);
                return Some(outgoing);
            }
        }
        None
    }

    /// A packet has been filled: who began it stands behind its equals now.
    pub(crate) fn next_turn(&mut self) {
        let Some(index) = self.began.take() else { return };
        let Self { list, order, .. } = self;
        let priority = |index: &usize| list.get(*index).map(|channel| channel.config.priority);
        let own = priority(&index);
        let begin = order.iter().position(|other| *other == index).unwrap_or(0);
        let rest = order.get_mut(begin..).unwrap_or_default();
        let equals = rest.iter().take_while(|other| priority(other) == own).count();
        rest.get_mut(..equals).unwrap_or_default().rotate_left(1);
    }

    /// Nothing may leave for now: of `sequenced` messages that wait, the newest is kept alone.
    pub(crate) fn on_blocked(&mut self) {
        for channel in &mut self.list {
            if let (ChannelKind::Sequenced, Send::Fresh(queue)) =
                (channel.config.kind, &mut channel.send)
            {
                self.counts.superseded += queue.keep_newest();
            }
        }
    }

    /// The peer has a reliable message, or a piece of one, or a grant.
    pub(crate) fn on_ack(&mut self, frame: SentFrame) {
        let Some(channel) = self.list.get_mut(frame.channel()) else { return };
        if let Send::Reliable(queue) = &mut channel.send {
            match frame {
                SentFrame::Message(_, sequence) => queue.on_ack(sequence),
                SentFrame::Piece(_, sequence, offset, len) => {
                    queue.on_piece_ack(sequence, offset, len);
                }
                SentFrame::Credit(_) | SentFrame::Ack(_) | SentFrame::Sounding(_) => {}
            }
            self.writable |= channel.relieved();
        }
    }

    /// A copy of a reliable message, of a piece of one, or of a grant is lost.
    pub(crate) fn on_lost(&mut self, frame: SentFrame) {
        let Some(channel) = self.list.get_mut(frame.channel()) else { return };
        match (frame, &mut channel.send) {
            (SentFrame::Credit(_), _) => channel.given.tell_again(),
            (SentFrame::Message(_, sequence), Send::Reliable(queue)) => queue.on_lost(sequence),
            (SentFrame::Piece(_, sequence, offset, len), Send::Reliable(queue)) => {
                queue.on_piece_lost(sequence, offset, len);
            }
            _ => {}
        }
    }

    /// Whether a queue that was full has become half empty since this was last asked.
    pub(crate) const fn take_writable(&mut self) -> bool {
        core::mem::replace(&mut self.writable, false)
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
        let reliable = self.list.iter_mut().filter(|channel| channel.config.kind.is_reliable());
        reliable.for_each(|channel| channel.given.tell_again());
    }

    /// Whether a grant waits to be told.
    pub(crate) fn has_credit(&self) -> bool {
        self.list.iter().any(|channel| channel.given.is_due())
    }

    /// The next grant to tell the peer.
    pub(crate) fn next_credit(&mut self) -> Option<(ChannelId, u64)> {
        let channel = self.list.iter_mut().find(|channel| channel.given.is_due())?;
        Some((channel.id, channel.given.tell()))
    }

    // --- receiving

    /// Takes in a message of a data channel.
    pub(crate) fn handle_message(
        &mut self,
        now: Instant,
        message: &Message<'_>,
    ) -> Result<(), Violation> {
        check_reserved(message.after, message.clock)?;
        let piece = Piece::whole(message.payload);
        self.handle_piece(now, message.channel, message.sequence, piece)
    }

    /// Takes in a piece of a message of a data channel.
    pub(crate) fn handle_fragment(
        &mut self,
        now: Instant,
        fragment: &Fragment<'_>,
    ) -> Result<(), Violation> {
        check_reserved(fragment.after, fragment.clock)?;
        let piece = Piece {
            offset: fragment.offset as usize,
            total: fragment.total as usize,
            bytes: fragment.payload,
        };
        self.handle_piece(now, fragment.channel, Some(fragment.sequence), piece)
    }

    fn handle_piece(
        &mut self,
        now: Instant,
        id: ChannelId,
        sequence: Option<u32>,
        piece: Piece<'_>,
    ) -> Result<(), Violation> {
        let Self { list, partials, counts, .. } = self;
        let channel = list.get_mut(id.index()).ok_or(Violation::UnknownChannel(id))?;
        channel.check_arrival(sequence, piece)?;
        if let Receive::Fresh(queue) = &mut channel.receive {
            handle_fresh(queue, now, partials, (id, sequence, piece), counts)?;
        } else {
            channel.handle_reliable(sequence.unwrap_or(0), piece, counts)?;
        }
        self.mark(id);
        Ok(())
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
            self.counts.late += 1;
        }
    }

    /// Takes in a whole command.
    pub(crate) fn handle_command(
        &mut self,
        id: ChannelId,
        payload: Bytes,
    ) -> Result<(), Violation> {
        let channel = self.get(id)?;
        let Receive::Command(queue) = &mut channel.receive else {
            return Err(Violation::WrongFrame(id));
        };
        if !channel.given.use_up(cost(payload.len())) {
            return Err(Violation::CreditOverrun(id));
        }
        queue.push_back(payload);
        self.mark(id);
        Ok(())
    }

    /// Gives the application the next message of a channel.
    pub(crate) fn take(&mut self, id: ChannelId) -> Option<Bytes> {
        let channel = self.list.get_mut(id.index())?;
        let payload = channel.take();
        if let Some(payload) = &payload {
            self.counts.taken += 1;
            if channel.config.kind.is_reliable() {
                channel.given.give_back(cost(payload.len()));
            }
        }
        self.mark(id);
        payload
    }

    /// Bit `i`: channel `i` has something to take.
    pub(crate) const fn readable(&self) -> u64 {
        self.readable
    }

    fn mark(&mut self, id: ChannelId) {
        let bit = 1_u64 << id.index();
        if self.list.get(id.index()).is_some_and(Channel::is_readable) {
            self.readable |= bit;
        } else {
            self.readable &= !bit;
        }
    }

    pub(crate) fn report(&self, stats: &mut SessionStats) {
        stats.messages_sent = self.counts.sent;
        stats.messages_taken = self.counts.taken;
        stats.messages_resent = self.counts.resent;
        stats.messages_expired = self.counts.expired;
        stats.messages_superseded = self.counts.superseded;
        stats.messages_overflowed = self.counts.overflowed;
        stats.messages_late = self.counts.late;
        stats.messages_duplicated = self.counts.duplicated;
        stats.messages_untaken = self.counts.untaken;
        stats.messages_unfinished = self.partials.unfinished();
        for channel in &self.list {
            let (messages, bytes) = channel.queued();
            stats.queued_messages += messages as u64;
            stats.queued_bytes += bytes as u64;
            let (messages, bytes) = channel.untaken();
            stats.untaken_messages += messages as u64;
            stats.untaken_bytes += bytes;
        }
    }
}

impl Channel {
    fn new(id: ChannelId, config: ChannelConfig, granted_by_peer: u64, granted: u64) -> Self {
        let sequenced = config.kind == ChannelKind::Sequenced;
        let fresh =
            || (Send::Fresh(FreshSend::default()), Receive::Fresh(FreshReceive::new(sequenced)));
        let (send, receive) = match config.kind {
            ChannelKind::Command => (Send::Command, Receive::Command(VecDeque::new())),
            ChannelKind::ReliableOrdered => {
                (Send::Reliable(ReliableSend::default()), Receive::Ordered(Ordered::default()))
            }
            ChannelKind::ReliableUnordered => {
                (Send::Reliable(ReliableSend::default()), Receive::Unordered(Unordered::default()))
            }
            ChannelKind::Sequenced | ChannelKind::Unreliable => fresh(),
        };
        let longest = config.max_message as usize;
        let held = CreditHeld::new(granted_by_peer, longest);
        let given = CreditGiven::new(granted, longest);
        Self { id, config, send, receive, held, given, refused: false }
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

    fn fits(&self, len: usize) -> Result<(), SendError> {
        let limit = self.limit();
        if len > limit { Err(SendError::TooLarge { limit }) } else { Ok(()) }
    }

    fn has_data(&self) -> bool {
        match &self.send {
            Send::Fresh(queue) => !queue.is_empty(),
            Send::Reliable(queue) => queue.has_data(&self.held),
            Send::Command => false,
        }
    }

    fn next_message(
        &mut self,
        now: Instant,
        bytes: usize,
        counts: &mut Counts,
    ) -> Option<Outgoing> {
        let sequenced = self.config.kind != ChannelKind::Unreliable;
        let room = Room { bytes, sequenced };
        let channel = self.id;
        match &mut self.send {
            Send::Fresh(queue) => {
                counts.expired += queue.expire(now);
                let fresh::Leaving { sequence, part, payload, expires } = queue.pop(room)?;
                let sequence = (sequenced || part.is_some()).then_some(sequence);
                let sent_at = expires.zip(self.config.lifetime).map(|(at, lifetime)| at - lifetime);
                Some(Outgoing {
                    channel,
                    sequence,
                    part,
                    payload,
                    wants: Eliciting::Fresh,
                    sent_at,
                })
            }
            Send::Reliable(queue) => {
                counts.expired += queue.expire(now);
                let reliable::Leaving { sequence, part, payload, again } =
                    queue.pop(&mut self.held, room)?;
                counts.resent += u64::from(again);
                let sequence = Some(sequence);
                let wants = Eliciting::Reliable;
                Some(Outgoing { channel, sequence, part, payload, wants, sent_at: None })
            }
            Send::Command => None,
        }
    }

    /// Whether a send was refused and half of the queue is free now; says so once.
    fn relieved(&mut self) -> bool {
        let half_empty = match &self.send {
            Send::Reliable(queue) => queue.is_half_empty(),
            Send::Fresh(_) | Send::Command => true,
        };
        half_empty && core::mem::replace(&mut self.refused, false)
    }

    fn check_arrival(&self, sequence: Option<u32>, piece: Piece<'_>) -> Result<(), Violation> {
        if piece.total > self.limit() {
            return Err(Violation::MessageTooLong(self.id));
        }
        let numbered = match self.config.kind {
            ChannelKind::Command => return Err(Violation::WrongFrame(self.id)),
            ChannelKind::Unreliable => !piece.is_whole(),
            ChannelKind::ReliableOrdered
            | ChannelKind::ReliableUnordered
            | ChannelKind::Sequenced => true,
        };
        if sequence.is_some() == numbered { Ok(()) } else { Err(Violation::WrongFrame(self.id)) }
    }

    fn handle_reliable(
        &mut self,
        sequence: u32,
        piece: Piece<'_>,
        counts: &mut Counts,
    ) -> Result<(), Violation> {
        let arrived = match &mut self.receive {
            Receive::Unordered(queue) => queue.handle(self.id, sequence, piece)?,
            Receive::Ordered(queue) => queue.handle(self.id, sequence, piece)?,
            Receive::Fresh(_) | Receive::Command(_) => return Err(Violation::WrongFrame(self.id)),
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

    fn take(&mut self) -> Option<Bytes> {
        match &mut self.receive {
            Receive::Fresh(queue) => queue.take(),
            Receive::Unordered(queue) => queue.take(),
            Receive::Ordered(queue) => queue.take(),
            Receive::Command(queue) => queue.pop_front(),
        }
    }

    /// Messages on their way out, and what they cost. Commands wait with the control connection.
    fn queued(&self) -> (usize, usize) {
        match &self.send {
            Send::Fresh(queue) => queue.depth(),
            Send::Reliable(queue) => queue.depth(),
            Send::Command => (0, 0),
        }
    }

    /// Messages that wait for the application, and what they cost.
    fn untaken(&self) -> (usize, u64) {
        let messages = match &self.receive {
            Receive::Fresh(queue) => {
                let (messages, bytes) = queue.depth();
                return (messages, bytes as u64);
            }
            Receive::Unordered(queue) => queue.len(),
            Receive::Ordered(queue) => queue.len(),
            Receive::Command(queue) => queue.len(),
        };
        (messages, self.given.untaken())
    }

    fn is_readable(&self) -> bool {
        match &self.receive {
            Receive::Fresh(queue) => !queue.is_empty(),
            Receive::Unordered(queue) => !queue.is_empty(),
            Receive::Ordered(queue) => !queue.is_empty(),
            Receive::Command(queue) => !queue.is_empty(),
        }
    }
}

fn check_reserved(after: Option<u16>, clock: Option<u32>) -> Result<(), Violation> {
    if after.is_some() {
        return Err(Violation::Reserved("after_commands"));
    }
    if clock.is_some() {
        return Err(Violation::Reserved("the sender's clock"));
    }
    Ok(())
}

/// Takes in a message, or a piece of one, that is never sent again.
fn handle_fresh(
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
