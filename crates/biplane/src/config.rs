//! Settings, and who may join.

use core::{any::Any, fmt, future::Future, pin::Pin, time::Duration};
use std::{net::SocketAddr, path::Path, sync::Arc};

use biplane_proto::{PlaneMode, limits};

use crate::{
    Identity, Protocol, RecommendedError, Threading, engine::Means, recommended::Recommended,
};

/// Decides who may join, as the engine calls it.
pub(crate) type Admission =
    Arc<dyn Fn(Hello) -> Pin<Box<dyn Future<Output = Verdict> + Send>> + Send + Sync>;

/// Settings of a server. The defaults suit a game server on the open internet.
#[derive(Clone)]
pub struct ServerConfig {
    pub(crate) identity: Option<Identity>,
    pub(crate) admission: Admission,
    pub(crate) public_host: Option<String>,
    pub(crate) also: Vec<Protocol>,
    pub(crate) max_sessions: usize,
    pub(crate) means: Means,
    pub(crate) max_send_delay: Duration,
    pub(crate) grace: Duration,
    pub(crate) planes: PlaneMode,
    pub(crate) max_datagram: usize,
    pub(crate) keep_alive: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            identity: None,
            admission: Arc::new(|_| Box::pin(core::future::ready(Verdict::admit()))),
            public_host: None,
            also: Vec::new(),
            max_sessions: 2_000,
            means: Means::default(),
            max_send_delay: limits::MAX_SEND_DELAY,
            grace: limits::GRACE,
            planes: PlaneMode::default(),
            max_datagram: limits::DATAGRAM,
            keep_alive: limits::KEEP_ALIVE,
        }
    }
}

impl ServerConfig {
    /// The default settings with the threading and as many receivers and senders as
    /// `biplane doctor --save` found best on this machine and wrote to the file at `path`.
    ///
    /// Its `aead` must be there and is checked; it sets nothing yet: the two sides of a session settle
    /// on AES where both processors have it.
    ///
    /// # Errors
    ///
    /// [`RecommendedError`] if the file cannot be read or is not what `biplane doctor` writes.
    pub fn recommended_from(path: impl AsRef<Path>) -> Result<Self, RecommendedError> {
        let Recommended { threading, receivers, senders } = Recommended::read(path.as_ref())?;
        Ok(Self::default().threading(threading).receivers(receivers).senders(senders))
    }

    /// Who the server is; its pin stands in the link. Default: one made for this run.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Who may join. Its futures run on Biplane's control thread, inside a tokio runtime with I/O
    /// and time. Default: everybody.
    ///
    /// It must not block: the same thread serves the TCP connections of all sessions. Use an async
    /// client, or `tokio::task::spawn_blocking`, which has 8 threads there; transfers and name
    /// look-ups take 4 of them each at the most. One that takes longer than 10 s refuses its client
    /// (code 504), one that panics does too (500).
    #[must_use]
    pub fn admission<F, V>(mut self, admission: F) -> Self
    where
        F: Fn(Hello) -> V + Send + Sync + 'static,
        V: Future<Output = Verdict> + Send + 'static,
    {
        let admission = Arc::new(admission);
        self.admission = Arc::new(move |hello| {
            let admission = Arc::clone(&admission);
            // Called inside the future, so that a panic of either is one of its client's.
            Box::pin(async move { admission(hello).await })
        });
        self
    }

    /// The host that the link names: a name or an address, without a port. Default: the address
    /// listened on, or 127.0.0.1 if that is any.
    #[must_use]
    pub fn public_host(mut self, host: impl Into<String>) -> Self {
        self.public_host = Some(host.into());
        self
    }

    /// Accepts clients that speak `protocol` too, such as an older version: at most 3 beside the
    /// server's own. [`crate::Session::protocol`] tells which one a session speaks; what its
    /// protocol lacks can be neither sent to it nor received from it. A channel of one name has
    /// messages of one type in all of them.
    #[must_use]
    pub fn also(mut self, protocol: Protocol) -> Self {
        self.also.push(protocol);
        self
    }

    /// Sessions at a time; further clients are refused with code 503. 1 to 1,048,576, default
    /// 2,000.
    #[must_use]
    pub const fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// On which threads datagrams are received and sent. Default: [`Threading::Dedicated`].
    ///
    /// With [`Threading::Inline`] that is the thread that calls [`crate::Server::events`],
    /// [`crate::Server::drain`], [`crate::Server::wait`] or [`crate::Server::flush`], which saves a
    /// hop to another thread each way: for a server with a loop of its own. A server that awaits
    /// [`crate::Server::next`] instead is served each 50 ms.
    #[must_use]
    pub const fn threading(mut self, threading: Threading) -> Self {
        self.means.threading = threading;
        self
    }

    /// Threads that receive on the one socket; one works at light load, all at heavy load. 1 to 64;
    /// default 1, and 2 on a machine of four cores or more.
    #[must_use]
    pub const fn receivers(mut self, threads: usize) -> Self {
        self.means.receivers = threads;
        self
    }

    /// Threads that send on the one socket. 1 to 64; default 1, and 2 on a machine of four cores or
    /// more.
    #[must_use]
    pub const fn senders(mut self, threads: usize) -> Self {
        self.means.senders = threads;
        self
    }

    /// Bytes asked of the system for datagrams that wait to be read. 4 KiB to 1 GiB, default 8 MiB.
    /// What it granted stands in [`crate::EndpointStats`]; a warning is logged if it is less.
    #[must_use]
    pub const fn receive_buffer(mut self, bytes: usize) -> Self {
        self.means.receive_buffer = bytes;
        self
    }

    /// Bytes asked of the system for datagrams that wait to be sent. 4 KiB to 1 GiB, default 4 MiB.
    #[must_use]
    pub const fn send_buffer(mut self, bytes: usize) -> Self {
        self.means.send_buffer = bytes;
        self
    }

    /// Clients of one address that are not admitted yet; further ones wait their turn and are not
    /// refused. Loopback addresses may have any number. 1 to 2,048, default 64.
    #[must_use]
    pub const fn unadmitted_per_address(mut self, clients: usize) -> Self {
        self.means.unadmitted_per_address = clients;
        self
    }

    /// How long a message may wait for company before it leaves, unless it is flushed. 0 to 20 ms
    /// (what is beyond counts as the nearest), default 1 ms.
    #[must_use]
    pub fn max_send_delay(mut self, delay: Duration) -> Self {
        self.max_send_delay = delay.min(limits::SEND_DELAY_MAX);
        self
    }

    /// How long a session lives without TCP, over UDP alone or over nothing, for its client to
    /// replace the connection. 0 (it ends with TCP) to 10 minutes (what is beyond counts as the
    /// nearest), default 30 s.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace.min(limits::GRACE_MAX);
        self
    }

    /// Which planes sessions may fly on, as far as this side decides. Default:
    /// [`PlaneMode::Auto`].
    #[must_use]
    pub const fn planes(mut self, mode: PlaneMode) -> Self {
        self.planes = mode;
        self
    }

    /// The longest datagram that is sent and accepted, in bytes of UDP payload, headers of ours
    /// included. Where messages fill datagrams, each session finds out how long they may be on its
    /// path: from 1,200 bytes, which every path carries, up to this or what its client accepts. 1,200
    /// to 8,972 (what is beyond counts as the nearest), default 1,452.
    #[must_use]
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.max_datagram = bytes.clamp(limits::DATAGRAM_MIN, limits::DATAGRAM_LARGEST);
        self
    }

    /// After how much quiet on a plane a session says there that it lives. A shorter time finds a
    /// broken path sooner, and a longer one costs many quiet sessions less: UDP is known to be dead
    /// some 2 s after the first word that stays unanswered, TCP after 3.3 times this and 10 s at
    /// least. To be set on both sides alike, for it is the side that waits less that speaks. 1 to
    /// 25 s (what is beyond counts as the nearest), default 3 s.
    #[must_use]
    pub const fn keep_alive(mut self, quiet: Duration) -> Self {
        self.keep_alive = quiet;
        self
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("identity", &self.identity)
            .field("public_host", &self.public_host)
            .field("also", &self.also)
            .field("max_sessions", &self.max_sessions)
            .field("means", &self.means)
            .field("max_send_delay", &self.max_send_delay)
            .field("grace", &self.grace)
            .field("planes", &self.planes)
            .field("max_datagram", &self.max_datagram)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

/// Settings of a client's session.
#[derive(Clone, Default)]
pub struct ClientConfig {
    pub(crate) credentials: Vec<u8>,
    pub(crate) grace: Option<Duration>,
    pub(crate) planes: PlaneMode,
    pub(crate) max_datagram: Option<usize>,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) own: Own,
}

/// What a client's settings say of a socket of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    pub(crate) threading: Threading,
    pub(crate) max_send_delay: Option<Duration>,
}

impl ClientConfig {
    /// What the server's admission shall see; at most 4,096 bytes. Sent sealed, to the server that
    /// the link names and to nobody else; never logged. Default: none.
    #[must_use]
    pub fn credentials(mut self, credentials: impl Into<Vec<u8>>) -> Self {
        self.credentials = credentials.into();
        self
    }

    /// How long the session lives without TCP, which is replaced meanwhile; it ends sooner if the
    /// server waits for less. 0 (it ends with TCP) to 10 minutes (what is beyond counts as the
    /// nearest), default 30 s.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace.min(limits::GRACE_MAX));
        self
    }

    /// Which planes the session may fly on, as far as this side decides. Default:
    /// [`PlaneMode::Auto`].
    #[must_use]
    pub const fn planes(mut self, mode: PlaneMode) -> Self {
        self.planes = mode;
        self
    }

    /// The longest datagram that is sent and accepted, in bytes of UDP payload: as
    /// [`ServerConfig::max_datagram`]. A client that shares its socket ([`crate::Endpoint`]) has 1,452
    /// at the most. 1,200 to 8,972 (what is beyond counts as the nearest), default 1,452.
    #[must_use]
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.max_datagram = Some(bytes.clamp(limits::DATAGRAM_MIN, limits::DATAGRAM_LARGEST));
        self
    }

    /// After how much quiet on a plane the session says there that it lives; as
    /// [`ServerConfig::keep_alive`]. 1 to 25 s (what is beyond counts as the nearest), default 3 s.
    #[must_use]
    pub const fn keep_alive(mut self, quiet: Duration) -> Self {
        self.keep_alive = Some(quiet);
        self
    }

    /// On which threads datagrams are received and sent; as [`ServerConfig::threading`], with
    /// [`crate::Client::events`] and its like. A client that shares its socket
    /// ([`crate::Endpoint`]) has dedicated threads whatever this says.
    #[must_use]
    pub const fn threading(mut self, threading: Threading) -> Self {
        self.own.threading = threading;
        self
    }

    /// How long a message may wait for company before it leaves without a flush; as
    /// [`ServerConfig::max_send_delay`]. A client that shares its socket ([`crate::Endpoint`]) has
    /// 1 ms whatever this says. 0 to 20 ms (what is beyond counts as the nearest), default 1 ms.
    #[must_use]
    pub fn max_send_delay(mut self, delay: Duration) -> Self {
        self.own.max_send_delay = Some(delay.min(limits::SEND_DELAY_MAX));
        self
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("grace", &self.grace)
            .field("planes", &self.planes)
            .field("max_datagram", &self.max_datagram)
            .field("keep_alive", &self.keep_alive)
            .field("own", &self.own)
            .finish_non_exhaustive()
    }
}

/// A client that asks to join, as admission sees it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Hello {
    /// What it brought; at most 4,096 bytes, empty if nothing.
    pub credentials: Vec<u8>,
    /// Its TCP address.
    pub remote: SocketAddr,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// What admission says.
#[derive(Clone)]
#[must_use]
pub struct Verdict(pub(crate) Ruling);

/// What a verdict holds.
#[derive(Clone)]
pub(crate) enum Ruling {
    Admit(Option<Arc<dyn Any + Send + Sync>>),
    Refuse { code: u16, text: String, retry_after: Option<Duration> },
}

impl Verdict {
    /// The client may join.
    pub const fn admit() -> Self {
        Self(Ruling::Admit(None))
    }

    /// The client may join, and `app` stays with its session: see [`crate::Session::app`].
    pub fn admit_as<A: Any + Send + Sync>(app: A) -> Self {
        Self(Ruling::Admit(Some(Arc::new(app))))
    }

    /// The client may not join, and gets a code of the application's and words for a person, 256
    /// bytes at most. Biplane refuses with 0, 500, 503 and 504 itself, which an application should
    /// avoid: see [`crate::ConnectError::Refused`].
    pub fn refuse(code: u16, text: impl Into<String>) -> Self {
        Self(Ruling::Refuse { code, text: text.into(), retry_after: None })
    }

    /// Tells a client that is refused when another try makes sense; 1 ms to 49 days. One that is
    /// admitted is not told.
    pub const fn retry_after(mut self, after: Duration) -> Self {
        if let Ruling::Refuse { retry_after, .. } = &mut self.0 {
            *retry_after = Some(after);
        }
        self
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ruling::Admit(app) => f.debug_tuple("Admit").field(&app.is_some()).finish(),
            Ruling::Refuse { code, text, .. } => {
                f.debug_struct("Refuse").field("code", code).field("text", text).finish()
            }
        }
    }
}
