//! The transfers of one session beside its lock: where their bytes come from and go to.
//!
//! The session says which are open. Here each has its place from then until it ends, and whoever
//! serves the attached connection puts bytes in and takes them out. The session may be locked while
//! this is, and never the other way round.

use core::{convert::Infallible, ops::Bound};
use std::{
    collections::{BTreeMap, VecDeque},
    io::Read,
    sync::Arc,
    time::Instant,
};

use biplane_proto::{
    Intake, RoundTrip, Supply, TransferChange, TransferError, TransferNews, TransferSide,
    Violation, Yielding,
};
use biplane_wire::{Bulk as Record, TransferId};
use bytes::Bytes;
use tokio::sync::{Notify, futures::Notified};

use crate::{
    limits,
    locks::lock,
    sync::Mutex,
    transfer::{Course, TransferSource},
};

/// The open transfers of a session.
#[derive(Debug, Default)]
pub(crate) struct Bulk {
    state: Mutex<State>,
    /// There may be something to write, or another connection.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    own: BTreeMap<TransferId, Outgoing>,
    peers: BTreeMap<TransferId, Incoming>,
    /// The number of the attached connection.
    connection: u64,
    /// Whose piece went last.
    last: TransferId,
    yielding: Yielding,
}

/// One that this side offered.
#[derive(Debug)]
struct Outgoing {
    supply: Supply,
    stock: Stock,
    accepted: bool,
    course: Arc<Course>,
    _over: flume::Sender<Infallible>,
}

/// One that this side accepted.
#[derive(Debug)]
struct Incoming {
    intake: Intake,
    /// Bytes that were too few to be handed out behind others.
    few: Vec<u8>,
    bytes: flume::Sender<Bytes>,
    course: Arc<Course>,
    _over: flume::Sender<Infallible>,
}

/// Bytes that were read and that the peer may not have yet.
struct Stock {
    /// Where they begin.
    start: u64,
    pieces: VecDeque<Bytes>,
    /// Where they end.
    end: u64,
    length: u64,
    /// Where more come from, unless it is being read.
    reader: Option<Box<dyn Read + Send>>,
}

/// Bytes to read, which may take its time.
pub(crate) struct Reading {
    pub(crate) id: TransferId,
    pub(crate) reader: Box<dyn Read + Send>,
    pub(crate) most: usize,
}

/// What a writer got.
pub(crate) enum Pulled {
    /// So many bytes of transfers, or what the peer is told.
    Bytes(u64),
    /// All of this one has been read.
    Summed(TransferId, [u8; 32]),
    /// These must be read first.
    Read(Reading),
    /// There is something, but nothing may be written.
    Waits,
    /// Nothing now.
    Nothing,
    /// Another connection is attached.
    End,
}

/// What became of a record.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Heard {
    Well,
    /// A transfer is at its end; whether its checksum holds.
    Whole(TransferId, bool),
    /// The session knows whether it may be of a transfer that is not open here.
    Unknown(TransferSide, TransferId),
    Violation(Violation),
}

impl Bulk {
    /// Opens a transfer of `source`, which `offer` names, under the session's lock.
    pub(super) fn offer<E>(
        &self,
        source: TransferSource,
        offer: impl FnOnce() -> Result<TransferId, E>,
    ) -> Result<(TransferId, Arc<Course>), E> {
        // Held meanwhile, so that the peer's answer finds it.
        let mut state = lock(&self.state);
        let id = offer()?;
        let (course, over) = Course::new(source.length);
        let outgoing = Outgoing {
            supply: Supply::new(source.length),
            stock: Stock::new(source),
            accepted: false,
            course: Arc::clone(&course),
            _over: over,
        };
        state.own.insert(id, outgoing);
        Ok((id, course))
    }

    /// Makes place for `length` bytes of the peer's, if `accept`, under the session's lock, says so.
    pub(super) fn accept(
        &self,
        (id, length): (TransferId, u64),
        accept: impl FnOnce() -> bool,
    ) -> Option<(Arc<Course>, flume::Receiver<Bytes>)> {
        let mut state = lock(&self.state);
        if !accept() {
            return None;
        }
        let (course, over) = Course::new(length);
        // Unbounded, and short all the same: no more may come than the window, in pieces that are
        // not small.
        let (sender, bytes) = flume::unbounded();
        let incoming = Incoming {
            intake: Intake::new(length),
            few: Vec::new(),
            bytes: sender,
            course: Arc::clone(&course),
            _over: over,
        };
        state.peers.insert(id, incoming);
        drop(state);
        self.changed.notify_waiters();
        Some((course, bytes))
    }

    /// Takes in what the session says of transfers. Returns which are at their end, and whether
    /// their checksum holds.
    pub(super) fn bring(&self, changes: Vec<TransferChange>) -> Vec<(TransferId, bool)> {
        let mut gone = Gone::default();
        let mut state = lock(&self.state);
        let bring = |change| state.bring(change, &mut gone);
        let whole = changes.into_iter().filter_map(bring).collect();
        drop(state);
        // With no lock held: what an application gave to be read may do anything when it is dropped.
        drop(gone);
        self.changed.notify_waiters();
        whole
    }

    /// The application took bytes.
    pub(crate) fn on_taken(&self, id: TransferId, bytes: u64) {
        let mut state = lock(&self.state);
        let Some(incoming) = state.peers.get_mut(&id) else { return };
        incoming.intake.on_taken(bytes);
        incoming.hand_out();
        let is_news = incoming.intake.has_news();
        drop(state);
        if is_news {
            self.changed.notify_waiters();
        }
    }

    /// Another connection is attached; its number.
    pub(crate) fn attach(&self) -> u64 {
        let mut state = lock(&self.state);
        state.connection += 1;
        state.own.values_mut().for_each(|outgoing| outgoing.supply.on_attached());
        state.peers.values_mut().for_each(|incoming| incoming.intake.on_attached());
        let number = state.connection;
        drop(state);
        self.changed.notify_waiters();
        number
    }

    /// Whether a transfer is under way.
    pub(crate) fn is_wanted(&self) -> bool {
        let state = lock(&self.state);
        !state.peers.is_empty() || state.own.values().any(|outgoing| outgoing.accepted)
    }

    /// Resolves once another connection has taken the place of the one with this number.
    pub(crate) async fn displaced(&self, number: u64) {
        loop {
            let changed = self.changed();
            if lock(&self.state).connection != number {
                return;
            }
            changed.await;
        }
    }

    /// Resolves once a transfer is under way.
    pub(crate) async fn wanted(&self) {
        loop {
            // Before the look, so that nothing comes between the two unseen.
            let changed = self.changed();
            if self.is_wanted() {
                return;
            }
            changed.await;
        }
    }

    /// Resolves once there may be something to do for who serves the connection, as of this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Takes in a record of the connection with this number.
    pub(crate) fn handle(&self, now: Instant, number: u64, record: &Record<'_>) -> Heard {
        let mut state = lock(&self.state);
        if state.connection != number {
            return Heard::Well;
        }
        let heard = match *record {
            Record::Chunk { id, offset, bytes } => state.handle_chunk(id, offset, bytes),
            Record::Have { id, received, limit } => state.handle_have(now, id, (received, limit)),
            Record::Here => Heard::Well,
        };
        drop(state);
        if !matches!(record, Record::Here) {
            self.changed.notify_waiters();
        }
        heard
    }

    /// Appends to `out` what goes next over the connection with this number, `budget` bytes of
    /// transfers at the most.
    pub(crate) fn pull(&self, number: u64, budget: usize, out: &mut Vec<u8>) -> Pulled {
        let mut state = lock(&self.state);
        if state.connection != number {
            return Pulled::End;
        }
        for (id, incoming) in &mut state.peers {
            if let Some((received, limit)) = incoming.intake.poll_have() {
                Record::Have { id: *id, received, limit }.encode(out);
            }
        }
        if out.is_empty() { state.pull_piece(budget, out) } else { Pulled::Bytes(0) }
    }

    /// What was read of a transfer.
    pub(crate) fn restock(&self, id: TransferId, reader: Box<dyn Read + Send>, bytes: Bytes) {
        let mut state = lock(&self.state);
        if let Some(outgoing) = state.own.get_mut(&id) {
            outgoing.stock.add(bytes);
            outgoing.stock.reader = Some(reader);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Bytes per second that may be written.
    pub(crate) fn rate(&self) -> u64 {
        lock(&self.state).yielding.rate()
    }

    /// Takes in what round trips take.
    pub(crate) fn on_round_trip(&self, now: Instant, trip: RoundTrip) {
        lock(&self.state).yielding.handle_round_trip(now, trip);
    }
}

/// Transfers that are over.
#[derive(Default)]
struct Gone {
    own: Vec<Outgoing>,
    peers: Vec<Incoming>,
}

impl State {
    fn bring(&mut self, change: TransferChange, gone: &mut Gone) -> Option<(TransferId, bool)> {
        let TransferChange { side, id, news } = change;
        match (side, news) {
            (TransferSide::Own, TransferNews::Accepted) => {
                self.own.get_mut(&id)?.accepted = true;
            }
            (TransferSide::Peer, TransferNews::Checksum(sha256)) => {
                let intake = &mut self.peers.get_mut(&id)?.intake;
                intake.handle_checksum(sha256);
                return intake.verdict().map(|holds| (id, holds));
            }
            (TransferSide::Own, TransferNews::Ended(end)) => {
                let outgoing = self.own.remove(&id)?;
                outgoing.course.on_end(end);
                gone.own.push(outgoing);
            }
            (TransferSide::Peer, TransferNews::Ended(end)) => {
                let incoming = self.peers.remove(&id)?;
                incoming.course.on_end(end);
                gone.peers.push(incoming);
            }
            // Nothing else is said of either side's.
            (_, _) => {}
        }
        None
    }

    fn handle_chunk(&mut self, id: TransferId, offset: u64, bytes: &[u8]) -> Heard {
        let Some(incoming) = self.peers.get_mut(&id) else {
            return Heard::Unknown(TransferSide::Peer, id);
        };
        if let Err(violation) = incoming.intake.handle_chunk(offset, bytes) {
            return Heard::Violation(violation);
        }
        incoming.course.on_done(offset + bytes.len() as u64);
        incoming.add(bytes);
        incoming.intake.verdict().map_or(Heard::Well, |holds| Heard::Whole(id, holds))
    }

    fn handle_have(
        &mut self,
        now: Instant,
        id: TransferId,
        (received, limit): (u64, u64),
    ) -> Heard {
        let Some(outgoing) = self.own.get_mut(&id) else {
            return Heard::Unknown(TransferSide::Own, id);
        };
        let before = outgoing.supply.confirmed();
        if let Err(violation) = outgoing.supply.handle_have(received, limit) {
            return Heard::Violation(violation);
        }
        self.yielding.on_delivered(now, received - before);
        outgoing.stock.forget(received);
        outgoing.course.on_done(received);
        Heard::Well
    }

    /// The bytes of all transfers that are under way, as far as is known: of each, the peer may have
    /// what it does not tell yet, and only of one of them is that counted. Else some of many
    /// transfers, each of which had come but for so much, would be all that may be under way.
    fn under_way(&self) -> u64 {
        const UNTOLD: u64 = limits::TRANSFER_TOLD;
        let each = || self.own.values().map(|outgoing| outgoing.supply.under_way());
        let untold: u64 = each().map(|bytes| bytes.min(UNTOLD)).sum();
        each().map(|bytes| bytes.saturating_sub(UNTOLD)).sum::<u64>() + untold.min(UNTOLD)
    }

    /// The next piece, of each transfer in turn.
    fn pull_piece(&mut self, budget: usize, out: &mut Vec<u8>) -> Pulled {
        let mut waits = false;
        let room = self.yielding.window().saturating_sub(self.under_way());
        let budget = budget.min(usize::try_from(room).unwrap_or(usize::MAX));
        let after = (Bound::Excluded(self.last), Bound::Unbounded);
        let before = (Bound::Unbounded, Bound::Included(self.last));
        for part in [after, before] {
            for (id, outgoing) in self.own.range_mut(part) {
                match outgoing.pull(*id, budget, out) {
                    Pulled::Nothing => {}
                    Pulled::Waits => waits = true,
                    Pulled::Bytes(bytes) => {
                        self.last = *id;
                        self.yielding.on_written(bytes);
                        return Pulled::Bytes(bytes);
                    }
                    other @ (Pulled::Summed(..) | Pulled::Read(_) | Pulled::End) => return other,
                }
            }
        }
        // Where so much is under way, what comes back wakes who waits.
        if waits && room > 0 { Pulled::Waits } else { Pulled::Nothing }
    }
}

impl Outgoing {
    fn pull(&mut self, id: TransferId, budget: usize, out: &mut Vec<u8>) -> Pulled {
        if !self.accepted {
            return Pulled::Nothing;
        }
        if let Some(sha256) = self.supply.take_checksum() {
            return Pulled::Summed(id, sha256);
        }
        let Some(piece) = self.supply.piece(budget.max(1)) else { return Pulled::Nothing };
        let Some(bytes) = self.stock.at(piece.offset, piece.len) else {
            return self.stock.read(id).map_or(Pulled::Nothing, Pulled::Read);
        };
        if budget == 0 {
            return Pulled::Waits;
        }
        Record::Chunk { id, offset: piece.offset, bytes: &bytes }.encode(out);
        self.supply.on_written(&bytes);
        Pulled::Bytes(bytes.len() as u64)
    }
}

impl Incoming {
    /// Hands bytes out, or keeps those that are few while others wait before them: each that waits
    /// costs more than its bytes.
    fn add(&mut self, bytes: &[u8]) {
        if self.few.is_empty() && bytes.len() >= limits::TRANSFER_FEW {
            self.send(Bytes::copy_from_slice(bytes));
        } else {
            self.few.extend_from_slice(bytes);
            self.hand_out();
        }
    }

    /// Hands out what was kept, if it is not few any more, nothing waits before it, or it is all.
    fn hand_out(&mut self) {
        let is_due = self.few.len() >= limits::TRANSFER_FEW
            || self.bytes.is_empty()
            || self.intake.is_whole();
        if is_due && !self.few.is_empty() {
            let few = core::mem::take(&mut self.few);
            self.send(few.into());
        }
    }

    fn send(&self, bytes: Bytes) {
        // Whom nobody reads is cancelled by whoever let go of it.
        drop(self.bytes.send(bytes));
    }
}

impl Stock {
    fn new(source: TransferSource) -> Self {
        let TransferSource { length, bytes, reader } = source;
        let end = bytes.len() as u64;
        Self { start: 0, pieces: VecDeque::from([bytes]), end, length, reader }
    }

    /// Up to `most` bytes from `offset` on; `None` if they must be read first.
    fn at(&self, offset: u64, most: usize) -> Option<Bytes> {
        let mut start = self.start;
        for piece in &self.pieces {
            let end = start + piece.len() as u64;
            if (start..end).contains(&offset) {
                let from = usize::try_from(offset - start).ok()?;
                return Some(piece.slice(from..piece.len().min(from + most)));
            }
            start = end;
        }
        None
    }

    /// The peer has everything before `received`.
    fn forget(&mut self, received: u64) {
        while let Some(piece) = self.pieces.front()
            && self.start + piece.len() as u64 <= received
        {
            self.start += piece.len() as u64;
            self.pieces.pop_front();
        }
    }

    fn read(&mut self, id: TransferId) -> Option<Reading> {
        let left = usize::try_from(self.length - self.end).unwrap_or(usize::MAX);
        let reader = self.reader.take()?;
        Some(Reading { id, reader, most: left.min(limits::TRANSFER_READ) })
    }

    fn add(&mut self, bytes: Bytes) {
        self.end += bytes.len() as u64;
        self.pieces.push_back(bytes);
    }
}

impl core::fmt::Debug for Stock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Stock({} to {} of {})", self.start, self.end, self.length)
    }
}

impl Reading {
    /// Reads; the reader and what it gave, or nothing if that is not all that was wanted.
    pub(crate) fn run(mut self) -> Option<(Box<dyn Read + Send>, Bytes)> {
        let mut bytes = vec![0; self.most];
        self.reader.read_exact(&mut bytes).ok()?;
        Some((self.reader, bytes.into()))
    }
}

/// How a transfer ends that has come whole.
pub(super) const fn end_of(holds: bool) -> Result<(), TransferError> {
    if holds { Ok(()) } else { Err(TransferError::Corrupt) }
}

#[cfg(test)]
mod tests;
