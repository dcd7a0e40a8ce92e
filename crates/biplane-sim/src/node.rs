//! One session, driven as `biplane-net` drives it.
//!
//! Packets are opened outside the session with the key that their phase names, and sealed outside it
//! with the job that came with them; after every input all outputs are drained. What the contract
//! of the core says about its outputs is checked on the way.

mod keys;
mod outlet;
mod timekeeper;
mod vouching;
mod whereabouts;

use std::{net::SocketAddr, time::Instant};

use biplane_proto::{
    Agreement, Answered, Arrival, ControlLoss, DropReason, Drops, Event, KeyEpoch, Path, Session,
    Transmit, limits,
};
use biplane_wire::{Header, PacketNumber, ReceiveId, limits as wire};

pub(crate) use self::outlet::Outlet;
pub(crate) use self::timekeeper::{Timekeeper, stall};
pub use self::whereabouts::Questions;
use self::{keys::Keys, vouching::Vouching, whereabouts::Whereabouts};
use crate::{CanaryKind, ContractBreach, Core, Entry, Inflow, Side, Stream, watch::Watch};

/// No session has a reason to send more packets at one moment.
const PACKETS_AT_ONCE: usize = 20_000;
/// One that gushes sends what goes to an unproven address so often.
const GUSH: usize = 100;

/// A session with its keys, and what its slot publishes.
#[derive(Debug)]
pub(crate) struct Node {
    side: Side,
    core: Core,
    peer: Whereabouts,
    time: Timekeeper,
    keys: Keys,
    vouching: Vouching,
    published: Published,
    answers: Vec<Answered>,
    accounts: Accounts,
    wakes: Option<Instant>,
    is_dirty: bool,
    told: Told,
}

/// What became of the packets that came to a session, as is seen from outside it.
#[derive(Debug, Default)]
struct Accounts {
    delivered: u64,
    dropped: Drops,
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

impl Node {
    /// A session whose packets may go to `peer` alone, and come under `id`.
    pub(crate) fn new(
        side: Side,
        core: Core,
        (peer, id): (Path, ReceiveId),
        time: Timekeeper,
    ) -> Self {
        let mut keys = Keys::default();
        keys.name(KeyEpoch::default(), id);
        Self {
            side,
            published: Published::of(core.session()),
            core,
            peer: match side {
                Side::Client(_) => Whereabouts::fixed(peer.remote),
                Side::Server(_) => Whereabouts::unproven(peer.remote),
            },
            time,
            keys,
            vouching: Vouching::default(),
            answers: Vec::new(),
            accounts: Accounts::default(),
            wakes: None,
            is_dirty: true,
            told: Told::default(),
        }
    }

    pub(crate) const fn core(&self) -> &Core {
        &self.core
    }

    /// The peer's datagrams come from there from now on.
    pub(crate) fn peer_moved(&mut self, remote: SocketAddr) {
        self.peer.moved(remote);
    }

    /// Somebody sends the peer's datagrams under these addresses too.
    pub(crate) fn beware(&mut self, victims: impl Iterator<Item = SocketAddr>) {
        self.peer.beware(victims);
    }

    /// What it asked of addresses that were not proven.
    pub(crate) const fn questions(&self) -> Questions {
        self.peer.questions()
    }

    /// The session, for an input, and what time it is told; it must be settled after.
    pub(crate) fn touch(&mut self, now: Instant) -> (Instant, &mut Core) {
        self.is_dirty = true;
        (self.time.tells(now), &mut self.core)
    }

    /// A packet of its own was taken in, or dropped.
    pub(crate) fn account(&mut self, taken: Result<(), DropReason>, len: usize) {
        match taken {
            Ok(()) => self.accounts.delivered += 1,
            Err(reason) => self.accounts.dropped.record(reason, len),
        }
    }

    /// What the session says of its packets, and is not so.
    pub(crate) fn miscounted(&self) -> impl Iterator<Item = ContractBreach> {
        let stats = self.core.session().stats();
        let (says, took) = (stats.packets_received, self.accounts.delivered);
        let packets = (says != took).then_some(ContractBreach::Miscounted { says, took });
        let drops = stats.drops.iter().zip(self.accounts.dropped.iter());
        let drops = drops.filter(|(says, were)| says != were);
        let drops = drops.map(|((reason, says), (_, were))| ContractBreach::DropsMiscounted {
            reason,
            says,
            were,
        });
        packets.into_iter().chain(drops.collect::<Vec<_>>())
    }

    /// What the session has to tell; asking changes nothing that would have to be settled.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.core.poll_event()
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
        let (now, core) = self.touch(now);
        core.session_mut().handle_timeout(now);
    }

    /// Opens a datagram, by what the session has published; changes nothing.
    pub(crate) fn open<'a>(
        &self,
        header: &Header,
        datagram: &'a mut [u8],
    ) -> Result<(PacketNumber, KeyEpoch, &'a [u8]), DropReason> {
        let number = header.number.expand(self.published.largest.next());
        if number < self.published.floor {
            return Err(DropReason::Late);
        }
        let epoch = self.keys.epoch_of(header.receive_id).ok_or(DropReason::NoKey)?;
        let opener = self.keys.opener(epoch, header.phase).ok_or(DropReason::NoKey)?;
        let (_, sealed) =
            datagram.split_at_mut_checked(Header::LEN).ok_or(DropReason::Malformed)?;
        let plaintext = opener.open(header, number, sealed).map_err(|_| DropReason::Forged)?;
        Ok((number, epoch, plaintext))
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
        let remote = arrival.path.remote;
        let trusts = self.core.is(CanaryKind::Trusts);
        let answered = trusts.then(|| self.peer.answered(remote, plaintext)).flatten();
        let answered = answered.or_else(|| self.vouching.vouched(plaintext));
        let (now, core) = self.touch(now);
        let arrival = Arrival { received_at: arrival.received_at.min(now), ..*arrival };
        let told = answered.as_deref().unwrap_or(plaintext);
        core.session_mut().handle_packet(now, &arrival, told)?;
        let len = Header::LEN + plaintext.len() + wire::TAG;
        self.peer.on_arrival(remote, len, plaintext);
        Ok(())
    }

    /// Takes what came over the control connection.
    pub(crate) fn handle_inflow(&mut self, now: Instant, inflow: &Inflow) {
        if self.has_lost_control() {
            return;
        }
        let (now, core) = self.touch(now);
        match inflow {
            Inflow::Bytes(bytes) => core.session_mut().handle_control(now, bytes),
            Inflow::End => core.session_mut().handle_control_lost(now, ControlLoss::Broken),
        }
    }

    /// Goes on over a new control connection, with packets under a new receive id. Whether it does.
    pub(crate) fn resume(
        &mut self,
        now: Instant,
        agreement: &Agreement,
        secret: &[u8; 32],
    ) -> bool {
        let (now, core) = self.touch(now);
        let resumed = core.session_mut().resume(now, agreement, secret);
        let Some(epoch) = resumed else { return false };
        self.keys.name(epoch, agreement.local.receive_id);
        true
    }

    /// The receive ids under which nothing comes any more, each told once.
    pub(crate) fn take_freed(&mut self) -> Vec<ReceiveId> {
        self.keys.take_freed()
    }

    /// Whether it has no control connection.
    pub(crate) fn has_lost_control(&self) -> bool {
        self.core.session().control_is_lost()
    }

    /// Drains every output of the session, if it had an input or its stream has room again.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        (mut outlet, mut control): (Outlet<'_>, Option<&mut Stream>),
        watch: &mut Watch,
    ) {
        let has_room = |control: &mut &mut Stream| control.room(now) > 0;
        if !(self.is_dirty || self.waits_for_room() && control.as_mut().is_some_and(has_room)) {
            return;
        }
        self.is_dirty = false;
        self.drain_keys();
        while let Some((answered, told)) = self.core.session_mut().poll_answer() {
            self.core.session_mut().on_answer_told(told);
            self.answers.push(answered);
        }
        self.published = Published::of(self.core.session());
        self.send_packets(now, &mut outlet, watch);
        if let Some(control) = control {
            self.write_control(now, control, watch);
        }
        let session = self.core.session();
        let timeout = session.poll_timeout().filter(|_| !session.is_over());
        self.wakes = timeout.map(|(at, _)| self.time.wakes(at));
    }

    /// Whether the session has control bytes that wait for room.
    pub(crate) fn waits_for_room(&self) -> bool {
        !self.has_lost_control() && self.core.session().wants_control()
    }

    fn drain_keys(&mut self) {
        while let Some(change) = self.core.session_mut().poll_key() {
            self.keys.apply(change);
        }
    }

    fn send_packets(&mut self, now: Instant, outlet: &mut Outlet<'_>, watch: &mut Watch) {
        let told = self.time.tells(now);
        for _ in 0..PACKETS_AT_ONCE {
            let mut packet = Vec::with_capacity(limits::DATAGRAM_SIZE);
            let Some(transmit) = self.core.session_mut().poll_packet(told, &mut packet) else {
                self.check_has_sent_all(now, told, watch);
                return;
            };
            // A packet may be the first under its key.
            self.drain_keys();
            self.send_packet(now, transmit, packet, outlet, watch);
        }
        watch.breach(now, Some(self.side), ContractBreach::Floods);
    }

    fn send_packet(
        &mut self,
        now: Instant,
        transmit: Transmit,
        mut packet: Vec<u8>,
        outlet: &mut Outlet<'_>,
        watch: &mut Watch,
    ) {
        let Transmit { job, path, len, ecn } = transmit;
        if self.core.is(CanaryKind::Vouches) {
            self.vouching.on_sent(job.number());
        }
        let allowed = wire::PACKET_MIN..=self.core.session().longest_datagram();
        if packet.len() != len || !allowed.contains(&len) {
            let what = ContractBreach::PacketLength { appended: packet.len(), says: len };
            watch.breach(now, Some(self.side), what);
        }
        match self.address(now, path.remote, &packet) {
            Ok(true) => {}
            Ok(false) => return,
            Err(what) => return watch.breach(now, Some(self.side), what),
        }
        let plain = watch.counts_nonces().then(|| packet.clone());
        let sealer = self.keys.sealer(job.epoch(), job.phase());
        if sealer.is_none_or(|sealer| sealer.seal(job, &mut packet).is_err()) {
            watch.breach(now, Some(self.side), ContractBreach::Unsealable);
            return;
        }
        if let Some(plain) = plain {
            watch.sealed(now, self.side, &plain, &packet);
        }
        watch.note(now, self.side, Entry::Packet(&packet));
        outlet.send(now, path.remote, ecn, packet);
    }

    /// Whether the peer is where a packet leaves for, and whether it may.
    fn address(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        packet: &[u8],
    ) -> Result<bool, ContractBreach> {
        let gushes = self.core.is(CanaryKind::Gushes) && !self.peer.is_home(remote);
        for _ in 1..if gushes { GUSH } else { 1 } {
            self.peer.on_departure(now, remote, packet)?;
        }
        self.peer.on_departure(now, remote, packet)
    }

    fn check_has_sent_all(&self, now: Instant, told: Instant, watch: &mut Watch) {
        if self.core.session().wants_transmit(told) {
            watch.breach(now, Some(self.side), ContractBreach::NothingToSend);
        }
    }

    fn write_control(&mut self, now: Instant, control: &mut Stream, watch: &mut Watch) {
        let (mut bytes, told) = (Vec::new(), self.time.tells(now));
        while !self.has_lost_control()
            && control.room(now) > 0
            && self.core.session_mut().poll_control(told, &mut bytes)
        {
            watch.note(now, self.side, Entry::Control(&bytes));
            control.write(now, &bytes);
            bytes.clear();
        }
        let session = self.core.session();
        let is_done = session.control_is_finished() && !session.wants_control();
        if is_done || session.control_is_lost() || session.is_over() {
            control.finish(now);
        }
    }
}

impl Published {
    fn of(session: &Session) -> Self {
        Self { largest: session.largest_received(), floor: session.floor() }
    }
}
