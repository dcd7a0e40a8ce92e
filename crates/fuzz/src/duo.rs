//! Two live sessions, made by the real handshake and joined over a path without seals.
//!
//! Whatever comes out of a session is read back, and whatever goes in is followed by the checks that
//! hold for every session.

mod side;

use std::{net::SocketAddr, sync::LazyLock, time::Duration, time::Instant};

use biplane_proto::{
    Accepting, Agreement, ChannelConfig, Dialing, Role, Session, SessionConfig, Setup, digest,
    limits,
};
use biplane_wire::{
    Aead, ChannelDescription, ChannelId, ChannelKind, Description, PacketNumber, Parameters,
    ReceiveId,
};
use bytes::Bytes;

pub(crate) use self::side::{Packet, Side};
use crate::memory;

/// A channel of each kind, in the order of their names.
pub(crate) const COMMAND: u8 = 0;
pub(crate) const ORDERED: u8 = 1;
pub(crate) const UNORDERED: u8 = 2;
pub(crate) const SEQUENCED: u8 = 3;
pub(crate) const UNRELIABLE: u8 = 4;

const KINDS: [(&str, ChannelKind, u32); 5] = [
    ("command", ChannelKind::Command, 4_000),
    ("ordered", ChannelKind::ReliableOrdered, RELIABLE_MESSAGE),
    ("reliable", ChannelKind::ReliableUnordered, RELIABLE_MESSAGE),
    ("sequenced", ChannelKind::Sequenced, 16_384),
    ("unreliable", ChannelKind::Unreliable, 16_384),
];

/// What a server that gives names calls the session.
pub(crate) const NAME: [u8; 16] = *b"a session's name";
/// Credit at the start: little, so that short inputs use it up.
const CREDIT: u64 = 8 * 1024;
/// That of a reliable data channel, which is never less than twice the cost of its longest message.
pub(crate) const RELIABLE_CREDIT: usize = 2 * (RELIABLE_MESSAGE as usize + limits::MESSAGE_COST);
const RELIABLE_MESSAGE: u32 = 16_384;

/// What the two sides say of themselves, and what they agreed on.
static AGREEMENTS: LazyLock<[Agreement; 2]> = LazyLock::new(agree);
/// When every session begins: nothing else reads a clock.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A client's and a server's session.
#[derive(Debug)]
pub(crate) struct Duo {
    pub(crate) now: Instant,
    /// The client and the server.
    pub(crate) sides: [Side; 2],
    /// What this thread held before the sessions began.
    before: isize,
}

pub(crate) fn channel(id: u8) -> ChannelId {
    ChannelId::new(id).expect("a channel's id")
}

/// What both sides speak.
pub(crate) fn description() -> Description {
    let channels = KINDS.map(|(name, kind, max_message)| ChannelDescription {
        name: name.into(),
        kind,
        notify: false,
        max_message,
    });
    Description {
        application: "fuzz".into(),
        version: 1,
        channels: channels.to_vec(),
        requests: vec!["ask".into(), "tell".into()],
    }
}

/// What a side says of itself.
pub(crate) fn parameters(receive_id: u32) -> Parameters {
    let mut parameters = Parameters::new(ReceiveId(receive_id));
    parameters.initial_credit = CREDIT;
    parameters
}

/// A client before the answer.
pub(crate) fn dialing() -> Dialing {
    let aeads = vec![Aead::ChaCha20Poly1305, Aead::Aes128Gcm];
    Dialing::new(description(), aeads, parameters(1))
}

fn agree() -> [Agreement; 2] {
    let client = dialing();
    let here = description();
    let hello = client.hello().to_vec();
    let accepting = Accepting::new(&here, &digest(&here), hello).expect("an honest hello");
    let welcome = accepting.welcome(&[Aead::Aes128Gcm], parameters(2));
    let (answer, server) = welcome.expect("an AEAD in common");
    [client.handle_answer(&answer).expect("an honest answer"), server]
}

pub(crate) fn address(side: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], if side == 0 { 1_001 } else { 1_002 }))
}

/// Whether what became of a message of this channel can be asked.
pub(crate) const fn offers_notices(id: u8) -> bool {
    matches!(id, COMMAND | UNORDERED | SEQUENCED)
}

fn begin(now: Instant, side: usize, agreement: &Agreement) -> Session {
    // A hello compares the description alone: sessions may offer more.
    let channels = [0, 1, 2, 3, 4].map(|id| {
        let (_, kind, max_message) = KINDS[usize::from(id)];
        ChannelConfig {
            notify: offers_notices(id),
            escalate_after: (id == UNORDERED).then_some(Duration::from_millis(200)),
            ..ChannelConfig::new(kind, max_message)
        }
    });
    let setup = Setup {
        role: if side == 0 { Role::Client } else { Role::Server },
        agreement: agreement.clone(),
        secret: [9; 32],
        channels: channels.to_vec(),
        requests: 2,
        config: SessionConfig { key_packets: 16, ..SessionConfig::default() },
        seed: [if side == 0 { 3 } else { 4 }; 32],
        first_packet: PacketNumber(0),
        remote: (side == 0).then(|| address(1)),
        handshake_rtt: Duration::from_millis(1),
    };
    Session::new(now, setup)
}

/// What one session may hold: the caps of its queues, and the slots of its lists.
fn cap() -> usize {
    let reliable = RELIABLE_CREDIT
        + limits::SEND_QUEUE_BYTES
        // The places of messages ahead of a missing one.
        + 2 * limits::SEND_QUEUE_MESSAGES * 2 * 40;
    let fresh = limits::RECEIVE_QUEUE_BYTES + limits::SEND_QUEUE_BYTES;
    let control = limits::CONTROL_QUEUE_BYTES + limits::CALLS_BYTES + 3 * limits::CONTROL_MESSAGE;
    2 * reliable + 2 * fresh + limits::FRESH_PARTIAL_BYTES + control + (1 << 20)
}

impl Duo {
    /// Two sessions that have not heard of each other.
    pub(crate) fn new() -> Self {
        Self::of(&AGREEMENTS)
    }

    /// The same, whose server gives the session a name: it outlives its control connection.
    pub(crate) fn named() -> Self {
        let mut agreements = AGREEMENTS.clone();
        agreements[0].peer.session = Some(NAME);
        agreements[1].local.session = Some(NAME);
        Self::of(&agreements)
    }

    fn of(agreements: &[Agreement; 2]) -> Self {
        let (now, before) = (*EPOCH, memory::held());
        let sides = [0, 1].map(|side| Side::new(side, begin(now, side, &agreements[side])));
        Self { now, sides, before }
    }

    /// Two sessions whose UDP paths are proven.
    pub(crate) fn joined() -> Self {
        let mut duo = Self::new();
        while duo.carry() {}
        duo
    }

    /// Carries everything both ways, once; whether there was anything.
    fn carry(&mut self) -> bool {
        self.now += Duration::from_millis(1);
        let mut any = false;
        for from in [0, 1] {
            let (packets, control) = self.drain(from);
            any |= !packets.is_empty() || !control.is_empty();
            for packet in packets {
                self.sides[1 - from].hear(self.now, &packet).expect("an honest packet");
            }
            self.sides[1 - from].hear_control(self.now, &control);
        }
        any
    }

    /// Puts messages, commands and requests of both sides under way.
    pub(crate) fn busy() -> Self {
        let mut duo = Self::joined();
        for side in &mut duo.sides {
            for (id, len) in [(COMMAND, 4_000), (ORDERED, 3_000), (UNORDERED, 100)] {
                for _ in 0..2 {
                    let sent =
                        side.send(duo.now, id, Bytes::from(vec![7; len]), offers_notices(id));
                    sent.expect("a queue with room");
                }
            }
            for kind in 0..2 {
                let payload = Bytes::from_static(b"what?");
                let deadline = Duration::from_secs(1);
                side.session.request(duo.now, kind, payload, deadline).expect("an open session");
            }
            side.session.flush(duo.now);
        }
        duo.drain_all();
        duo
    }

    /// Takes and checks all that a side gives out.
    pub(crate) fn drain(&mut self, side: usize) -> (Vec<Packet>, Vec<u8>) {
        let outputs = self.sides[side].drain(self.now);
        self.check_memory();
        outputs
    }

    /// Takes and checks all that both sides give out, and lets it go.
    pub(crate) fn drain_all(&mut self) {
        for side in [0, 1] {
            drop(self.drain(side));
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, span: Duration) {
        self.now += span;
        for side in &mut self.sides {
            side.session.handle_timeout(self.now);
        }
    }

    /// Bytes that the sessions hold, and the target since they began.
    pub(crate) fn held(&self) -> usize {
        usize::try_from(memory::held() - self.before).unwrap_or(0)
    }

    fn check_memory(&self) {
        let held = self.held();
        assert!(held <= 2 * cap(), "two sessions hold {held} bytes, {} allowed", 2 * cap());
    }

    /// Ends both sessions and asserts that they do end.
    pub(crate) fn finish(mut self) {
        for side in &mut self.sides {
            side.session.abandon(self.now);
        }
        self.drain_all();
        for side in [0, 1] {
            self.sides[side].check_told();
        }
        self.wait(2 * limits::CLOSE_LINGER);
        self.wait(2 * limits::CLOSE_LINGER);
        self.drain_all();
        for side in &self.sides {
            assert!(side.session.is_over(), "a session that never ends");
            assert_eq!(side.session.poll_timeout(), None, "a session that is over has a timer");
        }
    }
}
