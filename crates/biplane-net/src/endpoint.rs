//! An endpoint: one UDP socket, its workers, and the control thread beside them.

mod ports;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    BindError, ConnectError, DialConfig, EndpointConfig, EndpointStats, Link, ListenConfig, Slot,
    announcements::Announcements,
    clock,
    control::Control,
    crew::{Crew, contained},
    hub::{Hub, Sizes},
    limits, link,
    locks::{lock, try_lock},
    os,
    outbox::Outbox,
    socket::{DatagramSocket, UdpDatagrams, canonical},
    sync::{Mutex, Receiver},
    work::Job,
};

pub(crate) use ports::bind_udp;

/// One UDP socket and its sessions: of a server, of a client, or of a thousand clients.
///
/// Dropping it closes its sessions at once on both planes, as far as that goes without waiting, and
/// ends its threads.
#[derive(Debug)]
pub struct Endpoint {
    hub: Arc<Hub>,
    announcements: Announcements,
    socket: Arc<UdpDatagrams>,
    /// For what the application's own threads send.
    desk: Mutex<Outbox>,
    crew: Crew,
    control: Control,
    link: Option<Link>,
}

impl Endpoint {
    /// Opens a UDP socket at `address` for sessions that this side begins. Port 0: any. `[::]`
    /// reaches servers over IPv4 and IPv6.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the socket or its threads cannot be had, or a setting is out of range.
    pub fn bind(address: SocketAddr, config: EndpointConfig) -> Result<Self, BindError> {
        config.check()?;
        let socket = bind_udp(address)?;
        Self::open(socket, limits::DIALED_SESSIONS, config)
    }

    /// Opens UDP and TCP at `address`, `HOST:PORT`, for sessions that peers begin. Port 0: one that
    /// is free for both. `[::]` hears IPv4 and IPv6.
    ///
    /// # Errors
    ///
    /// [`BindError`], which says which of the two cannot be had, or what is out of range.
    pub fn listen(address: &str, config: ListenConfig) -> Result<Self, BindError> {
        config.endpoint.check()?;
        config.check()?;
        let host = config
            .public_host
            .as_deref()
            .map(|host| link::host(host).map_err(|_| BindError::PublicHost { host: host.into() }));
        let host = host.transpose()?;
        let address = ports::resolve(address)?;
        let (tcp, udp) = ports::bind_both(address)?;
        let mut endpoint = Self::open(udp, config.max_sessions, config.endpoint.clone())?;
        // A client hears one server, and needs no more than it is given.
        os::warn_of_little_room(endpoint.socket.socket(), &config.endpoint);
        let port = endpoint.local_addr().port();
        let host = host.unwrap_or_else(|| ports::public_host(address.ip()));
        endpoint.link = Some(Link { host, port, pin: config.identity.pin() });
        endpoint.control.listen(&endpoint.hub, tcp, config)?;
        tracing::info!(address = %endpoint.local_addr(), "listening on TCP and UDP");
        Ok(endpoint)
    }

    fn open(
        socket: std::net::UdpSocket,
        sessions: usize,
        config: EndpointConfig,
    ) -> Result<Self, BindError> {
        let own = socket.local_addr().map_err(BindError::Workers)?;
        let socket = Arc::new(UdpDatagrams::new(socket, &config).map_err(BindError::Workers)?);
        let (receivers, senders) = config.workers();
        let sizes = Sizes { receivers, senders, sessions, threading: config.threading };
        let (hub, announcements) =
            Hub::new(clock::now(), canonical(own), sizes, config.session, config.first_packet);
        let control = Control::start().map_err(BindError::Workers)?;
        let crew = Crew::start(&hub, &socket, sizes).map_err(BindError::Workers)?;
        if let Some(inline) = crew.inline() {
            control.keep(inline);
        }
        let desk = Outbox::new(
            Arc::clone(&socket) as Arc<dyn DatagramSocket>,
            Arc::clone(&hub),
            limits::CALLER_PATIENCE,
        );
        Ok(Self { hub, announcements, socket, desk: Mutex::new(desk), crew, control, link: None })
    }

    /// Begins a session with the server that `dial` names: TCP, TLS, its welcome; 10 s for all of
    /// it. `done` is called once, on the control thread, and should be short.
    pub fn connect(
        &self,
        dial: DialConfig,
        done: Box<dyn FnOnce(Result<Arc<Slot>, ConnectError>) + Send>,
    ) {
        self.control.connect(&self.hub, dial, done);
    }

    /// The address of the UDP socket; of TCP too, where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.hub.own()
    }

    /// What clients need to join, where it listens.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        self.link.clone()
    }

    /// What there is for the application: sessions that have something for it, each at most once, and
    /// what broke.
    #[must_use]
    pub const fn announcements(&self) -> &Announcements {
        &self.announcements
    }

    /// The sessions among them.
    #[must_use]
    pub const fn ready(&self) -> &Receiver<Arc<Slot>> {
        &self.announcements.ready
    }

    /// Every session, in order of its name. A snapshot, made anew only after a change.
    #[must_use]
    pub fn sessions(&self) -> Arc<[Arc<Slot>]> {
        self.hub.slots().snapshot()
    }

    /// Lets everything leave that was queued since the last flush ([`Slot::queued`]). One session's
    /// leaves on this thread, if no other sends for it; more are handed to the senders.
    pub fn flush(&self) {
        let (only, several) = self.hub.take_dirty();
        let here = if self.crew.inline().is_some() { &several } else { &[][..] };
        for slot in only.iter().chain(here) {
            // One that panics keeps none of the others from leaving: they are in no list.
            contained(&self.hub, || self.flush_here(slot));
        }
        if here.is_empty() {
            self.hub.flush_later(&several);
        }
    }

    fn flush_here(&self, slot: &Arc<Slot>) {
        match try_lock(&self.desk) {
            Some(mut desk) => desk.flush(clock::now(), slot),
            None => self.hub.work().add(Job::Flush(vec![Arc::clone(slot)])),
        }
    }

    /// With [`crate::Threading::Inline`], takes in what has come and sends what is due, on this
    /// thread, unless that was done within `apart`.
    pub fn turn(&self, apart: Duration) {
        if let Some(inline) = self.crew.inline() {
            inline.turn(apart);
        }
    }

    /// Waits until `is_done`, or for `timeout`, and meanwhile takes in what comes on this thread: with
    /// [`crate::Threading::Inline`] it does all else that is to be done too, with
    /// [`crate::Threading::Dedicated`] it takes the receivers' place while it keeps up. Whether it is
    /// done; `None` where others do that work. Announcements, and [`Announcements::nudge`], have it
    /// ask `is_done` again.
    pub fn turn_until(&self, timeout: Duration, is_done: &dyn Fn() -> bool) -> Option<bool> {
        match self.crew.inline() {
            Some(inline) => inline.turn_until(timeout, is_done),
            None if timeout.is_zero() => None,
            None => self.crew.caller()?.receive_until(timeout, is_done),
        }
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> EndpointStats {
        let mut stats = self.hub.counters().read();
        stats.datagrams.kernel_dropped = os::kernel_drops(self.socket.socket());
        stats.sessions.current = self.hub.slots().len() as u64;
        let room = os::room(self.socket.socket());
        stats.recv_buffer_bytes = room.receive as u64;
        stats.send_buffer_bytes = room.send as u64;
        stats
    }

    /// With a time, refuses new sessions from now on, with code 503 and that time as `retry_after`
    /// (1 ms to 49 days); those there are go on. Without, takes new sessions again.
    pub fn set_maintenance(&self, retry_after: Option<Duration>) {
        self.hub.set_maintenance(retry_after);
    }

    /// Closes every session with words for the peers, and lets none begin. What is queued leaves
    /// first. `done` is called once, when every peer knows, or after 2 s.
    pub fn close(&self, text: &str, done: Box<dyn FnOnce() + Send>) {
        self.hub.begin_closing(done);
        for slot in self.sessions().iter() {
            slot.with(|now, session| session.close(now, text));
        }
        self.hub.end_closing_if_empty();
        self.control.end_closing_later(&self.hub);
    }

    /// Ends every session at once, with a word to the peers and none to wait for, and lets none
    /// begin.
    pub fn abandon(&self) {
        self.hub.begin_closing(Box::new(|| ()));
        for slot in self.sessions().iter() {
            slot.with(|now, session| session.abandon(now));
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.hub.begin_closing(Box::new(|| ()));
        let now = clock::now();
        for slot in self.sessions().iter() {
            let ((), aftermath) = slot.enter(now, |session| session.abandon(now));
            if slot.follow_but(aftermath) {
                lock(&self.desk).serve(now, slot);
            }
        }
        self.control.stop();
        self.crew.stop();
        // Nobody turns their clocks any more, and a handle may keep one for ever.
        self.sessions().iter().for_each(|slot| slot.retire(&self.hub));
        self.hub.end_closing();
    }
}
