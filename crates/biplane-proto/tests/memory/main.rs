//! What a session holds of a peer that plays foul, in bytes of the allocator; and that it asks for
//! none once it has found its stride.

#![cfg(test)]

mod counting;
mod steady;

use std::{net::SocketAddr, time::Duration, time::Instant};

use biplane_proto::{
    Agreement, Arrival, ChannelConfig, Event, KeyEpoch, Path, Role, SendError, Session,
    SessionConfig, Setup, limits,
};
use biplane_wire::{
    Aead, ChannelId, ChannelKind, Fragment, Frame, KeyPhase, Message, PacketNumber, Parameters,
    ReceiveId,
};
use bytes::Bytes;
use counting::held;

const COMMAND: u8 = 0;
const ORDERED: u8 = 1;
const UNORDERED: u8 = 2;
const SEQUENCED: u8 = 3;
const UNRELIABLE: u8 = 4;

/// What slots, nodes and spare capacity may add to the bytes that are capped.
const SLACK: usize = 192 * 1024;

fn channel(id: u8) -> ChannelId {
    ChannelId::new(id).unwrap()
}

/// A side of a session with a channel of each kind; a client sends to `remote`.
fn setup(role: Role, remote: Option<SocketAddr>) -> Setup {
    let kinds = [
        ChannelKind::Command,
        ChannelKind::ReliableOrdered,
        ChannelKind::ReliableUnordered,
        ChannelKind::Sequenced,
        ChannelKind::Unreliable,
    ];
    let channels = kinds.map(|kind| ChannelConfig::new(kind, 16_384));
    let ids = if role == Role::Server { [1, 2] } else { [2, 1] };
    let [local, peer] = ids.map(|id| {
        let mut parameters = Parameters::new(ReceiveId(id));
        parameters.initial_credit = limits::CHANNEL_CREDIT;
        let role = if id == 1 { Role::Server } else { Role::Client };
        SessionConfig::default().announce_quiet(role, &mut parameters);
        parameters
    });
    Setup {
        role,
        agreement: Agreement { context: [0; 32], aead: Aead::Aes128Gcm, local, peer },
        secret: [1; 32],
        channels: channels.to_vec(),
        requests: 1,
        config: SessionConfig::default(),
        seed: [2; 32],
        first_packet: PacketNumber(0),
        remote,
        handshake_rtt: Duration::from_millis(1),
    }
}

/// A server's session whose client's packets are made by hand.
struct Victim {
    now: Instant,
    session: Session,
    number: u64,
    before: isize,
}

impl Victim {
    fn new() -> Self {
        let now = Instant::now();
        let before = held();
        let session = Session::new(now, setup(Role::Server, None));
        Self { now, session, number: 0, before }
    }

    fn hear(&mut self, frame: &Frame<'_>) {
        let mut plaintext = Vec::new();
        frame.encode(&mut plaintext);
        let arrival = Arrival {
            received_at: self.now,
            path: Path { remote: SocketAddr::from(([127, 0, 0, 1], 1)), local: None },
            number: PacketNumber(self.number),
            epoch: KeyEpoch(0),
            phase: KeyPhase::FIRST,
            ecn: None,
        };
        self.number += 1;
        self.session.handle_packet(self.now, &arrival, &plaintext).unwrap();
        self.now += Duration::from_micros(100);
    }

    /// The first kilobyte of message `sequence`, 16 KiB long by its own word.
    fn hear_first_piece(&mut self, id: u8, sequence: u32) {
        self.hear(&Frame::Fragment(Fragment {
            channel: channel(id),
            sequence,
            offset: 0,
            total: 16_384,
            after: None,
            clock: None,
            delimited: false,
            payload: &[7; 1_024],
        }));
    }

    fn hear_message(&mut self, id: u8, sequence: Option<u32>) {
        self.hear(&Frame::Message(Message {
            channel: channel(id),
            sequence,
            after: None,
            clock: None,
            delimited: false,
            payload: &[7; 100],
        }));
    }

    /// Asserts that the session holds no more than `cap` bytes and some slack.
    fn assert_holds(&self, cap: usize) {
        let held = usize::try_from(held() - self.before).unwrap();
        assert!(held <= cap + SLACK, "{held} bytes held, {cap} allowed");
    }

    fn has_left(&mut self) -> bool {
        core::iter::from_fn(|| self.session.poll_event())
            .any(|event| matches!(event, Event::Left(_)))
    }
}

#[test]
fn first_pieces_of_ten_thousand_messages_stay_within_the_cap_of_a_session() {
    let mut victim = Victim::new();
    for sequence in 0..10_000 {
        victim.hear_first_piece(UNRELIABLE, sequence);
        victim.hear_first_piece(SEQUENCED, sequence);
        victim.assert_holds(limits::FRESH_PARTIAL_BYTES);
    }
    assert!(!victim.has_left());
}

#[test]
fn first_pieces_of_reliable_messages_hold_what_came_and_end_with_the_credit() {
    let mut victim = Victim::new();
    let messages =
        usize::try_from(limits::CHANNEL_CREDIT).unwrap() / (16_384 + limits::MESSAGE_COST);
    for sequence in 0..u32::try_from(messages).unwrap() {
        victim.hear_first_piece(ORDERED, sequence);
        victim.hear_first_piece(UNORDERED, sequence);
    }
    victim.assert_holds(2 * messages * 1_024);
    assert!(!victim.has_left());
    victim.hear_first_piece(ORDERED, u32::try_from(messages).unwrap());
    assert!(victim.has_left(), "one more than the credit covers");
}

#[test]
fn an_application_that_never_takes_holds_no_more_than_its_queues() {
    let mut victim = Victim::new();
    for sequence in 0..50_000 {
        victim.hear_message(UNRELIABLE, None);
        victim.hear_message(SEQUENCED, Some(sequence & 0x00ff_ffff));
    }
    victim.assert_holds(2 * limits::RECEIVE_QUEUE_BYTES);
    assert!(!victim.has_left());
}

#[test]
fn a_peer_that_never_reads_makes_us_hold_no_more_than_our_queues() {
    let mut victim = Victim::new();
    let payload = || Bytes::from(vec![7; 1_000]);
    for _ in 0..20_000 {
        for id in [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
            let sent = victim.session.send(victim.now, channel(id), payload());
            assert!(matches!(sent, Ok(()) | Err(SendError::QueueFull)), "{sent:?}");
        }
        victim.session.flush(victim.now);
    }
    victim.assert_holds(4 * limits::SEND_QUEUE_BYTES + limits::CONTROL_QUEUE_BYTES);
}
