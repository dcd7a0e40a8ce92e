//! What a session is told when it begins.

use core::{num::NonZeroU8, time::Duration};
use std::net::SocketAddr;

use biplane_wire::{
    ChannelKind, ControlNumber, PacketNumber, Parameters, RequestId, SequenceNumber,
};

use crate::{Agreement, limits};

/// Which side of a session this is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// It connected.
    Client,
    /// It accepted.
    Server,
}

/// One channel of the protocol, as this side uses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChannelConfig {
    /// What its messages are promised.
    pub kind: ChannelKind,
    /// Whether delivery notices may be asked for.
    pub notify: bool,
    /// The longest message, in bytes.
    pub max_message: u32,
    /// After how long a message is dropped and counted that has not left or, on a
    /// `reliable_unordered` channel, would go again; `None` never.
    pub lifetime: Option<Duration>,
    /// Channels of a higher priority go first into every packet.
    pub priority: u8,
    /// Among channels of equal priority that have more to send than can leave, each has this share
    /// of the bytes. Default 1.
    pub weight: NonZeroU8,
    /// After how long a reliable message of a data channel that is not acknowledged goes over the
    /// control connection too, counted from when it was sent; `None` never. Other kinds ignore it.
    pub escalate_after: Option<Duration>,
}

impl ChannelConfig {
    /// A channel of this kind without any option, whose messages have at most so many bytes.
    #[must_use]
    pub const fn new(kind: ChannelKind, max_message: u32) -> Self {
        Self {
            kind,
            notify: false,
            max_message,
            lifetime: None,
            priority: 0,
            weight: NonZeroU8::MIN,
            escalate_after: None,
        }
    }
}

/// What this side decides for its sessions; what the peer decides stands in its parameters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionConfig {
    /// How long a message may wait for company before it leaves. 0 to 20 ms, default 1 ms.
    pub max_send_delay: Duration,
    /// RTT assumed before the first sample. Default: 100 ms.
    pub initial_rtt: Duration,
    /// Packets after which a send key is left for the next: at most, and by default, 2²².
    pub key_packets: u64,
    /// What decides how much is in flight. Default: the delay-aware one.
    pub congestion: Congestion,
    /// How long a session lives without a control connection, for another to take its place. 0 (it
    /// ends with the connection) to 10 minutes, default 30 s.
    pub grace: Duration,
    /// Which planes it may fly on. Default: whichever work.
    pub planes: PlaneMode,
    /// The longest datagram that this side sends, in bytes of UDP payload, if the peer accepts it and
    /// the path carries it. 1,200 to [`limits::DATAGRAM_LARGEST`], default 1,452.
    pub max_datagram: usize,
    /// After how much quiet a client says on a plane that it is there; a server says so after a tenth
    /// more, and 25 s at the most, so that its client is always first. 1 to 25 s, default 3 s.
    pub keep_alive: Duration,
}

impl SessionConfig {
    /// Writes down for the peer after how much quiet this side says that it is there, and after how
    /// much silence it gives TCP up: three times what a side waits with this setting, and 10 s at
    /// least.
    pub fn announce_quiet(&self, role: Role, parameters: &mut Parameters) {
        let (least, most) = limits::KEEP_ALIVE_RANGE;
        let wanted = self.keep_alive.clamp(least, most);
        let server = (wanted + wanted / 10).min(most);
        let own = match role {
            Role::Client => server * 10 / 11,
            Role::Server => server,
        };
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        parameters.keep_alive_ms = ms(own);
        parameters.idle_timeout_ms = ms(limits::IDLE_TIMEOUT.max(3 * server));
    }
}

/// Which planes a side lets a session fly on.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PlaneMode {
    /// Both, and either alone while the other does not work.
    #[default]
    Auto,
    /// TCP alone: this side sends no datagram, and so the other finds none answered. For networks
    /// that forbid UDP, and for tests.
    ForceControl,
    /// Both, or UDP alone for a while: the session ends with
    /// [`CloseReason::DataPlaneLost`](crate::CloseReason::DataPlaneLost) where UDP is not up within
    /// the time of a join, or ceases to work, in either direction.
    RequireData,
}

/// A congestion controller.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "all that there are")]
pub enum Congestion {
    /// Keeps packets from waiting for more than some 30 ms, unless others fill the queue anyway.
    #[default]
    DelayAware,
    /// RFC 9438.
    Cubic,
    /// RFC 9002, section 7.
    NewReno,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            max_send_delay: limits::MAX_SEND_DELAY,
            initial_rtt: limits::INITIAL_RTT,
            key_packets: limits::KEY_PACKETS,
            congestion: Congestion::default(),
            grace: limits::GRACE,
            planes: PlaneMode::default(),
            max_datagram: limits::DATAGRAM,
            keep_alive: limits::KEEP_ALIVE,
        }
    }
}

/// Where a session's counters begin, beside its packet numbers; the same at both ends.
///
/// All are 0 in production. Tests begin beside every place where a counter, or what travels of it,
/// could wrap.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FirstNumbers {
    /// The first message of every data channel.
    pub sequence: SequenceNumber,
    /// The first numbered control record.
    pub control: ControlNumber,
    /// The first request.
    pub request: RequestId,
    /// What had been granted and used of every channel's credit, in bytes.
    pub credit: u64,
}

/// Everything a session is made from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which side this is.
    pub role: Role,
    /// What the two sides agreed on.
    pub agreement: Agreement,
    /// From the TLS exporter: label `EXPORTER-biplane-1`, context [`Agreement::context`].
    pub secret: [u8; 32],
    /// The channels, in the order of the description.
    pub channels: Vec<ChannelConfig>,
    /// How many kinds of request the description names.
    pub requests: usize,
    /// This side's own decisions.
    pub config: SessionConfig,
    /// Where all its randomness comes from; from a cryptographic generator in production.
    pub seed: [u8; 32],
    /// The number of the first packet in either direction, so both sides' must be equal; 0 in
    /// production.
    pub first_packet: PacketNumber,
    /// Where packets go: known to the client from the start, to the server by the first packet.
    pub remote: Option<SocketAddr>,
    /// What the TCP and TLS handshake showed of the round trip.
    pub handshake_rtt: Duration,
}
