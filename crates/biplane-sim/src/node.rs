//! One session, driven as `biplane-net` drives it.
//!
//! Packets are opened outside the session with the key that their phase names, and sealed outside it
//! with the job that came with them; after every input all outputs are drained. What the contract
//! of the core says about its outputs is checked on the way.

use core::time::Duration;
use std::{net::SocketAddr, time::Instant};

use biplane_proto::{
    Answered, Arrival, ControlLoss, DropReason, Event, KeyChange, Opener, Path, Sealer, Session,
    Transmit, limits,
};
use biplane_wire::{Header, KeyPhase, PacketNumber, limits as wire};

use crate::{ContractBreach, Core, Entry, Inflow, Link, Side, Stream, watch::Watch};

/// No session has a reason to send more packets at one moment.
const PACKETS_AT_ONCE: usize = 20_000;

/// A session with its keys, and what its slot publishes.
#[derive(Debug)]
pub(crate) struct Node {
    side: Side,
    core: Core,
    peer: Whereabouts,
    lag: Duration,
    keys: Keys,
    published: Published,
    answers: Vec<Answered>,
    delivered: u64,
    wakes: Option<Instant>,
    lost_control: bool,
    is_dirty: bool,
    told: Told,
}

/// Where the peer is.
#[derive(Debug)]
struct Whereabouts {
    now: SocketAddr,
    /// Nobody is there any more.
    former: Vec<SocketAddr>,
}

/// What a slot would publish.
#[derive(Debug)]
struct Published {
    largest: PacketNumber,
    floor: PacketNumber,
}

/// What is known of it outside.
#[derive(Debug, Default)]
struct Told {
    /// It is ready, and nobody has looked yet.
    ready: bool,
    /// The channels that could be read when it was last looked at.
    readable: u64,
    over: bool,
}

/// The keys that the session has installed, by phase.
#[derive(Debug, Default)]
struct Keys {
    openers: [Option<Opener>; 4],
    sealers: [Option<Sealer>; 4],
}

impl Node {
    /// A session whose packets may go to `peer` alone, and which is woken so late.
    pub(crate) fn new(side: Side, core: Core, peer: Path, lag: Duration) -> Self {
        Self {
            side,
            published: Published::of(core.session()),
            core,
            peer: Whereabouts { now: peer.remote, former: Vec::new() },
            lag,
            keys: Keys::default(),
            answers: Vec::new(),
            delivered: 0,
            wakes: None,
            lost_control: false,
            is_dirty: true,
            told: Told::default(),
        }
    }

    pub(crate) const fn core(&self) -> &Core {
        &self.core
    }

    /// The peer's datagrams come from there from now on.
    pub(crate) fn peer_moved(&mut self, remote: SocketAddr) {
        let before = core::mem::replace(&mut self.peer.now, remote);
        self.peer.former.push(before);
        self.peer.former.retain(|former| *former != remote);
    }

    /// The session, for an input; it must be settled after.
    pub(crate) const fn touch(&mut self) -> &mut Core {
        self.is_dirty = true;
        &mut self.core
    }

    /// Datagrams that the session took in.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// What the session has to tell; asking changes nothing that would have to be settled.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.core.session_mut().poll_event()
    }

    pub(crate) fn take_answers(&mut self) -> Vec<Answered> {
        core::mem::take(&mut self.answers)
    }

    /// Whether it has news for its application, of which nobody was told since
    /// [`Node::clear_ready`].
    pub(crate) fn begins_to_be_ready(&mut self) -> bool {
        let session = self.core.session();
        let readable = session.readable();
        let has_news = session.has_event() || readable & !self.told.readable != 0;
        self.told.readable = readable;
        has_news && !core::mem::replace(&mut self.told.ready, true)
    }

    pub(crate) const fn clear_ready(&mut self) {
        self.told.ready = false;
    }

    /// Whether it is over, the first time it is.
    pub(crate) fn begins_to_be_over(&mut self) -> bool {
        self.core.session().is_over() && !core::mem::replace(&mut self.told.over, true)
    }

    /// When the session wants to be woken, as of when it was settled.
    pub(crate) const fn wakes(&self) -> Option<Instant> {
        self.wakes
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.touch().session_mut().handle_timeout(now);
    }

    /// Opens a datagram, by what the session has published; changes nothing.
    pub(crate) fn open<'a>(
        &self,
        header: &Header,
        datagram: &'a mut [u8],
    ) -> Result<(PacketNumber, &'a [u8]), DropReason> {
        let number = header.number.expand(self.published.largest.next());
        if number < self.published.floor {
            return Err(DropReason::Late);
        }
        let opener = self.keys.openers.get(header.phase.index()).and_then(Option::as_ref);
        let opener = opener.ok_or(DropReason::NoKey)?;
        let (_, sealed) =
            datagram.split_at_mut_checked(Header::LEN).ok_or(DropReason::Malformed)?;
        let plaintext = opener.open(header, number, sealed).map_err(|_| DropReason::Forged)?;
        Ok((number, plaintext))
    }

    /// Lets the session count a datagram that did not open.
    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        self.core.session_mut().count_drops(reason, 1);
    }

    /// Hands an opened packet to the session, which counts it either way.
    pub(crate) fn commit(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        plaintext: &[u8],
    ) -> Result<(), DropReason> {
        self.is_dirty = true;
        self.core.session_mut().handle_packet(now, arrival, plaintext)?;
        self.delivered += 1;
        Ok(())
    }

    /// Takes what came over the control connection.
    pub(crate) fn handle_inflow(&mut self, now: Instant, inflow: &Inflow) {
        match inflow {
            Inflow::Bytes(bytes) => self.touch().session_mut().handle_control(now, bytes),
            Inflow::End if self.lost_control => {}
            Inflow::End => {
                self.lost_control = true;
                self.touch().session_mut().handle_control_lost(now, ControlLoss::Broken);
            }
        }
    }

    /// Drains every output of the session, if it had an input or its stream has room again.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        link: &mut Link,
        control: &mut Stream,
        watch: &mut Watch,
    ) {
        if !(self.is_dirty || self.waits_for_room() && control.room(now) > 0) {
            return;
        }
        self.is_dirty = false;
        self.drain_keys();
        while let Some(answered) = self.core.session_mut().poll_answer() {
            self.answers.push(answered);
        }
        self.published = Published::of(self.core.session());
        self.send_packets(now, link, watch);
        self.write_control(now, control, watch);
        let session = self.core.session();
        let timeout = session.poll_timeout().filter(|_| !session.is_over());
        self.wakes = timeout.map(|(at, _)| at + self.lag);
    }

    /// Whether the session has control bytes that wait for room.
    pub(crate) fn waits_for_room(&self) -> bool {
        !self.lost_control && self.core.session().wants_control()
    }

    fn drain_keys(&mut self) {
        while let Some(change) = self.core.session_mut().poll_key() {
            match change {
                KeyChange::InstallOpener(phase, opener) => {
                    put(&mut self.keys.openers, phase, Some(opener));
                }
                KeyChange::DiscardOpener(phase) => put(&mut self.keys.openers, phase, None),
                KeyChange::InstallSealer(phase, sealer) => {
                    put(&mut self.keys.sealers, phase, Some(sealer));
                }
                _ => {}
            }
        }
    }

    fn send_packets(&mut self, now: Instant, link: &mut Link, watch: &mut Watch) {
        for _ in 0..PACKETS_AT_ONCE {
            let mut packet = Vec::with_capacity(limits::DATAGRAM_SIZE);
            let Some(transmit) = self.core.session_mut().poll_packet(now, &mut packet) else {
                self.check_has_sent_all(now, watch);
                return;
            };
            // A packet may be the first under its key.
            self.drain_keys();
            self.send_packet(now, transmit, packet, link, watch);
        }
        watch.breach(now, Some(self.side), ContractBreach::Floods);
    }

    fn send_packet(
        &self,
        now: Instant,
        transmit: Transmit,
        mut packet: Vec<u8>,
        link: &mut Link,
        watch: &mut Watch,
    ) {
        let Transmit { job, path, len } = transmit;
        let allowed = wire::PACKET_MIN..=limits::DATAGRAM_SIZE;
        if packet.len() != len || !allowed.contains(&len) {
            let what = ContractBreach::PacketLength { appended: packet.len(), says: len };
            watch.breach(now, Some(self.side), what);
        }
        if self.peer.former.contains(&path.remote) {
            return;
        }
        if path.remote != self.peer.now {
            watch.breach(now, Some(self.side), ContractBreach::Misaddressed);
            return;
        }
        let sealer = self.keys.sealers.get(job.phase().index()).and_then(Option::as_ref);
        if sealer.is_none_or(|sealer| sealer.seal(job, &mut packet).is_err()) {
            watch.breach(now, Some(self.side), ContractBreach::Unsealable);
            return;
        }
        watch.note(now, self.side, Entry::Packet(&packet));
        link.send(now, packet);
    }

    fn check_has_sent_all(&self, now: Instant, watch: &mut Watch) {
        if self.core.session().wants_transmit(now) {
            watch.breach(now, Some(self.side), ContractBreach::NothingToSend);
        }
    }

    fn write_control(&mut self, now: Instant, control: &mut Stream, watch: &mut Watch) {
        let mut bytes = Vec::new();
        while control.room(now) > 0 && self.core.session_mut().poll_control(now, &mut bytes) {
            watch.note(now, self.side, Entry::Control(&bytes));
            control.write(now, &bytes);
            bytes.clear();
        }
        let session = self.core.session();
        let is_done = session.control_is_finished() && !session.wants_control();
        if is_done || self.lost_control || session.is_over() {
            control.finish(now);
        }
    }
}

impl Published {
    fn of(session: &Session) -> Self {
        Self { largest: session.largest_received(), floor: session.floor() }
    }
}

fn put<T>(keys: &mut [Option<T>; 4], phase: KeyPhase, key: Option<T>) {
    if let Some(slot) = keys.get_mut(phase.index()) {
        *slot = key;
    }
}
