//! A client: one session with a server.

mod arrival;

use core::{
    fmt::{self, Display},
    ops::Deref,
    time::Duration,
};
use std::sync::Arc;

use biplane_wire::limits;

pub(crate) use self::arrival::Arrival;
use crate::{
    Channel, ClientConfig, ConnectError, Diagnosis, DiagnosisConfig, EndpointStats, Event,
    Incoming, Link, Payload, Pending, Protocol, Session, diagnosis,
    engine::{self, DialConfig, Engine},
    inbox::Inbox,
    protocol::{Table, Tables},
    router::Route,
};

/// A client: a [`Session`] with a server, and what it is told of it.
///
/// It has every method of its session: [`Session::send`], [`Session::recv`], [`Session::request`]
/// and the others. Dropping it closes the session at once, and waits for nothing but its last words to
/// leave, 0.1 s at the most; [`Client::close`] says goodbye.
pub struct Client {
    session: Session,
    inbox: Inbox,
    engine: Arc<dyn Engine>,
    /// On a socket that it shares: how announcements come here.
    route: Option<Route>,
}

impl Client {
    /// Joins a server by its [`Link`] or that link's text, from a socket of its own, over IPv4 or
    /// IPv6. There after a
    /// TCP and a TLS handshake and one more round trip, or not at all after 10 s.
    ///
    /// The value is [`ConnectError`] if there is no such server, it is another than the link says,
    /// speaks another protocol, or refuses.
    pub fn connect(link: impl Display, protocol: &Protocol) -> Pending<Result<Self, ConnectError>> {
        Self::connect_with(link, protocol, ClientConfig::default())
    }

    /// Joins a server with settings of one's own; as [`Client::connect`].
    pub fn connect_with(
        link: impl Display,
        protocol: &Protocol,
        config: ClientConfig,
    ) -> Pending<Result<Self, ConnectError>> {
        Self::dial(&link, protocol, config).unwrap_or_else(|error| Pending::at_once(|| Err(error)))
    }

    /// Finds out why a server cannot be joined, or how well: joins it, asks its path for 5 s which
    /// datagrams get through, and leaves. The value says what became of each [`crate::Step`].
    ///
    /// The server's application sees a client that joins, says nothing and leaves. RTT and jitter
    /// are those of the soundings that were answered, 25 a second; loss up is the share of all
    /// soundings, 50 a second, that the server never acknowledged, on either plane; loss down the
    /// share of all the server's packets, by their numbers, that did not come.
    pub fn diagnose(link: impl Display, protocol: &Protocol) -> Pending<Diagnosis> {
        Self::diagnose_with(link, protocol, DiagnosisConfig::default())
    }

    /// Finds out why a server cannot be joined, with settings of one's own; as
    /// [`Client::diagnose`].
    pub fn diagnose_with(
        link: impl Display,
        protocol: &Protocol,
        config: DiagnosisConfig,
    ) -> Pending<Diagnosis> {
        diagnosis::begin(link.to_string(), protocol.clone(), config)
    }

    fn dial(
        link: &dyn Display,
        protocol: &Protocol,
        config: ClientConfig,
    ) -> Result<Pending<Result<Self, ConnectError>>, ConnectError> {
        let own = config.own;
        let (dial, table) = prepare(link, protocol, config)?;
        Ok(Self::dial_by(engine::bind_alone(dial.max_datagram, own)?, dial, table))
    }

    /// Joins from an endpoint of its own.
    pub(crate) fn dial_by(
        engine: Arc<dyn Engine>,
        dial: DialConfig,
        table: Table,
    ) -> Pending<Result<Self, ConnectError>> {
        let (sender, receiver) = flume::bounded(1);
        engine.connect(
            dial,
            // Given up meanwhile: the arrival closes the session when it is dropped.
            Box::new(move |outcome| {
                drop(sender.send(outcome.map(|peer| Arrival::new(peer, None))))
            }),
        );
        Pending::new(receiver, move |arrival| Self::arrive(arrival, engine, table))
    }

    /// The client of a session that began, if it did.
    pub(crate) fn arrive(
        arrival: Option<Result<Arrival, ConnectError>>,
        engine: Arc<dyn Engine>,
        table: Table,
    ) -> Result<Self, ConnectError> {
        let arrived = arrival.ok_or(ConnectError::Closed)??.take();
        let (peer, route) = arrived.ok_or(ConnectError::Closed)?;
        let signals = route.as_ref().map_or_else(|| engine.signals(), Route::signals);
        let tables = Tables::of(table);
        let session = Session::new(peer, tables.get(0));
        let inbox = Inbox::of(&session, signals, tables);
        Ok(Self { session, inbox, engine, route })
    }

    /// Its session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The next event; `None` when [`Event::Left`] was told. On any executor, and cancel-safe: what
    /// is dropped unfinished took nothing. Flushes before it waits.
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
    /// `timeout`, or the session is over. Flushes before it waits. An event that is not taken, by
    /// `events` or `next`, ends the next wait at once.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        // What comes for one of several clients is told by way of a thread that they share.
        let engine = self.route.is_none().then_some(&*self.engine);
        self.inbox.wait(timeout, engine, || self.flush())
    }

    /// Hands every message that has arrived on `channel` to `each`; as [`crate::Server::drain`].
    pub fn drain<T: Incoming>(&self, channel: Channel<T>, mut each: impl FnMut(T)) {
        self.engine.turn(limits::INLINE_APART);
        if let Some(entry) = self.session.table().taken_off(channel) {
            self.session.drain(entry, &mut |_: &Session, message| each(message));
        }
    }

    /// The same for opaque bytes, which `each` may read where they are; as
    /// [`crate::Server::drain_bytes`].
    pub fn drain_bytes(&self, channel: Channel<Payload>, mut each: impl FnMut(&[u8])) {
        self.engine.turn(limits::INLINE_APART);
        if let Some(entry) = self.session.table().taken_off(channel) {
            self.session.drain_bytes(entry, &mut |_: &Session, bytes: &[u8]| each(bytes));
        }
    }

    /// Lets what is queued leave now: the end of a tick. On a socket that it shares, what all its
    /// clients have queued.
    pub fn flush(&self) {
        self.engine.flush();
    }

    /// The figures of its socket and of the threads that serve it: of all clients together, where it
    /// shares one. [`Session::stats`] has those of its session.
    #[must_use]
    pub fn endpoint_stats(&self) -> EndpointStats {
        self.engine.stats()
    }

    /// Ends the session as [`Session::close`] does: what is queued on any channel still leaves, for
    /// 1 s at the most, and open requests and transfers end at once. The server gets the words. The
    /// value is there when the server knows, or at the deadline of 2 s.
    pub fn close(&self, text: &str) -> Pending<()> {
        let (sender, receiver) = flume::bounded(1);
        let done = Box::new(move || {
            sender.send(()).ok();
        });
        match &self.route {
            Some(route) => route.close(&self.session, text, done),
            None => self.engine.close(text, done),
        }
        Pending::new(receiver, |_| ())
    }
}

/// What to connect with, or why that cannot be.
pub(crate) fn prepare(
    link: &dyn Display,
    protocol: &Protocol,
    config: ClientConfig,
) -> Result<(DialConfig, Table), ConnectError> {
    let (protocol, table) = protocol.resolve()?;
    let link: Link = link.to_string().parse()?;
    let ClientConfig { credentials, grace, planes, max_datagram, keep_alive, own: _ } = config;
    if credentials.len() > limits::CREDENTIALS {
        return Err(ConnectError::Credentials { limit: limits::CREDENTIALS });
    }
    let dial = DialConfig::new(link, protocol);
    Ok((DialConfig { credentials, grace, planes, max_datagram, keep_alive, ..dial }, table))
}

impl Deref for Client {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.session.abandon();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}
