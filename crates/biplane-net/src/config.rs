//! What an endpoint is told when it opens, listens or connects.

use core::{any::Any, fmt, future::Future, pin::Pin as Pinned, time::Duration};
use std::{net::SocketAddr, sync::Arc};

use biplane_proto::{ChannelConfig, PlaneMode, SessionConfig};
use biplane_wire::{ChannelKind, Description, PacketNumber};

use crate::{BindError, Identity, Link, SpecError, limits};

/// Settings of every endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointConfig {
    /// Threads that receive. 1 to 64; default 1, and 2 on a machine of four cores or more.
    pub receivers: usize,
    /// Threads that send. 1 to 64; default 1, and 2 on a machine of four cores or more.
    pub senders: usize,
    /// Bytes asked of the system for datagrams that wait to be read. 4 KiB to 1 GiB, default 8 MiB.
    /// What it grants stands in [`crate::EndpointStats::recv_buffer_bytes`].
    pub receive_buffer: usize,
    /// Bytes asked of the system for datagrams that wait to be sent. 4 KiB to 1 GiB, default 4 MiB.
    pub send_buffer: usize,
    /// On which threads receivers and senders work.
    pub threading: Threading,
    /// What each session is told.
    pub session: SessionConfig,
    /// The number of each session's first packet, in either direction, so both sides' must be
    /// equal. A setting for tests, which begin where numbers end; default 0.
    pub first_packet: PacketNumber,
}

/// On which threads an endpoint receives, sends and sees to its timers. The control plane always has
/// one of its own.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Threading {
    /// Each receiver and each sender has a thread. One of the application's that blocks until something
    /// comes receives in their place, while it keeps up.
    #[default]
    Dedicated,
    /// As many threads as there are receivers, each of which receives and sends by turns.
    Shared,
    /// The application's own: where it takes events or messages, waits or flushes. While it does not
    /// for 50 ms, the control thread stands in every 50 ms. One receiver and one sender, whatever
    /// the settings say.
    Inline,
}

impl EndpointConfig {
    /// How many receivers, and how many senders, there are in fact.
    pub(crate) const fn workers(&self) -> (usize, usize) {
        match self.threading {
            Threading::Dedicated => (self.receivers, self.senders),
            Threading::Shared => (self.receivers, self.receivers),
            Threading::Inline => (1, 1),
        }
    }
}

impl Default for EndpointConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = workers_for(cores);
        Self { receivers: workers, senders: workers, ..Self::single() }
    }
}

impl EndpointConfig {
    /// For an endpoint of one session: one thread to receive and one to send, else the defaults.
    #[must_use]
    pub fn single() -> Self {
        Self {
            receivers: 1,
            senders: 1,
            receive_buffer: limits::RECEIVE_BUFFER,
            send_buffer: limits::SEND_BUFFER,
            threading: Threading::default(),
            session: SessionConfig::default(),
            first_packet: PacketNumber(0),
        }
    }

    pub(crate) fn check(&self) -> Result<(), BindError> {
        within("receivers", self.receivers, (1, limits::WORKERS))?;
        within("senders", self.senders, (1, limits::WORKERS))?;
        let buffers = (limits::SOCKET_BUFFER_MIN, limits::SOCKET_BUFFER_MAX);
        within("receive_buffer", self.receive_buffer, buffers)?;
        within("send_buffer", self.send_buffer, buffers)?;
        let datagrams = (limits::DATAGRAM_MIN, limits::DATAGRAM_LARGEST);
        within("max_datagram", self.session.max_datagram, datagrams)
    }
}

/// Half of the cores receive and half send; a machine of two has other things to do too.
fn workers_for(cores: usize) -> usize {
    (cores / 2).clamp(1, limits::WORKERS_BY_DEFAULT)
}

fn within(
    name: &'static str,
    value: usize,
    (lowest, highest): (usize, usize),
) -> Result<(), BindError> {
    if (lowest..=highest).contains(&value) {
        Ok(())
    } else {
        Err(BindError::Setting { name, value, lowest, highest })
    }
}

/// An application's protocol: what is compared, and how this side uses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProtocolSpec {
    /// What both sides must have alike.
    pub description: Description,
    /// Its channels, in the description's order.
    pub channels: Vec<ChannelConfig>,
}

impl ProtocolSpec {
    /// Whether its two halves fit, and its channels' messages their kinds.
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        let described = &self.description.channels;
        if described.len() != self.channels.len() {
            return Err(SpecError::Channels {
                described: described.len(),
                configured: self.channels.len(),
            });
        }
        for (described, configured) in described.iter().zip(&self.channels) {
            let channel = || described.name.as_str().into();
            if (described.kind, described.notify, described.max_message)
                != (configured.kind, configured.notify, configured.max_message)
            {
                return Err(SpecError::Differs { channel: channel() });
            }
            let limit = longest(configured.kind);
            if configured.max_message as usize > limit {
                return Err(SpecError::TooLong {
                    channel: channel(),
                    max_message: configured.max_message,
                    limit,
                });
            }
        }
        Ok(())
    }
}

/// The longest message that a channel of this kind can carry.
const fn longest(kind: ChannelKind) -> usize {
    match kind {
        ChannelKind::Command => limits::CONTROL_MESSAGE,
        ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered => limits::RELIABLE_MESSAGE,
        ChannelKind::Sequenced | ChannelKind::Unreliable => limits::FRESH_MESSAGE,
    }
}

/// Settings of an endpoint that accepts sessions.
#[derive(Clone)]
pub struct ListenConfig {
    /// Those of every endpoint.
    pub endpoint: EndpointConfig,
    /// What is spoken. A client that speaks nothing of what is spoken is told how it differs from
    /// this.
    pub protocol: ProtocolSpec,
    /// What else is spoken: at most 3. [`crate::Slot::protocol`] tells them apart.
    pub also: Vec<ProtocolSpec>,
    /// Who the server is.
    pub identity: Identity,
    /// Who may join.
    pub admission: Admission,
    /// The host that links name, where it is not the address listened on.
    pub public_host: Option<String>,
    /// Sessions at a time; further clients are refused with code 503. 1 to 1,048,576, default in
    /// the facade: 2,000.
    pub max_sessions: usize,
    /// What one who comes may cost before it is admitted.
    pub greeting: GreetingConfig,
}

impl ListenConfig {
    pub(crate) fn check(&self) -> Result<(), BindError> {
        within("max_sessions", self.max_sessions, (1, limits::SESSIONS))?;
        within("also", self.also.len(), (0, limits::PROTOCOLS - 1))?;
        let most = self.greeting.waiting;
        within("unadmitted_per_address", self.greeting.unadmitted_per_address, (1, most))?;
        self.protocols().try_for_each(ProtocolSpec::check)?;
        let mut before: Vec<&Description> = Vec::new();
        for spec in self.protocols() {
            if before.contains(&&spec.description) {
                return Err(SpecError::Twice.into());
            }
            before.push(&spec.description);
        }
        Ok(())
    }

    fn protocols(&self) -> impl Iterator<Item = &ProtocolSpec> {
        core::iter::once(&self.protocol).chain(&self.also)
    }
}

/// Limits on those who come to the TCP port and are not admitted yet. The defaults are the
/// product's; all but one are settings for tests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GreetingConfig {
    /// TLS handshakes computed before everybody else has a turn on the control thread. Default: 64.
    pub handshakes: usize,
    /// Connections that wait for bytes. One more evicts the longest idle of the most crowded /24
    /// (IPv4) or /56 (IPv6). Default: 2,048.
    pub waiting: usize,
    /// Bytes taken from each of them. Default: 16 KiB.
    pub waiting_bytes: usize,
    /// Connections of one address that are not admitted yet; what is above waits its turn, and is
    /// not refused. 1 to `waiting`, default 64.
    pub unadmitted_per_address: usize,
    /// Whether loopback addresses may have any number of them. Default: true.
    pub loopback_exempt: bool,
    /// Clients that the application's admission looks at, at a time; others wait within its deadline.
    /// Default: 1,024.
    pub admissions: usize,
    /// From accepted to the end of the TLS handshake. Default: 5 s.
    pub tls_deadline: Duration,
    /// From there until the hello is whole. Default: 2 s.
    pub hello_deadline: Duration,
    /// For the application's admission, the wait for its turn included. Default: 10 s.
    pub admission_deadline: Duration,
}

impl Default for GreetingConfig {
    fn default() -> Self {
        Self {
            handshakes: limits::HANDSHAKES,
            waiting: limits::WAITING,
            waiting_bytes: limits::WAITING_BYTES,
            unadmitted_per_address: limits::UNADMITTED_PER_ADDRESS,
            loopback_exempt: true,
            admissions: limits::ADMISSIONS,
            tls_deadline: limits::TLS_DEADLINE,
            hello_deadline: limits::HELLO_DEADLINE,
            admission_deadline: limits::ADMISSION_DEADLINE,
        }
    }
}

impl fmt::Debug for ListenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenConfig")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("public_host", &self.public_host)
            .field("also", &self.also.len())
            .field("max_sessions", &self.max_sessions)
            .field("greeting", &self.greeting)
            .finish_non_exhaustive()
    }
}

/// What a client is told to connect.
#[derive(Clone)]
pub struct DialConfig {
    /// Where to, and who must be there.
    pub link: Link,
    /// What is spoken.
    pub protocol: ProtocolSpec,
    /// What the server's admission shall see, at most 4,096 bytes.
    pub credentials: Vec<u8>,
    /// How long the session lives without TCP, if otherwise than [`EndpointConfig::session`] says.
    /// 0 (it ends with TCP) to 10 minutes.
    pub grace: Option<Duration>,
    /// Which planes this side lets the session fly on.
    pub planes: PlaneMode,
    /// The longest datagram that this side sends and accepts in the session, in bytes, if otherwise
    /// than [`EndpointConfig::session`] says. 1,200 to what that says, or 1,452 if that is more.
    pub max_datagram: Option<usize>,
    /// After how much quiet this side says that it is there, if otherwise than
    /// [`EndpointConfig::session`] says. 1 to 25 s.
    pub keep_alive: Option<Duration>,
    /// Who is told how far it has come, if anybody is.
    pub watch: Option<Watch>,
}

impl DialConfig {
    /// What speaks `protocol` with whoever is at `link`; the rest is as usual.
    #[must_use]
    pub const fn new(link: Link, protocol: ProtocolSpec) -> Self {
        Self {
            link,
            protocol,
            credentials: Vec::new(),
            grace: None,
            planes: PlaneMode::Auto,
            max_datagram: None,
            keep_alive: None,
            watch: None,
        }
    }
}

impl fmt::Debug for DialConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialConfig")
            .field("link", &self.link)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// Runs on the control thread with each [`Milestone`] of a dial, in order; it should be short.
pub type Watch = Arc<dyn Fn(Milestone) + Send + Sync>;

/// What a dial has behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Milestone {
    /// The host has these addresses, of the UDP socket's family.
    Found {
        /// In the order in which they are tried.
        addresses: Vec<SocketAddr>,
    },
    /// TCP is there.
    Reached {
        /// The address that answered first.
        address: SocketAddr,
        /// How long that took.
        rtt: Duration,
    },
    /// TLS is there, and the server is the one that the link names.
    Secured,
}

/// A client that asks to join, as admission sees it.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// What it brought; never logged.
    pub credentials: Vec<u8>,
    /// Its TCP address.
    pub remote: SocketAddr,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// What admission says.
#[derive(Clone)]
#[non_exhaustive]
pub enum Decision {
    /// It may join; what is given stays with the session ([`crate::Slot::app`]).
    Admit(Option<Arc<dyn Any + Send + Sync>>),
    /// It may not.
    Refuse {
        /// The application's code.
        code: u16,
        /// Words for a person, at most 256 bytes.
        text: String,
        /// When another try makes sense, if that can be told.
        retry_after: Option<Duration>,
    },
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admit(app) => f.debug_tuple("Admit").field(&app.is_some()).finish(),
            Self::Refuse { code, text, .. } => {
                f.debug_struct("Refuse").field("code", code).field("text", text).finish()
            }
        }
    }
}

/// Decides who may join. Its futures run on the control thread, inside a tokio runtime with I/O and
/// time; 10 s each. One that panics refuses its client.
pub type Admission =
    Arc<dyn Fn(Request) -> Pinned<Box<dyn Future<Output = Decision> + Send>> + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(config: &EndpointConfig) -> String {
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn workers_follow_the_cores() {
        let workers: Vec<_> = [1, 2, 3, 4, 8, 128].map(workers_for).to_vec();
        assert_eq!(workers, [1, 1, 1, 2, 2, 2]);
        assert_eq!(EndpointConfig::default().check().ok(), Some(()));
    }

    #[test]
    fn settings_are_taken_at_their_limits_and_refused_beyond() {
        let with =
            |receivers, senders| EndpointConfig { receivers, senders, ..EndpointConfig::single() };
        for config in [with(1, 64), with(64, 1)] {
            assert!(config.check().is_ok());
        }
        assert_eq!(told(&with(0, 1)), "receivers is 0; it can be 1 to 64");
        assert_eq!(told(&with(1, 65)), "senders is 65; it can be 1 to 64");
        let small = EndpointConfig { receive_buffer: 4_095, ..EndpointConfig::single() };
        assert_eq!(told(&small), "receive_buffer is 4095; it can be 4096 to 1073741824");
        let large = EndpointConfig { send_buffer: (1 << 30) + 1, ..EndpointConfig::single() };
        assert!(told(&large).starts_with("send_buffer is 1073741825"));
    }

    fn spec(kind: ChannelKind, max_message: u32) -> ProtocolSpec {
        let channel = ChannelConfig::new(kind, max_message);
        let described = biplane_wire::ChannelDescription {
            name: "it".into(),
            kind,
            notify: false,
            max_message,
        };
        ProtocolSpec {
            description: Description {
                application: "test".into(),
                version: 1,
                channels: vec![described],
                requests: Vec::new(),
            },
            channels: vec![channel],
        }
    }

    #[test]
    fn a_channel_declares_no_more_than_its_kind_can_carry() {
        for (kind, limit) in [
            (ChannelKind::Command, 262_144),
            (ChannelKind::ReliableOrdered, 4_194_304),
            (ChannelKind::ReliableUnordered, 4_194_304),
            (ChannelKind::Sequenced, 16_384),
            (ChannelKind::Unreliable, 16_384),
        ] {
            assert_eq!(spec(kind, limit).check(), Ok(()));
            let told = spec(kind, limit + 1).check().unwrap_err().to_string();
            let expected =
                format!("channel `it` declares {} bytes; its kind carries {limit}", limit + 1);
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn the_two_halves_of_a_protocol_must_fit() {
        let mut less = spec(ChannelKind::Command, 10);
        less.channels.clear();
        assert_eq!(less.check(), Err(SpecError::Channels { described: 1, configured: 0 }));
        let mut other = spec(ChannelKind::Command, 10);
        other.channels[0].notify = true;
        assert_eq!(other.check(), Err(SpecError::Differs { channel: "it".into() }));
    }
}
