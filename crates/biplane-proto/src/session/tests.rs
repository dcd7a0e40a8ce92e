//! Two sessions face to face, without a network: frames, rules and refusals.

mod batches;
mod causality;
mod cuts;
mod deaths;
mod escalation;
mod grants;
mod modes;
mod moving;
mod notices;
mod probing;
mod quiet;
mod requests;
mod resume;
mod soundings;
mod transfers;

use std::{collections::HashMap, net::SocketAddr};

use biplane_wire::{Aead, Close, CloseCode, Frame, Header, KeyPhase, ReceiveId, limits as wire};

use super::*;
use crate::{
    Agreement, ChannelConfig, CloseReason, ControlLoss, DropReason, KeyChange, KeyEpoch, Opener,
    Path, Role, Sealer, SessionConfig, Violation,
};

const NAME: [u8; 16] = *b"a session's name";
const COMMAND: u8 = 0;
const ORDERED: u8 = 1;
const UNORDERED: u8 = 2;
const SEQUENCED: u8 = 3;
const UNRELIABLE: u8 = 4;

/// One side with its keys.
struct Side {
    session: Session,
    openers: HashMap<(KeyEpoch, KeyPhase), Opener>,
    sealers: HashMap<(KeyEpoch, KeyPhase), Sealer>,
    /// Under which ids packets come, and of which epoch they are then.
    routes: HashMap<ReceiveId, KeyEpoch>,
    address: SocketAddr,
}

/// Two sides that hear each other at once.
struct Pair {
    now: Instant,
    client: Side,
    server: Side,
}

fn channel(id: u8) -> ChannelId {
    ChannelId::new(id).unwrap()
}

fn configs() -> Vec<ChannelConfig> {
    [
        ChannelKind::Command,
        ChannelKind::ReliableOrdered,
        ChannelKind::ReliableUnordered,
        ChannelKind::Sequenced,
        ChannelKind::Unreliable,
    ]
    .map(|kind| ChannelConfig::new(kind, if kind.is_reliable() { 1 << 20 } else { 16_384 }))
    .to_vec()
}

impl Side {
    fn new(now: Instant, role: Role, named: bool, channels: Vec<ChannelConfig>) -> Self {
        let config = SessionConfig { key_packets: 50, ..SessionConfig::default() };
        Self::with(now, role, named, config, channels)
    }

    fn with(
        now: Instant,
        role: Role,
        named: bool,
        config: SessionConfig,
        channels: Vec<ChannelConfig>,
    ) -> Self {
        let accepts = u32::try_from(config.max_datagram).unwrap();
        Self::facing(now, role, named, (config, accepts), channels)
    }

    /// The same, of a peer that accepts datagrams of so many bytes.
    fn facing(
        now: Instant,
        role: Role,
        named: bool,
        (config, accepts): (SessionConfig, u32),
        channels: Vec<ChannelConfig>,
    ) -> Self {
        let mut parameters = [1, 2].map(|id| Parameters::new(ReceiveId(id)));
        for parameters in &mut parameters {
            parameters.initial_credit = limits::CHANNEL_CREDIT;
            parameters.max_datagram = accepts;
        }
        parameters[1].session = named.then_some(NAME);
        let [client, server] = parameters;
        let addresses = [1_001, 1_002].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let (local, peer, address, remote) = match role {
            Role::Client => (client, server, addresses[0], Some(addresses[1])),
            Role::Server => (server, client, addresses[1], None),
        };
        let local_id = local.receive_id;
        let setup = Setup {
            role,
            agreement: Agreement { context: [0; 32], aead: Aead::Aes128Gcm, local, peer },
            secret: [9; 32],
            channels,
            requests: 2,
            config,
            seed: [role as u8; 32],
            first_packet: PacketNumber(0),
            remote,
            handshake_rtt: Duration::from_millis(1),
        };
        let session = Session::new(now, setup);
        let mut side = Self {
            session,
            openers: HashMap::new(),
            sealers: HashMap::new(),
            routes: HashMap::from([(local_id, KeyEpoch(0))]),
            address,
        };
        side.install();
        side
    }

    fn install(&mut self) {
        while let Some(change) = self.session.poll_key() {
            match change {
                KeyChange::InstallOpener(epoch, phase, key) => {
                    self.openers.insert((epoch, phase), key);
                }
                KeyChange::InstallSealer(epoch, phase, key) => {
                    self.sealers.insert((epoch, phase), key);
                }
                KeyChange::DiscardOpener(epoch, phase) => {
                    self.openers.remove(&(epoch, phase));
                }
                KeyChange::DiscardEpoch(epoch) => {
                    self.openers.retain(|(of, _), _| *of != epoch);
                    self.routes.retain(|_, of| *of != epoch);
                }
            }
        }
    }

    fn packets(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut out = Vec::new();
        while let Some(transmit) = self.session.poll_packet(now, &mut out) {
            self.install();
            let sealer = &self.sealers[&(transmit.job.epoch(), transmit.job.phase())];
            sealer.seal(transmit.job, &mut out).unwrap();
            packets.push(core::mem::take(&mut out));
        }
        packets
    }

    fn hear(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) -> Result<(), DropReason> {
        let (arrival, opened) = self.open(now, from, packet);
        let outcome = self.session.handle_packet(now, &arrival, &opened);
        self.install();
        outcome
    }

    fn open(&self, now: Instant, from: SocketAddr, packet: &[u8]) -> (Arrival, Vec<u8>) {
        let mut packet = packet.to_vec();
        let (header, _) = Header::decode(&packet).unwrap();
        let number = header.number.expand(self.session.largest_received().next());
        let epoch = self.routes[&header.receive_id];
        let opener = &self.openers[&(epoch, header.phase)];
        let opened = opener.open(&header, number, &mut packet[Header::LEN..]).unwrap();
        let arrival = Arrival { number, epoch, phase: header.phase, ..arrival(now, from) };
        (arrival, opened.to_vec())
    }

    /// Takes in `frames` as if the peer had sent them under a number of its own.
    fn hear_frames(&mut self, now: Instant, from: SocketAddr, number: u64, frames: &[Frame<'_>]) {
        let mut plaintext = Vec::new();
        for frame in frames {
            frame.encode(&mut plaintext);
        }
        let least = wire::PACKET_MIN - Header::LEN - wire::TAG;
        plaintext.resize(plaintext.len().max(least), 0);
        let arrival = Arrival { number: PacketNumber(number), ..arrival(now, from) };
        self.session.handle_packet(now, &arrival, &plaintext).unwrap();
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn left(&mut self) -> Option<CloseReason> {
        self.events().into_iter().find_map(|event| match event {
            Event::Left(reason) => Some(reason),
            Event::Readable
            | Event::Writable
            | Event::Planes(_)
            | Event::Called(_)
            | Event::Noted(..)
            | Event::Offered(_) => None,
        })
    }

    fn take(&mut self, now: Instant, id: u8) -> Vec<Bytes> {
        core::iter::from_fn(|| self.session.take(now, channel(id))).collect()
    }
}

impl Pair {
    fn new() -> Self {
        Self::with(false, |_| {})
    }

    /// A server that gives the session a name, or does not; channels of both sides' altered.
    fn with(named: bool, change: impl FnMut(&mut ChannelConfig)) -> Self {
        let now = Instant::now();
        let mut channels = configs();
        channels.iter_mut().for_each(change);
        let client = Side::new(now, Role::Client, named, channels.clone());
        let server = Side::new(now, Role::Server, named, channels);
        Self { now, client, server }
    }

    fn joined() -> Self {
        Self::joined_with(|_| {})
    }

    fn joined_with(change: impl FnMut(&mut ChannelConfig)) -> Self {
        let mut pair = Self::with(false, change);
        pair.settle();
        pair.client.events();
        pair.server.events();
        pair
    }

    /// Carries everything both ways until nothing more comes.
    fn settle(&mut self) {
        while self.carry() {}
    }

    fn carry(&mut self) -> bool {
        let now = self.now;
        let (one, two) = (self.client.address, self.server.address);
        let up = self.client.packets(now);
        up.iter().for_each(|packet| self.server.hear(now, one, packet).unwrap());
        let down = self.server.packets(now);
        down.iter().for_each(|packet| self.client.hear(now, two, packet).unwrap());
        let control = Self::pipe(now, &mut self.client.session, &mut self.server.session)
            | Self::pipe(now, &mut self.server.session, &mut self.client.session);
        control || !up.is_empty() || !down.is_empty()
    }

    fn pipe(now: Instant, from: &mut Session, to: &mut Session) -> bool {
        let mut bytes = Vec::new();
        let any = from.poll_control(now, &mut bytes);
        if any {
            to.handle_control(now, &bytes);
        }
        any
    }

    /// Carries packets alone until no more come.
    fn packets_pass(&mut self) {
        let (one, two) = (self.client.address, self.server.address);
        loop {
            let up = self.client.packets(self.now);
            up.iter().for_each(|packet| self.server.hear(self.now, one, packet).unwrap());
            let down = self.server.packets(self.now);
            down.iter().for_each(|packet| self.client.hear(self.now, two, packet).unwrap());
            if up.is_empty() && down.is_empty() {
                break;
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.client.session.handle_timeout(self.now);
        self.server.session.handle_timeout(self.now);
        self.settle();
    }
}

/// An arrival of packet 0 from `from`.
fn arrival(now: Instant, from: SocketAddr) -> Arrival {
    Arrival {
        received_at: now,
        path: Path { remote: from, local: None },
        number: PacketNumber(0),
        epoch: KeyEpoch(0),
        phase: KeyPhase::FIRST,
        ecn: None,
    }
}

fn payload(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn a_join_proves_both_addresses_in_three_packets() {
    let mut pair = Pair::new();
    let (now, from) = (pair.now, pair.client.address);
    let first = pair.client.packets(now);
    assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [wire::DATAGRAM_MIN]);
    pair.server.hear(now, from, &first[0]).unwrap();
    let second = pair.server.packets(now);
    assert_eq!(second.iter().map(Vec::len).collect::<Vec<_>>(), [wire::DATAGRAM_MIN]);
    pair.client.hear(now, pair.server.address, &second[0]).unwrap();
    let third = pair.client.packets(now);
    assert_eq!(third.len(), 1);
    pair.server.hear(now, from, &third[0]).unwrap();
    pair.settle();
    for side in [&mut pair.client, &mut pair.server] {
        assert_eq!(side.events(), [Event::Planes(Planes::Both)]);
    }
}

#[test]
fn messages_of_every_kind_arrive() {
    let mut pair = Pair::joined();
    for id in [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        pair.client.session.send(pair.now, channel(id), payload("up")).unwrap();
        pair.server.session.send(pair.now, channel(id), payload("down")).unwrap();
    }
    pair.client.session.flush(pair.now);
    pair.server.session.flush(pair.now);
    pair.settle();
    for id in [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        assert_eq!(pair.server.take(pair.now, id), [payload("up")], "channel {id}");
        assert_eq!(pair.client.take(pair.now, id), [payload("down")], "channel {id}");
    }
    assert_eq!(pair.server.session.readable(), 0);
}

#[test]
fn small_messages_cost_what_the_protocol_promises() {
    for (id, overhead) in [(UNRELIABLE, 27), (SEQUENCED, 30), (ORDERED, 30), (UNORDERED, 30)] {
        let mut pair = Pair::joined();
        pair.client.session.send(pair.now, channel(id), payload("twelve bytes")).unwrap();
        pair.client.session.flush(pair.now);
        let packets = pair.client.packets(pair.now);
        let lengths: Vec<_> = packets.iter().map(Vec::len).collect();
        assert_eq!(lengths, [(12 + overhead).max(wire::PACKET_MIN)], "channel {id}");
    }
}

#[test]
fn messages_of_one_tick_share_a_packet() {
    let mut pair = Pair::joined();
    for _ in 0..17 {
        pair.client.session.send(pair.now, channel(SEQUENCED), vec![0; 60].into()).unwrap();
    }
    pair.client.session.flush(pair.now);
    assert_eq!(pair.client.packets(pair.now).len(), 1);
}

#[test]
fn a_message_leaves_by_itself_after_the_send_delay() {
    let mut pair = Pair::joined();
    pair.client.session.send(pair.now, channel(UNRELIABLE), payload("twelve bytes")).unwrap();
    assert!(pair.client.packets(pair.now).is_empty());
    let stats = pair.client.session.stats();
    assert_eq!((stats.queued_messages, stats.queued_bytes), (1, 12 + limits::MESSAGE_COST as u64));
    pair.pass(limits::MAX_SEND_DELAY);
    assert_eq!(pair.server.take(pair.now, UNRELIABLE).len(), 1);
}

#[test]
fn an_ack_of_what_was_never_sent_is_a_violation() {
    let mut pair = Pair::joined();
    let ack = biplane_wire::Ack {
        largest: PacketNumber(1_000).truncated(),
        delay: 0,
        arrival: 0,
        ranges: biplane_wire::AckRanges::of_encoded(&[0, 0]),
        ecn: None,
    };
    pair.server.hear_frames(pair.now, pair.client.address, 500, &[Frame::Ack(ack)]);
    assert_eq!(pair.server.left(), Some(CloseReason::Violation(Violation::AckOfUnsent)));
    pair.settle();
    assert!(matches!(pair.client.left(), Some(CloseReason::Accused { .. })));
}

#[test]
fn long_messages_arrive_whole() {
    let mut pair = Pair::joined();
    let message = |id: u8, len: usize| Bytes::from(vec![id; len]);
    let lens =
        [(ORDERED, 900_000), (UNORDERED, 200_000), (SEQUENCED, 16_384), (UNRELIABLE, 16_384)];
    for (id, len) in lens {
        pair.client.session.send(pair.now, channel(id), message(id, len)).unwrap();
    }
    pair.client.session.flush(pair.now);
    for _ in 0..500 {
        pair.pass(Duration::from_millis(21));
    }
    for (id, len) in lens {
        assert_eq!(pair.server.take(pair.now, id), [message(id, len)], "channel {id}");
    }
}

#[test]
fn a_message_longer_than_its_channel_allows_is_refused_before_it_is_kept() {
    let mut pair = Pair::joined();
    let fragment = biplane_wire::Fragment {
        channel: channel(SEQUENCED),
        sequence: 0,
        offset: 0,
        total: 20_000,
        after: None,
        clock: None,
        delimited: true,
        payload: b"half",
    };
    pair.server.hear_frames(pair.now, pair.client.address, 500, &[Frame::Fragment(fragment)]);
    let too_long = Violation::MessageTooLong(channel(SEQUENCED));
    assert_eq!(pair.server.left(), Some(CloseReason::Violation(too_long)));
}

#[test]
fn a_channel_that_is_not_there_is_a_violation() {
    let message = biplane_wire::Message {
        channel: channel(40),
        sequence: None,
        after: None,
        clock: None,
        delimited: false,
        payload: b"x",
    };
    let mut pair = Pair::joined();
    pair.server.hear_frames(pair.now, pair.client.address, 500, &[Frame::Message(message)]);
    let unknown = Violation::UnknownChannel(channel(40));
    assert_eq!(pair.server.left(), Some(CloseReason::Violation(unknown)));
}

#[test]
fn a_packet_heard_twice_is_refused() {
    let mut pair = Pair::joined();
    pair.client.session.send(pair.now, channel(UNRELIABLE), payload("once")).unwrap();
    pair.client.session.flush(pair.now);
    let packets = pair.client.packets(pair.now);
    let (now, from) = (pair.now, pair.client.address);
    assert_eq!(pair.server.hear(now, from, &packets[0]), Ok(()));
    assert_eq!(pair.server.hear(now, from, &packets[0]), Err(DropReason::Replayed));
    let stats = pair.server.session.stats();
    assert_eq!(stats.drops.count(DropReason::Replayed), 1);
    assert_eq!((stats.untaken_messages, stats.untaken_bytes), (1, 4 + limits::MESSAGE_COST as u64));
    assert_eq!(pair.server.take(now, UNRELIABLE).len(), 1);
}

#[test]
fn a_close_comes_after_what_was_queued() {
    let mut pair = Pair::joined();
    pair.client.session.send(pair.now, channel(COMMAND), payload("last words")).unwrap();
    pair.client.session.send(pair.now, channel(ORDERED), payload("and these")).unwrap();
    pair.client.session.close(pair.now, "bye");
    assert_eq!(pair.client.left(), Some(CloseReason::ClosedHere { text: "bye".into() }));
    assert_eq!(
        pair.client.session.send(pair.now, channel(COMMAND), payload("no")),
        Err(SendError::Closed)
    );
    pair.settle();
    pair.pass(Duration::from_millis(30));
    assert_eq!(pair.server.take(pair.now, COMMAND), [payload("last words")]);
    assert_eq!(pair.server.take(pair.now, ORDERED), [payload("and these")]);
    assert_eq!(pair.server.left(), Some(CloseReason::Closed { text: "bye".into() }));
    for side in [&mut pair.client, &mut pair.server] {
        assert!(side.session.control_is_finished());
        side.session.handle_control_lost(pair.now, ControlLoss::Broken);
        assert!(side.session.is_over());
        assert_eq!(side.left(), None, "there is one end alone");
    }
}

#[test]
fn a_session_that_is_over_has_no_timer() {
    let mut pair = Pair::joined();
    pair.client.session.send(pair.now, channel(ORDERED), payload("never heard")).unwrap();
    pair.client.session.close(pair.now, "bye");
    assert!(pair.client.session.poll_timeout().is_some());
    pair.client.session.handle_control_lost(pair.now, ControlLoss::Broken);
    assert_eq!(pair.client.packets(pair.now).len(), 1, "UDP says what TCP cannot");
    assert!(pair.client.session.is_over());
    assert_eq!(pair.client.session.poll_timeout(), None);
}

#[test]
fn nothing_is_told_after_the_end() {
    let mut pair = Pair::joined();
    pair.client.session.close(pair.now, "bye");
    pair.client.events();
    pair.server.session.send(pair.now, channel(COMMAND), payload("late")).unwrap();
    pair.server.session.request(pair.now, 0, payload("?"), Duration::from_secs(1)).unwrap();
    let now = pair.now;
    Pair::pipe(now, &mut pair.server.session, &mut pair.client.session);
    pair.client.session.handle_control(now, b"\x00\x02\x43\x01");
    assert_eq!(pair.client.events(), []);
    assert!(pair.client.take(now, COMMAND).is_empty());
}

#[test]
fn an_abandoned_session_is_told_on_both_planes() {
    let mut pair = Pair::joined();
    pair.client.session.abandon(pair.now);
    let packets = pair.client.packets(pair.now);
    assert_eq!(packets.len(), 1);
    pair.server.hear(pair.now, pair.client.address, &packets[0]).unwrap();
    assert_eq!(pair.server.left(), Some(CloseReason::Dropped));
    let mut bytes = Vec::new();
    assert!(pair.client.session.poll_control(pair.now, &mut bytes));
    assert!(pair.client.session.control_is_finished());
}

#[test]
fn a_peer_that_never_takes_is_sent_no_more_than_its_credit() {
    let mut pair = Pair::joined();
    let mut queued = 0;
    while pair.client.session.send(pair.now, channel(ORDERED), vec![0; 1_000].into()).is_ok() {
        pair.client.session.flush(pair.now);
        pair.settle();
        pair.pass(Duration::from_millis(21));
        queued += 1;
    }
    let arrived = pair.server.take(pair.now, ORDERED).len();
    let cost = 1_000 + limits::MESSAGE_COST;
    // At the start a channel holds credit for two of its longest messages.
    assert_eq!(arrived, 2 * ((1 << 20) + limits::MESSAGE_COST) / cost);
    pair.client.events();
    let mut taken = arrived;
    for _ in 0..200 {
        pair.pass(Duration::from_millis(21));
        taken += pair.server.take(pair.now, ORDERED).len();
    }
    assert!(pair.client.events().contains(&Event::Writable));
    assert_eq!(taken, queued);
}

#[test]
fn channels_without_credit_are_granted_none() {
    let mut pair = Pair::joined();
    for _ in 0..1_000 {
        for id in [SEQUENCED, UNRELIABLE] {
            pair.client.session.send(pair.now, channel(id), vec![0; 1_000].into()).unwrap();
        }
        pair.client.session.flush(pair.now);
        pair.pass(Duration::from_millis(21));
        pair.server.take(pair.now, SEQUENCED);
        pair.server.take(pair.now, UNRELIABLE);
    }
    assert_eq!(pair.client.left(), None);
}

#[test]
fn a_silent_peer_times_out_after_ten_seconds() {
    let mut pair = Pair::joined();
    pair.now += limits::IDLE_TIMEOUT - Duration::from_millis(1);
    pair.client.session.handle_timeout(pair.now);
    assert_eq!(pair.client.left(), None);
    pair.now += Duration::from_millis(1);
    pair.client.session.handle_timeout(pair.now);
    assert_eq!(pair.client.left(), Some(CloseReason::TimedOut));
}

#[test]
fn an_idle_session_lives_and_says_little() {
    let mut pair = Pair::joined();
    for _ in 0..6_000 {
        pair.pass(Duration::from_millis(100));
    }
    assert_eq!(pair.client.left(), None);
    assert_eq!(pair.server.left(), None);
    assert_eq!(pair.client.session.planes(), Planes::Both);
    let sent = pair.client.session.stats().packets_sent;
    assert!(sent < 600, "{sent} packets in ten quiet minutes");
}

#[test]
fn a_close_that_is_heard_ends_the_session_once() {
    let mut pair = Pair::joined();
    let close = Frame::Close(Close { code: CloseCode::Application, text: "over" });
    pair.server.hear_frames(pair.now, pair.client.address, 500, &[close]);
    assert_eq!(pair.server.left(), Some(CloseReason::Closed { text: "over".into() }));
    let (now, from) = (pair.now, pair.client.address);
    let arrival = Arrival { number: PacketNumber(501), ..arrival(now, from) };
    let more = pair.server.session.handle_packet(now, &arrival, &[1]);
    assert_eq!(more, Err(DropReason::Closed));
}

#[test]
fn keys_move_on_without_anybody_noticing() {
    let mut pair = Pair::joined();
    for _ in 0..600 {
        for id in [ORDERED, UNRELIABLE] {
            pair.client.session.send(pair.now, channel(id), payload("tick")).unwrap();
            pair.server.session.send(pair.now, channel(id), payload("tock")).unwrap();
        }
        pair.client.session.flush(pair.now);
        pair.server.session.flush(pair.now);
        pair.pass(Duration::from_millis(16));
        assert_eq!(pair.server.take(pair.now, UNRELIABLE).len(), 1);
        assert_eq!(pair.client.take(pair.now, ORDERED).len(), 1);
    }
    let stats = pair.client.session.stats();
    assert!(stats.key_updates_sent >= 10, "{}", stats.key_updates_sent);
    assert_eq!(stats.key_updates_sent, pair.server.session.stats().key_updates_received);
}

#[test]
fn what_is_withdrawn_gives_its_credit_back_and_is_a_violation_where_nothing_may_lack() {
    let end = |id, sequence, total| {
        Frame::Fragment(biplane_wire::Fragment {
            channel: channel(id),
            sequence,
            offset: total,
            total,
            after: None,
            clock: None,
            delimited: true,
            payload: b"",
        })
    };
    let mut pair = Pair::joined();
    let stats = |pair: &Pair| {
        let stats = pair.server.session.stats();
        (stats.untaken_messages, stats.untaken_bytes)
    };
    for sequence in 0..10 {
        let frames = [end(UNORDERED, sequence, 1_000_000)];
        pair.server.hear_frames(pair.now, pair.client.address, 500 + u64::from(sequence), &frames);
        assert_eq!(stats(&pair), (0, 0), "{sequence}");
    }
    assert_eq!(pair.server.left(), None, "ten times the credit was used and given back");
    for id in [ORDERED, SEQUENCED, UNRELIABLE] {
        let mut pair = Pair::joined();
        pair.server.hear_frames(pair.now, pair.client.address, 500, &[end(id, 0, 1_000)]);
        let wrong = Violation::WrongFrame(channel(id));
        assert_eq!(pair.server.left(), Some(CloseReason::Violation(wrong)), "channel {id}");
    }
}
