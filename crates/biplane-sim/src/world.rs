//! Servers, any number of clients, and the network between them, in virtual time.
//!
//! Guarantees: time is what the caller passed in plus what was simulated; nothing else decides it.
//! The same seed, configuration and calls give the same run, byte for byte. Every session is driven
//! as `biplane-net` drives it, and every datagram that arrives is delivered or dropped with a
//! reason.

mod agenda;
mod application;
mod arrival;
mod config;
mod forger;
mod host;
mod house;
mod joining;
mod line;
mod news;
mod passage;
mod recorder;
mod resuming;
mod switch;

pub use config::{ClientConfig, Clock, EndConfig};
pub(crate) use forger::Forger;
pub use forger::ForgerConfig;
pub use host::Tally;
pub use house::Gate;
pub use news::News;

use core::time::Duration;
use std::{net::SocketAddr, time::Instant};

use biplane_proto::{Session, SessionConfig};
use biplane_wire::{ChannelId, ChannelKind};

pub use crate::node::Questions;
use crate::{
    Breach, ContractBreach, Protocol, Rng, Side, Transcript, Wires, node::Node, watch::Watch,
};
use agenda::Agenda;
use house::House;
use line::{Line, Stage};
use news::Desk;

/// Servers, their clients, and what is under way between them.
#[derive(Debug)]
pub struct World {
    start: Instant,
    now: Instant,
    rng: Rng,
    secret: [u8; 32],
    protocol: Protocol,
    houses: Vec<House>,
    lines: Vec<Line>,
    watch: Watch,
    desk: Desk,
    agenda: Agenda,
    standstill: Standstill,
}

/// Steps without a nanosecond passing.
#[derive(Debug, Default)]
struct Standstill {
    steps: u32,
    /// There were so many that time does not go on any more.
    is_final: bool,
}

impl World {
    /// One server, which admits everybody, without a client, at `start`.
    #[must_use]
    pub fn new(start: Instant, seed: u64, protocol: Protocol) -> Self {
        Self::with(start, seed, protocol, Transcript::new())
    }

    /// The same, which keeps its transcript in words.
    #[must_use]
    pub fn in_words(start: Instant, seed: u64, protocol: Protocol) -> Self {
        Self::with(start, seed, protocol, Transcript::in_words())
    }

    /// Nothing at all, at `start`, for a caller who takes the news: [`World::poll_news`].
    #[must_use]
    pub fn empty(start: Instant, seed: u64) -> Self {
        let mut world = Self::void(start, seed, Protocol::new(&[], &[]), Transcript::new());
        world.desk.is_heard = true;
        world
    }

    fn with(start: Instant, seed: u64, protocol: Protocol, transcript: Transcript) -> Self {
        let mut world = Self::void(start, seed, protocol.clone(), transcript);
        world.serve(vec![protocol], Gate::Open, None);
        world
    }

    fn void(start: Instant, seed: u64, protocol: Protocol, transcript: Transcript) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            start,
            now: start,
            secret: rng.bytes(),
            rng,
            protocol,
            houses: Vec::new(),
            lines: Vec::new(),
            watch: Watch::new(seed, start, transcript),
            desk: Desk::default(),
            agenda: Agenda::default(),
            standstill: Standstill::default(),
        }
    }

    /// Opens a server that speaks `protocols`, and tells its ends of sessions `session` if that is
    /// not what their clients are told. Returns which server it is; servers count from 0.
    pub fn serve(
        &mut self,
        protocols: Vec<Protocol>,
        gate: Gate,
        session: Option<SessionConfig>,
    ) -> usize {
        let number = self.houses.len();
        self.houses.push(House::new(number, protocols, gate, session));
        number
    }

    /// Where a server is; `None` if there is no such server.
    #[must_use]
    pub fn server_address(&self, server: usize) -> Option<SocketAddr> {
        self.houses.get(server).map(|house| house.host.address)
    }

    /// Where a client is; `None` if there is no such client.
    #[must_use]
    pub fn client_address(&self, client: usize) -> Option<SocketAddr> {
        self.lines.get(client).map(|line| line.host.address)
    }

    /// The server that a client dialed; `None` if there is no such client.
    #[must_use]
    pub fn server_of(&self, client: usize) -> Option<usize> {
        self.lines.get(client).map(|line| line.house)
    }

    /// Something that has to be seen to, if this world was made to tell: [`World::empty`].
    pub fn poll_news(&mut self) -> Option<News> {
        self.desk.take()
    }

    /// Whether there is something to be seen to.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.desk.is_empty()
    }

    /// Lets [`News::Ready`] come again for `side`; before its messages are looked at.
    pub fn clear_ready(&mut self, side: Side) {
        if let Some(node) = self.node_mut(side) {
            node.clear_ready();
        }
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// What the applications speak where nothing else is said.
    #[must_use]
    pub const fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// How many clients there are.
    #[must_use]
    pub const fn clients(&self) -> usize {
        self.lines.len()
    }

    /// Both ends of every client's session.
    pub fn sides(&self) -> impl Iterator<Item = Side> + use<> {
        (0..self.lines.len()).flat_map(|client| [Side::Client(client), Side::Server(client)])
    }

    /// The wires of a client; `None` if there is no such client.
    #[must_use]
    pub fn wires(&self, client: usize) -> Option<&Wires> {
        self.lines.get(client).map(|line| &line.wires)
    }

    /// The wires of a client, to do something to them.
    pub fn wires_mut(&mut self, client: usize) -> Option<&mut Wires> {
        let line = self.lines.get_mut(client)?;
        self.agenda.touch(client);
        Some(&mut line.wires)
    }

    /// A client's NAT forgets it: what it sends by UDP comes from another port from now on, and from
    /// another address if `address`; what is sent to where it was reaches nobody. Its control
    /// connection goes on.
    pub fn rebind(&mut self, client: usize, address: bool) {
        let Some(line) = self.lines.get_mut(client) else { return };
        line.roaming.rebinds += 1;
        let there = line.host.rebound(line.roaming.rebinds, address);
        line.move_to(there);
    }

    /// A client's NAT has it again where it was before it was forgotten last, if it ever was.
    pub fn rebind_back(&mut self, client: usize) {
        let line = self.lines.get_mut(client);
        if let Some((line, before)) =
            line.and_then(|line| line.roaming.before.map(|before| (line, before)))
        {
            line.move_to(before);
        }
    }

    /// What the server's end of a client's session asked of addresses that were not proven.
    #[must_use]
    pub fn questions(&self, client: usize) -> Questions {
        self.node(Side::Server(client)).map(Node::questions).unwrap_or_default()
    }

    /// The session at `side`, once it has begun.
    #[must_use]
    pub fn session(&self, side: Side) -> Option<&Session> {
        self.node(side).map(|node| node.core().session())
    }

    /// The kind of a channel of the session at `side`; `None` if there is no such channel.
    #[must_use]
    pub fn channel_kind(&self, side: Side, channel: ChannelId) -> Option<ChannelKind> {
        let line = self.lines.get(side.client())?;
        line.protocol.channels.get(channel.index()).map(|channel| channel.kind)
    }

    /// Whether the sessions of all clients have begun at both ends.
    #[must_use]
    pub fn has_joined(&self) -> bool {
        self.sides().all(|side| self.session(side).is_some())
    }

    /// The datagrams of the first server.
    #[must_use]
    pub fn server_tally(&self) -> Tally {
        self.tally_of(0)
    }

    /// The datagrams of a server; none if there is no such server.
    #[must_use]
    pub fn tally_of(&self, server: usize) -> Tally {
        self.houses.get(server).map(|house| house.host.tally).unwrap_or_default()
    }

    /// The datagrams of a client; none if there is no such client.
    #[must_use]
    pub fn client_tally(&self, client: usize) -> Tally {
        self.lines.get(client).map(|line| line.host.tally).unwrap_or_default()
    }

    /// What happened so far.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.watch.transcript
    }

    /// What the sessions broke of the contract with their shell so far.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        self.watch.breaches()
    }

    /// Adds the figures of every session to the words of the transcript, if they are kept.
    pub fn remark_figures(&mut self) {
        let (at, lines, watch) = (self.elapsed(), &self.lines, &mut self.watch);
        for (client, line) in lines.iter().enumerate() {
            for (side, stage) in
                [(Side::Client(client), &line.client), (Side::Server(client), &line.server)]
            {
                let Some(node) = stage.node() else { continue };
                watch.transcript.remark(at, side, || {
                    let session = node.core().session();
                    format!("{:?} {:?}", session.planes(), session.stats())
                });
            }
        }
    }

    /// From now on every pair of key and nonce is compared with all that sealed anything before.
    pub fn count_nonces(&mut self) {
        self.watch.count_nonces();
    }

    /// How many pairs of key and nonce have sealed anything since.
    #[must_use]
    pub fn nonces(&self) -> u64 {
        self.watch.nonces()
    }

    /// Under how many receive ids packets come to the session at `side`.
    #[must_use]
    pub fn receive_ids(&self, side: Side) -> usize {
        let Some(line) = self.lines.get(side.client()) else { return 0 };
        match side {
            Side::Client(client) => line.host.ids_of(client),
            Side::Server(client) => {
                self.houses.get(line.house).map_or(0, |house| house.host.ids_of(client))
            }
        }
    }

    /// Ends every fault of every wire.
    pub fn calm(&mut self) {
        let now = self.now;
        for line in &mut self.lines {
            line.wires.calm(now);
            line.roaming.forger.iter_mut().for_each(|forger| forger.stop(now));
        }
        (0..self.lines.len()).for_each(|client| self.agenda.touch(client));
    }

    /// Looks whether every datagram is accounted for, and records it if not.
    pub fn check_accounts(&mut self) {
        let hosts = self.lines.iter().map(|line| &line.host);
        let hosts = hosts.chain(self.houses.iter().map(|house| &house.host));
        let tallies = hosts.map(|host| host.tally);
        let off: Vec<_> = tallies.filter(|tally| !tally.is_balanced()).collect();
        for Tally { received, delivered, drops } in off {
            let what = ContractBreach::Unaccounted { received, delivered, dropped: drops.total() };
            self.watch.breach(self.now, None, what);
        }
        for side in self.sides() {
            let miscounted: Vec<_> =
                self.node(side).into_iter().flat_map(Node::miscounted).collect();
            for what in miscounted {
                self.watch.breach(self.now, Some(side), what);
            }
        }
    }

    fn stage_mut(&mut self, side: Side) -> Option<&mut Stage> {
        let line = self.lines.get_mut(side.client())?;
        Some(match side {
            Side::Client(_) => &mut line.client,
            Side::Server(_) => &mut line.server,
        })
    }

    fn node_mut(&mut self, side: Side) -> Option<&mut Node> {
        self.stage_mut(side)?.node_mut()
    }

    fn node(&self, side: Side) -> Option<&Node> {
        let line = self.lines.get(side.client())?;
        match side {
            Side::Client(_) => line.client.node(),
            Side::Server(_) => line.server.node(),
        }
    }
}
