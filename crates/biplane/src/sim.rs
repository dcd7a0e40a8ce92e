//! A world in virtual time: ordinary servers and clients over a network that is made up.
//!
//! For the tests of a game: the same [`Server`] and [`Client`] as over real sockets, and the same
//! core under them, but the links have the faults one asks for, a minute takes a moment, and the
//! same seed gives the same run, byte for byte.
//!
//! ```
//! use std::time::Duration;
//!
//! use biplane::{
//!     Channel, Protocol,
//!     sim::{Profile, World},
//! };
//!
//! const CHAT: Channel<String> = Channel::command("chat");
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let protocol = Protocol::new("hello", 1).channel(CHAT);
//! let mut world = World::new(17).link(Profile::wifi_busy());
//! let server = world.server(&protocol)?;
//! let client = world.join(&server, &protocol)?;
//! let mut heard = Vec::new();
//! world.run_for(Duration::from_secs(10), Duration::from_millis(16), |tick| {
//!     server.events().for_each(drop);
//!     server.broadcast(server.sessions().iter(), CHAT, &format!("tick {}", tick.number));
//!     server.flush();
//!     heard.extend(std::iter::from_fn(|| client.recv(CHAT)));
//! });
//! assert!(heard.len() > 550);
//! world.check()?;
//! # Ok(())
//! # }
//! ```
//!
//! Time passes in [`World::run_for`] and nowhere else, so nothing may be waited for: not
//! [`Server::wait`], not [`Pending::wait`]. Use what never blocks: [`Server::events`],
//! [`crate::Session::recv`], [`Server::drain`], [`Pending::try_take`]. Futures work on an executor
//! that is polled between the ticks.

mod admission;
mod engine;
mod peer;
mod state;
mod wire;
mod witness;

use core::{error, fmt, time::Duration};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use biplane_sim::{Access, Gate, Rng};
pub use biplane_sim::{
    Blocked, Capacity, Direction, Profile, ProfileError, Queue, Schedule, Trace, TraceError, Way,
};
use biplane_wire::limits;

use self::{
    admission::Door,
    engine::SimEngine,
    state::{PartyNumber, Shared},
};
pub use self::{wire::Wire, witness::Breach};
use crate::{
    BindError, Client, ClientConfig, ConnectError, Endpoint, Link, Pending, Pin, Protocol, Server,
    ServerConfig, Session,
    client::prepare,
    config::Own,
    engine::{Engine, ProtocolSpec, now, session_config},
};

/// The shortest tick.
const SHORTEST_TICK: Duration = Duration::from_micros(100);
/// [`World::join`] looks so often whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A network in virtual time, and all who are on it.
///
/// Its servers and clients may be used from anywhere, also after it is gone; then their time stands
/// still.
pub struct World {
    shared: Arc<Shared>,
    start: Instant,
    seed: u64,
    link: Profile,
    /// What all clients share that come from now on, if they do.
    access: Option<Access>,
}

/// One tick of a game in a [`World`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tick {
    /// Its number in this run; the first is 0.
    pub number: u64,
    /// The time of the world.
    pub now: Instant,
    /// Time since the world began.
    pub elapsed: Duration,
}

/// What was promised in a [`World`] and not kept: [`World::check`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Broken {
    /// The seed that shows it again.
    pub seed: u64,
    /// The first of what was seen; at least one.
    pub breaches: Vec<Breach>,
}

impl World {
    /// A world without anybody, whose links are perfect until [`World::link`] says otherwise. All
    /// chance in it comes from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let start = now();
        let shared = Shared::new(start, seed);
        Self { shared, start, seed, link: Profile::perfect(), access: None }
    }

    /// What lies between servers and the machines of the clients that come from now on: each has
    /// such a link of its own. The profile's blocks count from the beginning of the world, what it
    /// does now and then from the machine's.
    #[must_use]
    pub fn link(mut self, link: Profile) -> Self {
        self.set_link(link);
        self
    }

    /// The same, with one narrowest place a direction that all those machines share: a household, or
    /// the server's own way to the world.
    #[must_use]
    pub fn shared_link(mut self, link: Profile) -> Self {
        self.set_link(link);
        self.access = Some(Access::new(self.now(), &self.link.wires()));
        self
    }

    /// [`World::link`] for a world that is there already; those who came before keep theirs.
    pub fn set_link(&mut self, link: Profile) {
        self.link = link;
        self.access = None;
    }

    /// Opens a server.
    ///
    /// # Errors
    ///
    /// [`BindError::Protocol`] if the protocol cannot be used.
    pub fn server(&mut self, protocol: &Protocol) -> Result<Server, BindError> {
        self.server_with(protocol, ServerConfig::default())
    }

    /// Opens a server with settings of one's own. Those of sockets, threads and identity change
    /// nothing here; admission's futures run without a runtime.
    ///
    /// # Errors
    ///
    /// [`BindError::Protocol`] if a protocol cannot be used.
    pub fn server_with(
        &mut self,
        protocol: &Protocol,
        config: ServerConfig,
    ) -> Result<Server, BindError> {
        let ((spec, also), tables) = protocol.resolve_with(&config.also)?;
        let spoken = core::iter::once(spec).chain(also).map(speaking).collect();
        let session = session_config(&config);
        let (party, number, address) = self.shared.enter(|state| {
            let party = state.add_party();
            let number = state.world.serve(spoken, Gate::Asks, Some(session));
            state.doors.push(Door {
                party,
                admission: config.admission,
                max_sessions: config.max_sessions,
                maintenance: None,
                admitted: Default::default(),
            });
            (party, number, state.world.server_address(number))
        });
        let address = address.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into());
        let link = Link { host: address.ip().to_string(), port: address.port(), pin: pin(number) };
        Ok(Server::of(self.engine(party, address, Own::default()), tables, link))
    }

    /// A client that begins to join `server` now, from a machine of its own; there when the world
    /// has run on for a few round trips.
    pub fn client(
        &mut self,
        server: &Server,
        protocol: &Protocol,
    ) -> Pending<Result<Client, ConnectError>> {
        self.client_with(server, protocol, ClientConfig::default())
    }

    /// The same with settings of one's own; those of threads change nothing here.
    pub fn client_with(
        &mut self,
        server: &Server,
        protocol: &Protocol,
        config: ClientConfig,
    ) -> Pending<Result<Client, ConnectError>> {
        let own = config.own;
        match prepare(server.link(), protocol, config) {
            Ok((dial, table)) => Client::dial_by(self.party(own), dial, table),
            Err(error) => Pending::at_once(|| Err(error)),
        }
    }

    /// A client of `server`, when it has joined: the world runs on until then, for 10 s at the
    /// most.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if it is refused or the links do not let it.
    pub fn join(&mut self, server: &Server, protocol: &Protocol) -> Result<Client, ConnectError> {
        let mut pending = self.client(server, protocol);
        loop {
            if let Some(outcome) = pending.try_take() {
                return outcome;
            }
            self.pass(LOOK_EVERY);
        }
    }

    /// An endpoint of clients that live on one machine, behind one link.
    pub fn endpoint(&mut self) -> Endpoint {
        Endpoint::of(self.party(Own::default()))
    }

    /// Lets `time` pass, and calls `tick` at its beginning and every `every` after it: as a game's
    /// loop would, on a machine that is never late. `every` is at least 0.1 ms, and neither is more
    /// than a year.
    pub fn run_for(&mut self, time: Duration, every: Duration, mut tick: impl FnMut(Tick)) {
        self.run_while(time, every, |now| {
            tick(now);
            true
        });
    }

    /// The same until `tick` says `false`; whether it never did.
    pub fn run_while(
        &mut self,
        time: Duration,
        every: Duration,
        mut tick: impl FnMut(Tick) -> bool,
    ) -> bool {
        let end = self.now() + time.min(limits::WAIT_MAX);
        let every = every.clamp(SHORTEST_TICK, limits::WAIT_MAX);
        for number in 0.. {
            let now = self.now();
            if now >= end {
                break;
            }
            if !tick(Tick { number, now, elapsed: now - self.start }) {
                return false;
            }
            self.shared.run_until((now + every).min(end));
        }
        true
    }

    /// Lets `time` pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now() + time.min(limits::WAIT_MAX);
        self.shared.run_until(end);
    }

    /// The time of the world.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.shared.enter(|state| state.world.now())
    }

    /// Time since the world began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now() - self.start
    }

    /// What lies between the two ends of `session`, to do something to it; `None` if that is no
    /// session of this world.
    #[must_use]
    pub fn wire(&self, session: &Session) -> Option<Wire> {
        let client = session.place()?;
        Some(Wire::new(&self.shared, client))
    }

    /// A hash of everything that happened so far: packets, control bytes, messages and events, each
    /// with its time. Equal after two runs of the same program with the same seed.
    #[must_use]
    pub fn transcript(&self) -> u64 {
        self.shared.enter(|state| state.world.transcript().hash())
    }

    /// Whether every channel kept its promise so far: `command` and `reliable_ordered` in order,
    /// complete and once; `reliable_unordered` once; `sequenced` never backwards; no kind twice,
    /// nothing altered; and every datagram accounted for. What is under way is not looked at.
    ///
    /// # Errors
    ///
    /// [`Broken`], which names the seed.
    pub fn check(&self) -> Result<(), Broken> {
        let breaches: Vec<_> = self.shared.enter(|state| {
            state.world.check_accounts();
            let contract = state.world.breaches().iter().map(|breach| Breach::new(breach));
            contract.chain(state.witness.breaches().iter().cloned()).collect()
        });
        if breaches.is_empty() { Ok(()) } else { Err(Broken { seed: self.seed, breaches }) }
    }

    /// A party of clients, behind the link of this moment.
    fn party(&self, own: Own) -> Arc<dyn Engine> {
        let agenda = self.link.schedule.agenda();
        let party = self.shared.enter(|state| {
            let (party, now) = (state.add_party(), state.world.now());
            state.schedule(party, now, agenda);
            party
        });
        let last = u8::try_from(party % 250).unwrap_or(0) + 1;
        self.engine(party, (Ipv4Addr::new(198, 51, 100, last), 0).into(), own)
    }

    fn engine(&self, party: PartyNumber, address: SocketAddr, own: Own) -> Arc<dyn Engine> {
        let wires = self.link.wires();
        let alone = || Access::new(self.now(), &wires);
        let access = Some(self.access.clone().unwrap_or_else(alone));
        let mut clients = biplane_sim::ClientConfig::new(wires);
        clients.access = access;
        let session = &mut clients.session;
        session.max_send_delay = own.max_send_delay.unwrap_or(session.max_send_delay);
        Arc::new(SimEngine::new(&self.shared, party, address, clients))
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}:", self.seed)?;
        self.breaches.iter().try_for_each(|breach| write!(f, "\n  {breach}"))
    }
}

impl error::Error for Broken {}

/// The pin of a server in a world: it is known by its number alone.
fn pin(server: usize) -> Pin {
    Pin::new(Rng::new(server as u64).bytes())
}

/// What the core of the world calls a protocol.
fn speaking(spec: ProtocolSpec) -> biplane_sim::Protocol {
    biplane_sim::Protocol { description: spec.description, channels: spec.channels }
}
