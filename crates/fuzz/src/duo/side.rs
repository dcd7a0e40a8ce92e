//! One session, and what holds for it whatever it was given.

use std::{collections::BTreeSet, time::Instant};

use biplane_proto::{
    Agreement, Arrival, Call, CloseReason, ControlLoss, DropReason, Event, KeyEpoch, Path, Reply,
    SendError, SendOptions, Session,
};
use biplane_wire::{
    Close, CloseCode, Frame, Header, KeyPhase, PacketNumber, ReceiveId, Record, limits as wire,
};
use bytes::Bytes;

use super::{COMMAND, address, channel, offers_notices};
use crate::{labels, wires};

/// Outputs after one input that mean that they never end.
const ENDLESS: usize = 100_000;

/// A packet that would have been sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Packet {
    pub(crate) number: PacketNumber,
    pub(crate) phase: KeyPhase,
    pub(crate) plaintext: Vec<u8>,
}

/// A session, what went into it and what it said at its end.
#[derive(Debug)]
pub(crate) struct Side {
    index: usize,
    pub(crate) session: Session,
    /// Under what its packets may go.
    peers: Vec<ReceiveId>,
    /// Packets handed to it.
    heard: u64,
    /// What the application was told last.
    pub(crate) left: Option<CloseReason>,
    /// Its control connection broke.
    lost: bool,
    /// It sent on UDP before the end. Else the peer's address may not be proven, and there may be
    /// nothing left to pay for a packet that says why.
    had_data: bool,
    /// Close codes that left over UDP and over TCP after the end.
    told: [Option<CloseCode>; 2],
    /// Requests of the peer's that the application has not answered.
    pub(crate) calls: Vec<Call>,
    /// Tokens of messages whose notices have not come, and the next.
    open: BTreeSet<u64>,
    next_token: u64,
}

impl Side {
    pub(super) fn new(index: usize, session: Session) -> Self {
        Self {
            index,
            session,
            peers: vec![ReceiveId(if index == 0 { 2 } else { 1 })],
            heard: 0,
            left: None,
            lost: false,
            had_data: false,
            told: [None; 2],
            calls: Vec::new(),
            open: BTreeSet::new(),
            next_token: 0,
        }
    }

    /// Sends a message, with a token or after all commands where that is offered.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        id: u8,
        payload: Bytes,
        asks: bool,
    ) -> Result<(), SendError> {
        let notice = (asks && offers_notices(id)).then_some(self.next_token);
        let after_commands = asks && id != COMMAND;
        let how = SendOptions { notice, after_commands };
        self.session.send_with(now, channel(id), payload, how)?;
        if let Some(token) = notice {
            self.open.insert(token);
            self.next_token += 1;
        }
        self.check();
        Ok(())
    }

    /// Takes in a packet of the peer's.
    pub(crate) fn hear(&mut self, now: Instant, packet: &Packet) -> Result<(), DropReason> {
        self.hear_from(now, packet, 0)
    }

    /// Takes in a packet from `ports` above the peer's.
    pub(crate) fn hear_from(
        &mut self,
        now: Instant,
        packet: &Packet,
        ports: u16,
    ) -> Result<(), DropReason> {
        let mut remote = address(1 - self.index);
        remote.set_port(remote.port() + ports);
        let path = Path { remote, local: None };
        let Packet { number, phase, .. } = *packet;
        let arrival =
            Arrival { received_at: now, path, number, epoch: KeyEpoch(0), phase, ecn: None };
        let over = self.left.is_some() && !self.session_drains();
        let outcome = self.session.handle_packet(now, &arrival, &packet.plaintext);
        self.heard += 1;
        if over {
            assert_eq!(outcome, Err(DropReason::Closed));
        }
        let stats = self.session.stats();
        assert_eq!(stats.packets_received + stats.drops.total(), self.heard);
        self.check();
        outcome
    }

    /// Takes in bytes of the control connection.
    pub(crate) fn hear_control(&mut self, now: Instant, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.session.handle_control(now, bytes);
            self.check();
        }
    }

    /// The control connection breaks.
    pub(crate) fn lose_control(&mut self, now: Instant) {
        self.lost = true;
        self.session.handle_control_lost(now, ControlLoss::Broken);
        self.check();
    }

    /// Goes on over another control connection; whether there is a session to go on with.
    pub(crate) fn resume(&mut self, now: Instant, agreement: &Agreement) -> bool {
        let resumed = self.session.resume(now, agreement, &agreement.context).is_some();
        if resumed {
            self.lost = false;
            self.peers.push(agreement.peer.receive_id);
        }
        self.check();
        resumed
    }

    /// Whether the application closed the session, so that it still takes in acks.
    const fn session_drains(&self) -> bool {
        matches!(self.left, Some(CloseReason::ClosedHere { .. }))
    }

    /// Takes events, and asserts what holds after any input.
    fn check(&mut self) {
        while let Some(event) = self.session.poll_event() {
            assert_eq!(self.left, None, "{event:?} after the last event");
            match event {
                Event::Left(reason) => self.on_left(reason),
                Event::Called(call) => self.calls.push(call),
                Event::Noted(token, notice) => {
                    labels::note(|| format!("notice {notice:?}"));
                    assert!(self.open.remove(&token), "a second notice, or one nobody asked for");
                }
                _ => {}
            }
        }
        while let Some((answered, told)) = self.session.poll_answer() {
            self.session.on_answer_told(told);
            labels::note(|| match answered.outcome {
                Ok(_) => "answered".into(),
                Err(error) => format!("answer {}", labels::first_word(&error)),
            });
        }
        if self.left.is_none() {
            self.had_data = self.session.planes().has_data();
        }
        assert_eq!(self.session.close_reason(), self.left.as_ref());
        assert_eq!(self.session.is_closed(), self.left.is_some());
    }

    fn on_left(&mut self, reason: CloseReason) {
        assert!(self.open.is_empty(), "notices that never came: {:?}", self.open);
        match &reason {
            CloseReason::Violation(violation) => labels::broken(*violation),
            other => labels::note(|| format!("left: {}", other.name())),
        }
        self.left = Some(reason);
    }

    /// Answers a request of the peer's, one way or another.
    pub(crate) fn reply(&mut self, now: Instant) {
        let Some(call) = self.calls.pop() else { return };
        let reply = match call.id.0 % 3 {
            0 => Reply::Answer(call.payload),
            1 => Reply::Refuse("no".into()),
            _ => Reply::Unanswered,
        };
        // A full queue or a session that is over refuses; both are its right.
        self.session.reply(now, call.id, reply).ok();
    }

    /// Takes what a channel has.
    pub(crate) fn take(&mut self, now: Instant, id: u8) -> Vec<Bytes> {
        let taken = std::iter::from_fn(|| self.session.take(now, channel(id))).collect();
        assert_eq!(self.session.readable() & 1 << id, 0);
        taken
    }

    /// Takes and checks all that the session gives out.
    pub(super) fn drain(&mut self, now: Instant) -> (Vec<Packet>, Vec<u8>) {
        self.check();
        let packets = self.packets(now);
        let control = self.control(now);
        while self.session.poll_key().is_some() {}
        self.check();
        (packets, control)
    }

    fn packets(&mut self, now: Instant) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut out = Vec::new();
        while let Some(transmit) = self.session.poll_packet(now, &mut out) {
            assert_eq!(transmit.len, out.len());
            assert!((wire::PACKET_MIN..=self.session.longest_datagram()).contains(&out.len()));
            let number = transmit.job.number();
            let (header, rest) = Header::decode(&out).expect("a packet");
            assert!(self.peers.contains(&header.receive_id));
            assert_eq!(header, Header::data(transmit.job.phase(), header.receive_id, number));
            let plaintext = rest[..rest.len() - wire::TAG].to_vec();
            let error = wires::check_frames(&plaintext, |frame| {
                if let Frame::Close(close) = frame {
                    self.told[0] = Some(close.code);
                }
            });
            assert_eq!(error, None);
            packets.push(Packet { number, phase: header.phase, plaintext });
            assert!(packets.len() < ENDLESS, "packets without end");
            out.clear();
        }
        packets
    }

    fn control(&mut self, now: Instant) -> Vec<u8> {
        let mut out = Vec::new();
        while self.session.poll_control(now, &mut out) {
            assert!(out.len() < ENDLESS * 100, "control bytes without end");
        }
        let mut rest = &out[..];
        while let Some((record, len)) = Record::decode(rest).expect("a record") {
            wires::check_record(&record, &rest[..len]);
            if let Record::Frame(Frame::Close(Close { code, .. })) = record {
                self.told[1] = Some(code);
            }
            rest = &rest[len..];
        }
        assert_eq!(rest, b"", "a record without its end");
        out
    }

    /// Asserts that a peer that broke a rule was told so on both planes.
    pub(super) fn check_told(&self) {
        if let Some(CloseReason::Violation(_)) = self.left {
            let [packet, record] = self.told;
            assert!(!self.had_data || packet == Some(CloseCode::Violation));
            assert!(self.lost || record == Some(CloseCode::Violation));
        }
    }
}
