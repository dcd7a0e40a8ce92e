//! What a client of a simulated world is like.

use core::time::Duration;

use biplane_proto::{FirstNumbers, SessionConfig, limits};
use biplane_wire::{Aead, PacketNumber};

use super::ForgerConfig;
use crate::{Access, Canary, Direction, WiresConfig};

/// A client, its session with the server, and what lies between them.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientConfig {
    /// The network between the two.
    pub wires: WiresConfig,
    /// The narrowest places that it shares with others of its machine; its datagrams have their own
    /// else, and its control bytes none.
    pub access: Option<Access>,
    /// What it offers to seal datagrams with, dearest first; the server has all and prefers these.
    pub aeads: Vec<Aead>,
    /// Its control connections in their order, each of which breaks after so many bytes that its
    /// reader has in a direction; the first counts from where the session has begun at both ends.
    /// Those after the last do not.
    pub breaks: Vec<(Direction, u64)>,
    /// Somebody on its path who sends its datagrams again under the addresses of others. Default:
    /// nobody.
    pub forger: Option<ForgerConfig>,
    /// What both sides decide for the session.
    pub session: SessionConfig,
    /// Its end of the session.
    pub client: EndConfig,
    /// The server's end.
    pub server: EndConfig,
}

/// What a clock is like that a session is told the time by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Clock {
    /// It says what time it is.
    #[default]
    True,
    /// Now and then it says the same twice, or goes back by up to 50 ms.
    Falters,
}

/// One end of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EndConfig {
    /// The number of the first packet it sends; the same at both ends. Default: 0.
    pub first_packet: PacketNumber,
    /// The credit that it grants every reliable channel at the start, in bytes. Default:
    /// [`limits::CHANNEL_CREDIT`].
    pub initial_credit: u64,
    /// How late it is woken: a busy machine, a coarse timer. Default: not at all.
    pub lag: Duration,
    /// What its clock is like.
    pub clock: Clock,
    /// By which seed its machine stands still for 100 ms about once a second: nothing is read,
    /// nobody is woken. Default: never.
    pub stalls: Option<u64>,
    /// Where its other counters begin; the same at both ends. Default: 0.
    pub numbers: FirstNumbers,
    /// How many receivers read its datagrams. With more than one, what arrives within a
    /// millisecond is read at once, dealt to them, opened by what was known before, and committed
    /// in an order that the seed decides. Default: 1.
    pub receivers: usize,
    /// Whether somebody on the path records the datagrams it takes in, and sends each of them twice
    /// more, sooner or later; none of these may be taken in. Default: no.
    pub is_replayed: bool,
    /// The fault planted in it.
    pub canary: Option<Canary>,
}

impl Default for EndConfig {
    fn default() -> Self {
        Self {
            first_packet: PacketNumber(0),
            initial_credit: limits::CHANNEL_CREDIT,
            lag: Duration::ZERO,
            clock: Clock::True,
            stalls: None,
            numbers: FirstNumbers::default(),
            receivers: 1,
            is_replayed: false,
            canary: None,
        }
    }
}

impl ClientConfig {
    /// A client behind these wires, without a canary.
    #[must_use]
    pub fn new(wires: WiresConfig) -> Self {
        Self {
            wires,
            access: None,
            aeads: vec![Aead::Aes128Gcm, Aead::ChaCha20Poly1305],
            breaks: Vec::new(),
            forger: None,
            session: SessionConfig::default(),
            client: EndConfig::default(),
            server: EndConfig::default(),
        }
    }
}
