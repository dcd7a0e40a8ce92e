//! Numbered records: what waits, what is being cut, what the peer has not acknowledged.

use core::mem;
use std::{collections::VecDeque, time::Instant};

use biplane_wire::{ChannelId, Chunk, ControlNumber, Record, ReplyOutcome, RequestId};

use super::tunnel::Tunnel;
use crate::{
    Content, SendError, Violation,
    channel::{Body, Channels, Outgoing, Progress, Store},
    limits,
    recovery::SentFrame,
    transfer::Step,
};

/// What a numbered message is, beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Head {
    Command(ChannelId),
    Request(RequestId, u8),
    Reply(RequestId, ReplyOutcome),
}

/// A message that waits, or that is being cut into records.
#[derive(Debug)]
struct Waiting {
    head: Head,
    payload: Body,
    /// When it was issued, among all of them.
    issued: u64,
    /// Records written of it so far.
    chunks: u32,
    written: usize,
    /// Whether the credit it takes has been taken.
    credited: bool,
}

/// Messages since the session began.
#[derive(Debug, Default)]
struct Issued {
    count: u64,
    /// How many of them are written whole.
    written: u64,
}

/// A record that was written.
#[derive(Debug)]
struct Kept {
    len: usize,
    what: What,
}

impl Kept {
    /// It rode `tunnel` in vain; `named` may have come all the same. Returns how long it was.
    fn give_up(&mut self, tunnel: &mut Tunnel, named: Option<SentFrame>) -> usize {
        tunnel.on_given_up(self.len);
        let given_up = Self { len: 0, what: What::GivenUp(named) };
        mem::replace(self, given_up).len
    }
}

#[derive(Debug)]
enum What {
    /// A piece of a command, request or reply: goes again on another connection.
    Piece(Head, Chunk, Body),
    /// A step of a transfer: goes again too.
    Step(Step),
    /// A message of a data channel, or piece of one. The peer has the reliable one that is named
    /// once this is acknowledged.
    Tunnelled(Option<SentFrame>),
    /// It was tunnelled on a connection that is lost, and will not come under this number. The one
    /// that is named may have come all the same: until the next connection says what has, it is
    /// remembered.
    GivenUp(Option<SentFrame>),
}

/// The numbered half of a control connection's output.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The bytes of all of them.
    store: Store,
    /// Commands, requests, replies.
    queues: [VecDeque<Waiting>; 3],
    /// Steps of transfers: before all others, since they are few and short.
    steps: VecDeque<Step>,
    issued: Issued,
    waiting_bytes: usize,
    /// Records `base..base + len`.
    kept: VecDeque<Kept>,
    base: ControlNumber,
    /// How many of those kept the current connection has carried, or names as given up.
    carried: usize,
    kept_bytes: usize,
    tunnel: Tunnel,
    /// Bytes that the peer takes unacknowledged.
    window: usize,
    refused: bool,
}

impl Outbox {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            store: Store::default(),
            queues: Default::default(),
            steps: VecDeque::new(),
            issued: Issued::default(),
            waiting_bytes: 0,
            kept: VecDeque::new(),
            base: ControlNumber(0),
            carried: 0,
            kept_bytes: 0,
            tunnel: Tunnel::new(),
            window: window.max(limits::CONTROL_MESSAGE / 4),
            refused: false,
        }
    }

    pub(crate) const fn count_from(&mut self, first: ControlNumber) {
        self.base = first;
    }

    /// Whether there is room for `len` bytes.
    fn check(&mut self, len: usize) -> Result<(), SendError> {
        if len > limits::CONTROL_MESSAGE {
            return Err(SendError::TooLarge { limit: limits::CONTROL_MESSAGE });
        }
        let (records, bytes) = self.own_depth();
        if bytes + len > limits::CONTROL_QUEUE_BYTES || records >= limits::CONTROL_QUEUE_RECORDS {
            self.refused = true;
            return Err(SendError::QueueFull);
        }
        Ok(())
    }

    /// Queues a command, request or reply.
    pub(crate) fn push(&mut self, head: Head, content: Content<'_>) -> Result<(), SendError> {
        // Before it is copied in vain.
        self.check(content.as_slice().len())?;
        let payload = self.store.keep(content);
        self.waiting_bytes += payload.len();
        let issued = self.issued.count;
        self.issued.count += 1;
        let waiting = Waiting { head, payload, issued, chunks: 0, written: 0, credited: false };
        self.queue(head).push_back(waiting);
        Ok(())
    }

    /// Queues a step of a transfer: this side has room for it, or owes it.
    pub(crate) fn push_step(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    /// Whether a transfer may be opened, by either side: its end must find room too. This side's own
    /// leave half of the room to answers.
    pub(crate) fn has_step_room(&self, is_own: bool) -> bool {
        let most = if is_own { limits::TRANSFER_STEPS / 2 } else { limits::TRANSFER_STEPS };
        self.steps.len() < most
    }

    const fn queue(&mut self, head: Head) -> &mut VecDeque<Waiting> {
        let [commands, requests, replies] = &mut self.queues;
        match head {
            Head::Command(_) => commands,
            Head::Request(..) => requests,
            Head::Reply(..) => replies,
        }
    }

    /// Records that wait or are not acknowledged, and their bytes.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let waiting = self.queues.iter().map(VecDeque::len).sum::<usize>() + self.steps.len();
        (waiting + self.kept.len(), self.waiting_bytes + self.kept_bytes)
    }

    /// The same of those that are not tunnelled: bulk that rides TCP takes no command's place.
    fn own_depth(&self) -> (usize, usize) {
        let (all, tunnelled) = (self.depth(), self.tunnel.depth());
        (all.0 - tunnelled.0, all.1 - tunnelled.1)
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_written(&self) -> bool {
        let waits = !self.steps.is_empty() || !self.queues.iter().all(VecDeque::is_empty);
        !waits && self.has_carried_all()
    }

    /// Whether the current connection has carried everything that an earlier one has.
    fn has_carried_all(&self) -> bool {
        self.carried == self.kept.len()
    }

    /// How far commands, requests and replies have come.
    pub(crate) fn progress(&self) -> Progress {
        let [commands, requests, replies] = &self.queues;
        // The first may have been brought to the front, before which another was issued.
        let first = commands.iter().take(2).chain(requests.front()).chain(replies.front());
        let settled = first.map(|waiting| waiting.issued).min().unwrap_or(self.issued.count);
        let Issued { count: issued, written } = self.issued;
        Progress { issued, settled, written }
    }

    /// Whether a push was refused and half of the queue is free now; says so once.
    pub(crate) fn take_writable(&mut self) -> bool {
        self.refused && self.has_room() && mem::take(&mut self.refused)
    }

    /// Whether half of the queue is free.
    pub(crate) fn has_room(&self) -> bool {
        let (records, bytes) = self.own_depth();
        bytes <= limits::CONTROL_QUEUE_BYTES / 2 && records <= limits::CONTROL_QUEUE_RECORDS / 2
    }

    /// Whether [`Outbox::write_next`] would write.
    pub(crate) fn has_next(&mut self, channels: &mut Channels) -> bool {
        !self.has_carried_all()
            || (self.kept_bytes < self.window
                && (!self.steps.is_empty() || self.next_class(channels).is_some()))
    }

    /// Writes the next record; `false` if there is none, or no window for it.
    pub(crate) fn write_next(&mut self, channels: &mut Channels, out: &mut Vec<u8>) -> bool {
        if !self.has_carried_all() {
            self.write_again(out);
            return true;
        }
        if self.kept_bytes >= self.window {
            return false;
        }
        if let Some(step) = self.steps.pop_front() {
            encode_step(self.next_number(), &step, out);
            self.keep(Kept { len: limits::MESSAGE_COST, what: What::Step(step) });
            return true;
        }
        let Some(class) = self.next_class(channels) else { return false };
        let queue = self.queues.get_mut(class);
        let Some((queue, piece)) = queue.and_then(|queue| {
            let piece = queue.front_mut()?.cut();
            Some((queue, piece))
        }) else {
            return false;
        };
        let (head, chunk, body) = piece;
        if chunk.last {
            queue.pop_front();
            self.issued.written += 1;
            channels.on_progress(self.progress());
        }
        encode(self.next_number(), head, chunk, self.store.get(&body), out);
        let len = body.len();
        self.waiting_bytes -= len;
        self.keep(Kept { len, what: What::Piece(head, chunk, body) });
        true
    }

    /// Writes the next of those that an earlier connection had carried, or names those in a row
    /// that will not come.
    fn write_again(&mut self, out: &mut Vec<u8>) {
        let number = |place: usize| ControlNumber(self.base.0 + place as u64).truncated();
        match self.kept.get(self.carried).map(|kept| &kept.what) {
            Some(What::Piece(head, chunk, body)) => {
                encode(number(self.carried), *head, *chunk, self.store.get(body), out);
                self.carried += 1;
                return;
            }
            Some(What::Step(step)) => {
                encode_step(number(self.carried), step, out);
                self.carried += 1;
                return;
            }
            Some(What::Tunnelled(_) | What::GivenUp(_)) | None => {}
        }
        let goes_again = |what: &What| matches!(what, What::Piece(..) | What::Step(_));
        let rest = self.kept.iter().skip(self.carried);
        let gone = rest.take_while(|kept| !goes_again(&kept.what)).count();
        Record::GivenUp { next: number(self.carried + gone) }.encode(out);
        self.carried += gone;
    }

    /// The connection is gone. `lost` is told of the reliable messages that ride it: they go back to
    /// their channels, to leave on whatever plane works. What the peer received all the same is
    /// dropped there, or known from the next connection's hello or welcome.
    pub(crate) fn recall_tunnelled(&mut self, mut lost: impl FnMut(SentFrame)) {
        for kept in &mut self.kept {
            match &kept.what {
                // Nobody sends it again, so it is as well known then.
                What::Tunnelled(Some(SentFrame::Noted(..))) => {}
                &What::Tunnelled(frame) => {
                    frame.into_iter().for_each(&mut lost);
                    self.kept_bytes -= kept.give_up(&mut self.tunnel, frame);
                }
                What::Piece(..) | What::Step(_) | What::GivenUp(_) => {}
            }
        }
    }

    /// Another connection takes the place of the last; what the peer has of it is acknowledged, and
    /// `lost` is told of the rest that nobody sends again.
    pub(crate) fn reconnect(&mut self, mut lost: impl FnMut(SentFrame)) {
        for kept in &mut self.kept {
            match &mut kept.what {
                What::Tunnelled(frame) => {
                    frame.take().into_iter().for_each(&mut lost);
                    self.kept_bytes -= kept.give_up(&mut self.tunnel, None);
                }
                What::GivenUp(frame) => *frame = None,
                What::Piece(..) | What::Step(_) => {}
            }
        }
        self.tunnel.restart();
        self.carried = 0;
    }

    /// The class whose front goes next: the one of which the fewest records are written, so that a
    /// long message lets others pass; among equals the one issued first.
    fn next_class(&mut self, channels: &mut Channels) -> Option<usize> {
        let [commands, requests, replies] = &mut self.queues;
        Self::credit_front(commands, channels);
        let front = |queue: &VecDeque<Waiting>| {
            let front = queue.front()?;
            let ready = front.credited || !matches!(front.head, Head::Command(_));
            ready.then_some((front.chunks, front.issued))
        };
        let classes = [front(commands), front(requests), front(replies)];
        let ready = classes.into_iter().enumerate();
        let ready = ready.filter_map(|(class, key)| Some((key?, class)));
        ready.min().map(|(_, class)| class)
    }

    /// Brings the first command to the front whose channel holds the credit for it. A channel
    /// without credit waits alone.
    fn credit_front(commands: &mut VecDeque<Waiting>, channels: &mut Channels) {
        if commands.front().is_none_or(|front| front.credited) {
            return;
        }
        let mut blocked = 0_u64;
        let place = commands.iter().position(|waiting| {
            let Head::Command(channel) = waiting.head else { return false };
            let bit = 1 << channel.index();
            let open = blocked & bit == 0 && channels.take_credit(channel, waiting.payload.len());
            blocked |= if open { 0 } else { bit };
            open
        });
        if let Some(place @ 1..) = place
            && let Some(waiting) = commands.remove(place)
        {
            commands.push_front(waiting);
        }
        if let (Some(_), Some(front)) = (place, commands.front_mut()) {
            front.credited = true;
        }
    }

    fn next_number(&self) -> u32 {
        ControlNumber(self.base.0 + self.kept.len() as u64).truncated()
    }

    fn keep(&mut self, kept: Kept) {
        self.kept_bytes += kept.len;
        self.kept.push_back(kept);
        self.carried += 1;
    }

    /// Whether another tunnelled message may be written. They leave half of what the peer takes to
    /// the others.
    pub(crate) fn has_tunnel_room(&self) -> bool {
        let (_, bytes) = self.tunnel.depth();
        let fits = bytes < self.window / 2 && self.kept_bytes < self.window;
        fits && self.tunnel.has_room() && self.has_carried_all()
    }

    /// Writes a message of a data channel, with the session clock of when it was sent where it has a
    /// lifetime.
    pub(crate) fn write_tunnelled(
        &mut self,
        now: Instant,
        (message, payload): (&Outgoing, &[u8]),
        clock: Option<u32>,
        out: &mut Vec<u8>,
    ) {
        let tunnelled = message.remembered();
        let len = message.len(false);
        let frame = message.tunnelled_frame(payload, clock);
        Record::Tunnelled { number: self.next_number(), frame }.encode(out);
        self.keep(Kept { len, what: What::Tunnelled(tunnelled) });
        self.tunnel.on_written(now, len);
    }

    /// The peer has every record below `next`; `each` is told of the reliable messages that rode.
    pub(crate) fn handle_acked(
        &mut self,
        now: Instant,
        next: u32,
        mut each: impl FnMut(SentFrame),
    ) -> Result<(), Violation> {
        let next = ControlNumber::expand(next, self.base);
        let count = next.0.checked_sub(self.base.0).ok_or(Violation::ControlOrder)?;
        if count > self.kept.len() as u64 {
            return Err(Violation::AckOfUnsent);
        }
        for _ in 0..count {
            let Some(kept) = self.kept.pop_front() else { break };
            self.kept_bytes -= kept.len;
            self.carried = self.carried.saturating_sub(1);
            match kept.what {
                What::Tunnelled(frame) => {
                    self.tunnel.on_acked(now, kept.len);
                    frame.into_iter().for_each(&mut each);
                }
                What::GivenUp(frame) => {
                    self.tunnel.on_gone();
                    frame.into_iter().for_each(&mut each);
                }
                What::Piece(_, _, mut body) => {
                    self.store.let_go(&body);
                    self.store.give(body.release());
                }
                What::Step(_) => {}
            }
        }
        self.base = next;
        self.sweep();
        Ok(())
    }

    /// Clears away what the peer has. Messages that others pass, for lack of credit or behind a long
    /// one, shall not hold up the memory of all those: they are put by themselves.
    fn sweep(&mut self) {
        self.store.sweep();
        if self.store.is_sparse(self.waiting_bytes + self.kept_bytes) {
            for waiting in self.queues.iter_mut().flatten() {
                self.store.set_aside(&mut waiting.payload);
            }
            self.store.sweep();
        }
    }

    /// Nothing has been sent for a while: memory that is not needed goes.
    pub(crate) fn rest(&mut self) {
        self.store.rest();
    }

    #[cfg(test)]
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }
}

impl Waiting {
    /// Cuts the next piece off.
    fn cut(&mut self) -> (Head, Chunk, Body) {
        let start = self.written;
        let end = self.payload.len().min(start + Record::CHUNK);
        self.written = end;
        self.chunks += 1;
        let chunk = Chunk { first: start == 0, last: end == self.payload.len() };
        let whole = chunk.first && chunk.last;
        // Of one that goes whole nothing need stay.
        let piece =
            if whole { mem::take(&mut self.payload) } else { self.payload.slice(start..end) };
        (self.head, chunk, piece)
    }
}

fn encode(number: u32, head: Head, chunk: Chunk, bytes: &[u8], out: &mut Vec<u8>) {
    let record = match head {
        Head::Command(channel) => Record::Command { number, chunk, channel, bytes },
        Head::Request(id, kind) => Record::Request { number, chunk, id, kind, bytes },
        Head::Reply(id, outcome) => Record::Reply { number, chunk, id, outcome, bytes },
    };
    record.encode(out);
}

fn encode_step(number: u32, step: &Step, out: &mut Vec<u8>) {
    Record::Transfer { number, step: step.wire() }.encode(out);
}

#[cfg(test)]
mod tests;
