//! Receivers: what a socket holds, taken in by any number of threads.
//!
//! The order of steps is the protocol's: head, source, session, floor, key, seal (all without a
//! lock), then the session's lock for as long as neighbouring packets of its own take. Nothing of a
//! datagram that fails a step has changed anything. Each has one outcome, counted once.

use std::{io, sync::Arc, time::Instant};

use biplane_proto::{Arrival, DropReason, KeyEpoch, Opener, Path};
use biplane_wire::{Header, KeyPhase, PacketKind, ReceiveId};

use crate::{
    counters::Tally,
    hub::Hub,
    limits,
    outbox::Outbox,
    slot::Slot,
    socket::{self, DatagramSocket, ReceiveBuffers},
    source,
};

/// One of the receivers that share an endpoint's socket.
#[derive(Debug)]
pub(crate) struct Receiver {
    index: usize,
    socket: Arc<dyn DatagramSocket>,
    hub: Arc<Hub>,
    buffers: ReceiveBuffers,
    tally: Tally,
    /// The session of the packets in `opened`.
    group: Option<Group>,
    opened: Vec<Opened>,
    /// Sessions that want to send since they took something in.
    wanting: Vec<Arc<Slot>>,
    outbox: Outbox,
}

/// What one pass did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// The socket may hold more.
    pub(crate) more: bool,
    /// It filled a whole batch.
    pub(crate) full: bool,
    /// It took as many datagrams as fill a batch, in runs or not.
    pub(crate) many: bool,
    /// How many they were.
    pub(crate) datagrams: u64,
    /// And how long in all.
    pub(crate) bytes: u64,
}

/// The session at hand, as a receive id leads to it.
#[derive(Debug)]
struct Group {
    receive_id: ReceiveId,
    slot: Arc<Slot>,
    epoch: KeyEpoch,
    key: Option<(KeyPhase, Arc<Opener>)>,
}

/// A packet whose seal holds, in the buffers.
#[derive(Debug)]
struct Opened {
    arrival: Arrival,
    start: usize,
    len: usize,
    outcome: Result<(), DropReason>,
}

/// A datagram in the buffers.
#[derive(Clone, Copy, Debug)]
struct Place {
    index: usize,
    offset: usize,
    len: usize,
}

impl Receiver {
    /// The one with this number, with room for `slots` arrivals.
    pub(crate) fn new(
        index: usize,
        socket: Arc<dyn DatagramSocket>,
        hub: Arc<Hub>,
        slots: usize,
    ) -> Self {
        let outbox = Outbox::new(Arc::clone(&socket), Arc::clone(&hub), limits::WORKER_PATIENCE);
        Self {
            index,
            socket,
            hub,
            buffers: ReceiveBuffers::new(slots),
            tally: Tally::default(),
            group: None,
            opened: Vec::with_capacity(limits::COMMIT_PACKETS),
            wanting: Vec::new(),
            outbox,
        }
    }

    /// Takes in what the socket holds, up to one batch, and answers what can be answered at once.
    ///
    /// # Errors
    ///
    /// Those of the socket; a bad datagram is counted, not returned.
    pub(crate) fn duty_cycle(&mut self, now: Instant) -> io::Result<Pass> {
        self.socket.recv(&mut self.buffers)?;
        self.take_in(now);
        let tally = core::mem::take(&mut self.tally);
        if let Some(counters) = self.hub.counters().receiver(self.index) {
            counters.took(&tally);
        }
        let full = self.buffers.are_full();
        self.answer(now, full);
        let Tally { received: datagrams, bytes, .. } = tally;
        let many = datagrams >= self.buffers.slots() as u64;
        Ok(Pass { more: self.buffers.are_filled(), full, many, datagrams, bytes })
    }

    fn take_in(&mut self, now: Instant) {
        // A pass that panicked may have left its packets behind.
        self.opened.clear();
        for index in 0..self.buffers.len() {
            let Some(arrival) = self.buffers.arrival(index) else { continue };
            for (offset, len) in arrival.datagrams() {
                self.tally.received += 1;
                self.tally.bytes += len as u64;
                if let Err(reason) = self.admit(now, &arrival, Place { index, offset, len }) {
                    self.tally.drops.record(reason, len);
                }
            }
        }
        self.commit(now);
        // A session must not live on because nothing comes after its last packet.
        self.group = None;
    }

    /// Takes one datagram as far as it goes without the session's lock.
    fn admit(
        &mut self,
        now: Instant,
        arrival: &socket::Arrival,
        place: Place,
    ) -> Result<(), DropReason> {
        let header = self.header(arrival, place)?;
        self.turn_to(now, header.receive_id)?;
        let opened = self.open(now, arrival, place, &header).inspect_err(|reason| {
            if let Some(group) = &self.group {
                group.slot.refused().record(*reason);
            }
        })?;
        self.opened.push(opened);
        if self.opened.len() >= limits::COMMIT_PACKETS {
            self.commit(now);
        }
        Ok(())
    }

    /// Opens a packet of the session at hand.
    fn open(
        &mut self,
        now: Instant,
        arrival: &socket::Arrival,
        place: Place,
        header: &Header,
    ) -> Result<Opened, DropReason> {
        let Some(group) = &mut self.group else { return Err(DropReason::NoKey) };
        let number = header.number.expand(group.slot.largest().next());
        if number < group.slot.floor() {
            return Err(DropReason::Late);
        }
        let opener = group.opener(header.phase).ok_or(DropReason::NoKey)?;
        let datagram = self.buffers.datagram(place.index, place.offset, place.len);
        let sealed = datagram.get_mut(Header::LEN..).unwrap_or_default();
        let len = opener.open(header, number, sealed).map_err(|_| DropReason::Forged)?.len();
        Ok(Opened {
            arrival: Arrival {
                received_at: now.checked_sub(arrival.age).unwrap_or(now),
                path: Path { remote: arrival.from, local: arrival.to },
                number,
                epoch: group.epoch,
                phase: header.phase,
                ecn: arrival.ecn,
            },
            start: place.start() + Header::LEN,
            len,
            outcome: Ok(()),
        })
    }

    fn header(&mut self, arrival: &socket::Arrival, place: Place) -> Result<Header, DropReason> {
        if place.len == 0 || arrival.stride == 0 {
            return Err(DropReason::Empty);
        }
        if place.len > self.hub.longest_datagram() {
            return Err(DropReason::Oversize);
        }
        let datagram = self.buffers.at(place.start(), place.len);
        let (header, _) = Header::decode(datagram).map_err(|_| DropReason::Malformed)?;
        if source::is_bad(arrival.from, arrival.to, self.hub.own()) {
            return Err(DropReason::BadSource);
        }
        match header.kind {
            PacketKind::Data => Ok(header),
            // No group has an id here.
            _ => Err(DropReason::UnknownSession),
        }
    }

    /// Makes the session with `receive_id` the one at hand; what was opened for another is
    /// committed first.
    fn turn_to(&mut self, now: Instant, receive_id: ReceiveId) -> Result<(), DropReason> {
        let at_hand = self.group.as_ref().map(|group| group.receive_id);
        if at_hand == Some(receive_id) {
            return Ok(());
        }
        let found = self.hub.slots().get(receive_id);
        let (slot, epoch) = found.ok_or(DropReason::UnknownSession)?;
        self.commit(now);
        self.group = Some(Group { receive_id, slot, epoch, key: None });
        Ok(())
    }

    /// Takes in what was opened for the session at hand, in one hold of its lock.
    fn commit(&mut self, now: Instant) {
        let Some(group) = &mut self.group else { return };
        if self.opened.is_empty() {
            return;
        }
        let Self { opened, buffers, .. } = self;
        let ((), aftermath) = group.slot.enter(now, |session| {
            session.handle_packets(
                now,
                opened.iter_mut().map(|Opened { arrival, start, len, outcome }| {
                    (&*arrival, buffers.at(*start, *len), outcome)
                }),
            );
        });
        // Keys may have changed with it.
        group.key = None;
        for packet in self.opened.drain(..) {
            match packet.outcome {
                Ok(()) => self.tally.delivered += 1,
                Err(reason) => self.tally.drops.record(reason, packet.len),
            }
        }
        if group.slot.follow_in(&self.hub, aftermath) {
            self.wanting.push(Arc::clone(&group.slot));
        }
    }

    /// Few sessions of a quiet socket are served here, which saves a hop to another thread. A busy
    /// receiver hands them on.
    fn answer(&mut self, now: Instant, busy: bool) {
        let inline = !busy && self.wanting.len() <= limits::INLINE_SESSIONS;
        while let Some(slot) = self.wanting.pop() {
            if inline {
                self.outbox.serve(now, &slot);
            } else {
                self.hub.serve_later(slot);
            }
        }
    }
}

impl Group {
    fn opener(&mut self, phase: KeyPhase) -> Option<Arc<Opener>> {
        if self.key.as_ref().is_none_or(|(of, _)| *of != phase) {
            let opener = self.slot.keys().opener(self.epoch, phase);
            self.key = opener.map(|opener| (phase, opener));
        }
        self.key.as_ref().map(|(_, opener)| Arc::clone(opener))
    }
}

impl Place {
    const fn start(self) -> usize {
        self.index * limits::RECEIVE_SLOT + self.offset
    }
}

#[cfg(test)]
pub(crate) mod tests;
