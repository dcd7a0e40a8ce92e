//! What the typed layer stands on: a private trait for an endpoint and one for a session in it, and
//! their implementation over `biplane-net`.
//!
//! No other file names `biplane-net`: a world in virtual time can stand here instead of it.

use core::{any::Any, time::Duration};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Instant,
};

use biplane_net::{
    Announcements, Decision, Endpoint, EndpointConfig, GreetingConfig, ListenConfig, Slot,
};
pub use biplane_net::{
    BindError as SocketError, ConnectError as DialError, ConnectionStats, DatagramStats,
    EndpointStats, Fault, Identity, IdentityError, Link, LinkError, Pin, PinError, SessionCounts,
    SessionId, SpecError, Step, Threading, WorkerStats,
};
pub(crate) use biplane_net::{DialConfig, Milestone, ProtocolSpec, Throttle, Watch, now};
pub(crate) use biplane_net::{IncomingTransfer, OutgoingTransfer, TransferSource};
use biplane_proto::{Content, RequestError, SendError, SendOptions, SessionConfig};
use biplane_wire::{ChannelId, TransferId};
use bytes::Bytes;

use crate::{
    ConnectError,
    config::{Hello, Own, Ruling, ServerConfig},
    waiting::BoxFuture,
};

/// One endpoint: a socket, its workers, its sessions. Dropping it closes them at once.
pub(crate) trait Engine: Send + Sync {
    /// Where its sessions and its troubles are announced.
    fn signals(&self) -> Arc<dyn Signals>;
    /// Lets what is queued leave now.
    fn flush(&self);
    /// Opens a session; `done` runs once, on a thread of the engine's.
    fn connect(&self, dial: DialConfig, done: Connected);
    /// Closes every session with `text`; `done` runs when the peers know, or at the deadline.
    fn close(&self, text: &str, done: Box<dyn FnOnce() + Send>);
    /// Closes every session at once.
    fn abandon(&self);
    /// Refuses new sessions, with this `retry_after`, or takes them again.
    fn set_maintenance(&self, retry_after: Option<Duration>);
    fn stats(&self) -> EndpointStats;
    fn local_addr(&self) -> SocketAddr;
    /// Does the work of an endpoint that has no threads of its own, if that was not done within
    /// `apart`.
    fn turn(&self, _apart: Duration) {}
    /// Waits until `is_done`, or for `timeout`, and takes in what comes meanwhile; whether it is.
    /// `None` if other threads do that. Who waits hears of signals, and of [`Signals::nudge`].
    fn turn_until(&self, _timeout: Duration, _is_done: &dyn Fn() -> bool) -> Option<bool> {
        None
    }
}

/// One session in an endpoint.
pub(crate) trait Peer: Send + Sync {
    fn id(&self) -> SessionId;
    fn remote(&self) -> SocketAddr;
    /// Which of the protocols that its endpoint speaks.
    fn protocol(&self) -> usize;
    /// Runs `act`, once, under the session's lock.
    fn with(&self, act: &mut dyn FnMut(Instant, &mut biplane_proto::Session));
    /// Queues a message, as `how` says.
    fn send(
        &self,
        channel: ChannelId,
        content: Content<'_>,
        how: SendOptions,
    ) -> Result<(), SendError>;
    /// Whether there is an event.
    fn has_event(&self) -> bool;
    /// Takes the next event.
    fn poll_event(&self) -> Option<biplane_proto::Event>;
    /// Takes up to `most` messages off a channel; `each` runs under the session's lock.
    fn take(&self, channel: ChannelId, most: usize, each: &mut dyn FnMut(Content<'_>));
    /// Asks the peer; runs `then` with what comes of it, once, with no lock held.
    fn request(&self, question: Question, then: Answered) -> Result<(), SendError>;
    /// Offers the peer what `source` gives.
    fn transfer(&self, name: &str, source: TransferSource) -> Result<OutgoingTransfer, SendError>;
    /// Takes up what the peer offers; `None` if it is not to be had any more.
    fn accept_transfer(&self, id: TransferId, length: u64) -> Option<IncomingTransfer>;
    /// Does not want it.
    fn refuse_transfer(&self, id: TransferId);
    /// Bit i: channel i has something to take. Does not lock.
    fn readable(&self) -> u64;
    /// Lets the session be announced again; before one looks what it has.
    fn clear_ready(&self);
    /// Runs `then` when the session is over, once, with no lock held.
    fn on_over(&self, then: Box<dyn FnOnce() + Send>);
    /// What admission gave.
    fn app(&self) -> Option<&Arc<dyn Any + Send + Sync>>;
    /// Marks that something was queued, for the next flush.
    fn queued(&self);
    /// Whose session it is in a simulated world, if it is in one.
    #[cfg(feature = "sim")]
    fn place(&self) -> Option<usize> {
        None
    }
}

/// Announcements, each to one taker.
pub(crate) trait Signals: Send + Sync {
    /// One that is there now.
    fn try_signal(&self) -> Option<Signal>;
    /// One as soon as it is there; `None` if none will ever come. Cancel-safe.
    fn signal(&self) -> BoxFuture<'_, Option<Signal>>;
    /// Wakes who waits in [`Engine::turn_until`], to look again.
    fn nudge(&self) {}
}

/// An announcement.
#[derive(Clone)]
pub(crate) enum Signal {
    /// This session is new, or has events or messages.
    Session(Arc<dyn Peer>),
    /// Something broke for the whole endpoint.
    Fault(Arc<Fault>),
}

/// A request on its way out.
pub(crate) struct Question {
    /// The place of its kind in the protocol.
    pub(crate) kind: u8,
    pub(crate) bytes: Bytes,
    pub(crate) deadline: Duration,
}

pub(crate) type Connected = Box<dyn FnOnce(Result<Arc<dyn Peer>, ConnectError>) + Send>;
pub(crate) type Answered = Box<dyn FnOnce(Result<Bytes, RequestError>) + Send>;

/// What a server is given to work with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means {
    pub(crate) threading: Threading,
    pub(crate) receivers: usize,
    pub(crate) senders: usize,
    pub(crate) receive_buffer: usize,
    pub(crate) send_buffer: usize,
    pub(crate) unadmitted_per_address: usize,
}

impl Default for Means {
    fn default() -> Self {
        let (endpoint, greeting) = (EndpointConfig::default(), GreetingConfig::default());
        Self {
            threading: endpoint.threading,
            receivers: endpoint.receivers,
            senders: endpoint.senders,
            receive_buffer: endpoint.receive_buffer,
            send_buffer: endpoint.send_buffer,
            unadmitted_per_address: greeting.unadmitted_per_address,
        }
    }
}

/// Opens an endpoint that accepts sessions; those of `also` have the numbers from 1 on.
pub(crate) fn listen(
    address: &str,
    (protocol, also): (ProtocolSpec, Vec<ProtocolSpec>),
    config: ServerConfig,
) -> Result<(Arc<dyn Engine>, Link), SocketError> {
    let session = session_config(&config);
    let identity = match config.identity {
        Some(identity) => identity,
        None => Identity::generate()?,
    };
    let pin = identity.pin();
    let admission = config.admission;
    let config = ListenConfig {
        endpoint: EndpointConfig {
            threading: config.means.threading,
            receivers: config.means.receivers,
            senders: config.means.senders,
            receive_buffer: config.means.receive_buffer,
            send_buffer: config.means.send_buffer,
            session,
            ..EndpointConfig::single()
        },
        protocol,
        also,
        identity,
        admission: Arc::new(move |request| {
            let hello = Hello { credentials: request.credentials, remote: request.remote };
            let verdict = admission(hello);
            Box::pin(async move { decision(verdict.await.0) })
        }),
        public_host: config.public_host,
        max_sessions: config.max_sessions,
        greeting: GreetingConfig {
            unadmitted_per_address: config.means.unadmitted_per_address,
            ..GreetingConfig::default()
        },
    };
    let endpoint = Endpoint::listen(address, config)?;
    let here = endpoint.local_addr();
    let link = endpoint.link();
    let link = link.unwrap_or_else(|| Link { host: here.ip().to_string(), port: here.port(), pin });
    Ok((NetEngine::of(endpoint), link))
}

/// Opens an endpoint that connects.
pub(crate) fn bind(address: &str) -> Result<Arc<dyn Engine>, SocketError> {
    let found = address.to_socket_addrs().and_then(|mut found| {
        found.next().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::AddrNotAvailable))
    });
    let address =
        found.map_err(|source| SocketError::Address { address: address.into(), source })?;
    Ok(NetEngine::of(Endpoint::bind(address, EndpointConfig::default())?))
}

/// Opens an endpoint for one session, on a port that is free: over IPv4 and IPv6, or over IPv4
/// where the system has no other. It sends and accepts datagrams of `max_datagram` bytes, or as many
/// as is usual.
pub(crate) fn bind_alone(
    max_datagram: Option<usize>,
    Own { threading, max_send_delay }: Own,
) -> Result<Arc<dyn Engine>, SocketError> {
    let mut config = EndpointConfig { threading, ..EndpointConfig::single() };
    let session = &mut config.session;
    session.max_datagram = max_datagram.unwrap_or(session.max_datagram);
    session.max_send_delay = max_send_delay.unwrap_or(session.max_send_delay);
    let bind = |any: IpAddr| Endpoint::bind(SocketAddr::new(any, 0), config.clone());
    let endpoint = match bind(Ipv6Addr::UNSPECIFIED.into()) {
        Err(SocketError::Udp { .. }) => bind(Ipv4Addr::UNSPECIFIED.into())?,
        bound => bound?,
    };
    Ok(NetEngine::of(endpoint))
}

/// What a server's sessions are told.
pub(crate) fn session_config(config: &ServerConfig) -> SessionConfig {
    let &ServerConfig { max_send_delay, grace, planes, max_datagram, keep_alive, .. } = config;
    let common = SessionConfig::default();
    SessionConfig { max_send_delay, grace, planes, max_datagram, keep_alive, ..common }
}

fn decision(ruling: Ruling) -> Decision {
    match ruling {
        Ruling::Admit(app) => Decision::Admit(app),
        Ruling::Refuse { code, text, retry_after } => Decision::Refuse { code, text, retry_after },
    }
}

struct NetEngine {
    endpoint: Endpoint,
    signals: Arc<NetSignals>,
}

impl NetEngine {
    fn of(endpoint: Endpoint) -> Arc<dyn Engine> {
        let signals = NetSignals(endpoint.announcements().clone());
        Arc::new(Self { endpoint, signals: Arc::new(signals) })
    }
}

impl Engine for NetEngine {
    fn signals(&self) -> Arc<dyn Signals> {
        Arc::<NetSignals>::clone(&self.signals)
    }

    fn flush(&self) {
        self.endpoint.flush();
    }

    fn connect(&self, dial: DialConfig, done: Connected) {
        let done = Box::new(move |outcome: Result<Arc<Slot>, DialError>| match outcome {
            Ok(slot) => done(Ok(slot)),
            Err(error) => done(Err(error.into())),
        });
        self.endpoint.connect(dial, done);
    }

    fn close(&self, text: &str, done: Box<dyn FnOnce() + Send>) {
        self.endpoint.close(text, done);
    }

    fn abandon(&self) {
        self.endpoint.abandon();
    }

    fn set_maintenance(&self, retry_after: Option<Duration>) {
        self.endpoint.set_maintenance(retry_after);
    }

    fn stats(&self) -> EndpointStats {
        self.endpoint.stats()
    }

    fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    fn turn(&self, apart: Duration) {
        self.endpoint.turn(apart);
    }

    fn turn_until(&self, timeout: Duration, is_done: &dyn Fn() -> bool) -> Option<bool> {
        self.endpoint.turn_until(timeout, is_done)
    }
}

struct NetSignals(Announcements);

impl Signals for NetSignals {
    fn try_signal(&self) -> Option<Signal> {
        self.0.try_next().map(signal)
    }

    fn signal(&self) -> BoxFuture<'_, Option<Signal>> {
        Box::pin(async { self.0.next().await.map(signal) })
    }

    fn nudge(&self) {
        self.0.nudge();
    }
}

fn signal(announced: Result<Arc<Slot>, Fault>) -> Signal {
    match announced {
        Ok(slot) => Signal::Session(slot),
        Err(fault) => Signal::Fault(Arc::new(fault)),
    }
}

impl Peer for Slot {
    fn id(&self) -> SessionId {
        self.id()
    }

    fn remote(&self) -> SocketAddr {
        self.remote()
    }

    fn protocol(&self) -> usize {
        self.protocol()
    }

    fn with(&self, act: &mut dyn FnMut(Instant, &mut biplane_proto::Session)) {
        self.with(act);
    }

    fn send(
        &self,
        channel: ChannelId,
        content: Content<'_>,
        how: SendOptions,
    ) -> Result<(), SendError> {
        self.send(channel, content, how)
    }

    fn take(&self, channel: ChannelId, most: usize, each: &mut dyn FnMut(Content<'_>)) {
        self.take(channel, most, each);
    }

    fn has_event(&self) -> bool {
        self.has_event()
    }

    fn poll_event(&self) -> Option<biplane_proto::Event> {
        self.poll_event()
    }

    fn readable(&self) -> u64 {
        self.readable()
    }

    fn clear_ready(&self) {
        self.clear_ready();
    }

    fn request(&self, question: Question, then: Answered) -> Result<(), SendError> {
        let Question { kind, bytes, deadline } = question;
        let id = self.with(|now, session| session.request(now, kind, bytes, deadline))?;
        self.on_answer(id, then);
        Ok(())
    }

    fn transfer(&self, name: &str, source: TransferSource) -> Result<OutgoingTransfer, SendError> {
        self.transfer(name, source)
    }

    fn accept_transfer(&self, id: TransferId, length: u64) -> Option<IncomingTransfer> {
        self.accept_transfer(id, length)
    }

    fn refuse_transfer(&self, id: TransferId) {
        self.refuse_transfer(id);
    }

    fn on_over(&self, then: Box<dyn FnOnce() + Send>) {
        self.on_over(then);
    }

    fn app(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.app()
    }

    fn queued(&self) {
        self.queued();
    }
}
