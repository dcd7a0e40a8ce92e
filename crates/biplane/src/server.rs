//! A server: it listens, and holds the sessions of all who joined.

use core::{borrow::Borrow, fmt, time::Duration};
use std::{net::SocketAddr, sync::Arc};

use biplane_proto::SendOptions;
use biplane_wire::limits;
use tracing::{debug, warn};

use crate::{
    BindError, Channel, EndpointStats, Event, Incoming, Link, Outgoing, Payload, Pending, Protocol,
    SendError, ServerConfig, Session,
    engine::{self, Engine, Throttle, now},
    inbox::Inbox,
    protocol::{Entry, Tables},
    session::encoded,
};

/// A server, over TCP and UDP on one port.
///
/// Every method takes `&self` and may be called from any thread: an `Arc<Server>` is enough to
/// share it. Dropping it closes its sessions at once, and waits for nothing but the last words to leave,
/// 0.1 s at the most; [`Server::close`] says goodbye.
pub struct Server {
    engine: Arc<dyn Engine>,
    inbox: Inbox,
    tables: Tables,
    link: Link,
}

impl Server {
    /// Listens on `address`, such as `127.0.0.1:7777`, or `[::]:7777` for every address of IPv4 and
    /// IPv6; port 0 takes one that is free for both TCP and UDP.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the address or the protocol cannot be used.
    pub fn bind(address: &str, protocol: &Protocol) -> Result<Self, BindError> {
        Self::bind_with(address, protocol, ServerConfig::default())
    }

    /// Listens on `address` with settings of one's own.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the address, the protocol or the identity cannot be used.
    pub fn bind_with(
        address: &str,
        protocol: &Protocol,
        config: ServerConfig,
    ) -> Result<Self, BindError> {
        let (specs, tables) = protocol.resolve_with(&config.also)?;
        let (engine, link) = engine::listen(address, specs, config)?;
        Ok(Self::of(engine, tables, link))
    }

    pub(crate) fn of(engine: Arc<dyn Engine>, tables: Tables, link: Link) -> Self {
        let inbox = Inbox::new(engine.signals(), tables.clone());
        Self { engine, inbox, tables, link }
    }

    /// What clients join by: `biplane://HOST:PORT#PIN`.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// The address that UDP, and TCP on the same port, is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.engine.local_addr()
    }

    /// The next event; `None` after [`Server::close`], when all is told. On any executor, and
    /// cancel-safe: what is dropped unfinished took nothing. Flushes before it waits.
    pub async fn next(&self) -> Option<Event> {
        self.engine.turn(Duration::ZERO);
        self.inbox.next(|| self.flush()).await
    }

    /// Every event that is there now, but [`Event::Readable`]; never blocks.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        self.engine.turn(limits::INLINE_APART);
        self.inbox.events()
    }

    /// Blocks until there is an event, [`Event::Readable`] among them; false if there is none after
    /// `timeout`, or the server is closed. Flushes before it waits. An event that is not taken, by
    /// `events` or `next`, ends the next wait at once.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        self.inbox.wait(timeout, Some(&*self.engine), || self.flush())
    }

    /// Hands every message that has arrived on `channel`, session by session, to `each`. A message
    /// that does not decode is not seen: see [`Session::recv`]. Holds no lock while `each` runs; if
    /// that panics, what it did not get is still there.
    pub fn drain<T: Incoming>(&self, channel: Channel<T>, mut each: impl FnMut(&Session, T)) {
        self.drain_by(channel, |session, entry| session.drain(entry, &mut each));
    }

    /// The same for opaque bytes, which `each` may read where they are: nothing is allocated for
    /// them, as is for a [`Payload`].
    pub fn drain_bytes(&self, channel: Channel<Payload>, mut each: impl FnMut(&Session, &[u8])) {
        self.drain_by(channel, |session, entry| session.drain_bytes(entry, &mut each));
    }

    fn drain_by<T>(&self, channel: Channel<T>, mut drain: impl FnMut(&Session, &Entry)) {
        if self.tables.longest(channel.hash()).is_none() {
            self.tables.get(0).tell_lack(channel);
            return;
        }
        self.engine.turn(limits::INLINE_APART);
        let sessions = self.inbox.sessions();
        for session in sessions.iter().chain(&self.inbox.departed()) {
            if let Some(entry) = session.table().channel(channel.hash()) {
                drain(session, entry);
            }
        }
    }

    /// The sessions between their [`Event::Joined`] and their [`Event::Left`], as events told them,
    /// in order of [`Session::id`].
    #[must_use]
    pub fn sessions(&self) -> Arc<[Session]> {
        self.inbox.sessions()
    }

    /// Sends one message to many sessions, encoded once; gives how many took it. What does not fit
    /// or has no encoding goes to nobody, and nothing to a session whose protocol lacks the
    /// channel. A session whose queue is full has its [`Event::Writable`] later.
    pub fn broadcast<T: Outgoing, S: Borrow<Session>>(
        &self,
        to: impl IntoIterator<Item = S>,
        channel: Channel<T>,
        message: &T,
    ) -> usize {
        let limit = self.tables.longest(channel.hash()).ok_or(SendError::NotInProtocol);
        let bytes = match limit.and_then(|limit| encoded(message, limit)) {
            Ok(bytes) => bytes,
            Err(error) => {
                static TOLD: Throttle = Throttle::new();
                if let Some(suppressed) = TOLD.pass(now()) {
                    warn!(channel = channel.name(), %error, suppressed, "broadcast to nobody");
                }
                return 0;
            }
        };
        let how = SendOptions {
            after_commands: channel.comes_after_commands(),
            ..SendOptions::default()
        };
        let mut sent = 0;
        for session in to {
            let session: &Session = session.borrow();
            match session.send_encoded(channel.hash(), &bytes, how) {
                Ok(()) => sent += 1,
                Err(error) => debug!(%session, channel = channel.name(), %error, "not sent"),
            }
        }
        sent
    }

    /// Lets what is queued, for all sessions, leave now: the end of a tick.
    pub fn flush(&self) {
        self.engine.flush();
    }

    /// Closes every session as [`Session::close`] does, and takes no more: what is queued on any
    /// channel still leaves, for 1 s at the most, and open requests and transfers end at once. The
    /// peers get the words. The value is there when they know, or at the deadline of 2 s.
    pub fn close(&self, text: &str) -> Pending<()> {
        let (sender, receiver) = flume::bounded(1);
        let bell = self.inbox.bell();
        self.engine.close(
            text,
            Box::new(move || {
                bell.close();
                sender.send(()).ok();
            }),
        );
        Pending::new(receiver, |_| ())
    }

    /// Takes no new sessions from now on; those there are go on. Clients that want to join are
    /// refused with code 503 and told to try again after `retry_after`, 1 ms to 49 days:
    /// [`crate::ConnectError::Refused`]. Ends with [`Server::reopen`].
    pub fn maintenance(&self, retry_after: Duration) {
        self.engine.set_maintenance(Some(retry_after));
    }

    /// Takes new sessions again, after [`Server::maintenance`].
    pub fn reopen(&self) {
        self.engine.set_maintenance(None);
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> EndpointStats {
        self.engine.stats()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("link", &self.link).finish_non_exhaustive()
    }
}
