//! One server, any number of clients, and the network between them, in virtual time.
//!
//! Guarantees: time is what the caller passed in plus what was simulated; nothing else decides it.
//! The same seed, configuration and calls give the same run, byte for byte. Every session is driven
//! as `biplane-net` drives it, and every datagram that arrives is delivered or dropped with a
//! reason.

mod application;
mod arrival;
mod config;
mod host;
mod joining;
mod line;
mod passage;

pub use config::{ClientConfig, EndConfig};
pub use host::Tally;

use core::time::Duration;
use std::time::Instant;

use biplane_proto::Session;

use crate::{
    Breach, ContractBreach, Protocol, Rng, Side, Transcript, Wires, node::Node, watch::Watch,
};
use host::Host;
use line::{Line, Stage};

/// A server, its clients, and what is under way between them.
#[derive(Debug)]
pub struct World {
    start: Instant,
    now: Instant,
    rng: Rng,
    secret: [u8; 32],
    protocol: Protocol,
    server: Host,
    lines: Vec<Line>,
    watch: Watch,
    steps_at_once: u32,
    has_halted: bool,
}

impl World {
    /// A server without a client, at `start`.
    #[must_use]
    pub fn new(start: Instant, seed: u64, protocol: Protocol) -> Self {
        Self::with(start, seed, protocol, Transcript::new())
    }

    /// The same, which keeps its transcript in words.
    #[must_use]
    pub fn in_words(start: Instant, seed: u64, protocol: Protocol) -> Self {
        Self::with(start, seed, protocol, Transcript::in_words())
    }

    fn with(start: Instant, seed: u64, protocol: Protocol, transcript: Transcript) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            start,
            now: start,
            secret: rng.bytes(),
            rng,
            protocol,
            server: Host::server(),
            lines: Vec::new(),
            watch: Watch::new(seed, start, transcript),
            steps_at_once: 0,
            has_halted: false,
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

    /// What the applications speak.
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
        self.lines.get_mut(client).map(|line| &mut line.wires)
    }

    /// The session at `side`, once it has begun.
    #[must_use]
    pub fn session(&self, side: Side) -> Option<&Session> {
        self.node(side).map(|node| node.core().session())
    }

    /// Whether the sessions of all clients have begun at both ends.
    #[must_use]
    pub fn has_joined(&self) -> bool {
        self.sides().all(|side| self.session(side).is_some())
    }

    /// The datagrams of the server.
    #[must_use]
    pub const fn server_tally(&self) -> Tally {
        self.server.tally
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

    /// Ends every fault of every wire.
    pub fn calm(&mut self) {
        let now = self.now;
        self.lines.iter_mut().for_each(|line| line.wires.calm(now));
    }

    /// Looks whether every datagram is accounted for, and records it if not.
    pub fn check_accounts(&mut self) {
        let tallies = self.lines.iter().map(|line| line.host.tally).chain([self.server.tally]);
        let off: Vec<_> = tallies.filter(|tally| !tally.is_balanced()).collect();
        for Tally { received, delivered, drops } in off {
            let what = ContractBreach::Unaccounted { received, delivered, dropped: drops.total() };
            self.watch.breach(self.now, None, what);
        }
        for side in self.sides() {
            let Some(node) = self.node(side) else { continue };
            let (says, took) = (node.core().session().stats().packets_received, node.delivered());
            if says != took {
                self.watch.breach(self.now, Some(side), ContractBreach::Miscounted { says, took });
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
