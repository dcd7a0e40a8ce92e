//! One client, its session at both ends, and the wires between.

use core::time::Duration;
use std::{net::SocketAddr, time::Instant};

use biplane_proto::{Accepting, Dialing};

use super::{
    ClientConfig, EndConfig, forger::Forger, host::Host, recorder::Recorder, switch::Switch,
};
use crate::{
    Arrival, Direction, Link, Protocol, Rng, Side, Wires,
    node::{Node, Outlet, stall},
    rng::nanos,
    watch::Watch,
};

/// Nanoseconds; what arrives in them is read at once where there is more than one receiver.
const BATCH: u64 = 1_000_000;

/// One client, its session at both ends, and the wires between.
#[derive(Debug)]
pub(super) struct Line {
    start: Instant,
    /// The server that it dials.
    pub(super) house: usize,
    /// What its client speaks.
    pub(super) protocol: Protocol,
    pub(super) config: ClientConfig,
    pub(super) roaming: Roaming,
    pub(super) wires: Wires,
    pub(super) host: Host,
    pub(super) client: Stage,
    pub(super) server: Stage,
    recorders: [Recorder; 2],
    /// Decides what becomes of datagrams beyond the wires.
    pub(super) dealer: Rng,
    pub(super) switch: Switch,
}

/// Where else its client's datagrams come from.
#[derive(Debug)]
pub(super) struct Roaming {
    /// How often its NAT forgot it.
    pub(super) rebinds: u32,
    /// Where it was before it was forgotten last.
    pub(super) before: Option<SocketAddr>,
    /// Who sends its datagrams again under the addresses of others.
    pub(super) forger: Option<Forger>,
}

/// How far an end of a session has come.
#[derive(Debug)]
pub(super) enum Stage {
    Dialing {
        dialing: Box<Dialing>,
        inbox: Vec<u8>,
    },
    Accepting {
        inbox: Vec<u8>,
    },
    /// The hello is whole, and somebody decides.
    Asking {
        accepting: Box<Accepting>,
        protocol: usize,
        inbox: Vec<u8>,
    },
    Live(Box<Node>),
    Failed,
}

impl Line {
    pub(super) fn new(
        start: Instant,
        client: usize,
        (house, protocol): (usize, Protocol),
        config: ClientConfig,
        rng: &mut Rng,
    ) -> Self {
        let wires = config.wires.clone();
        let is_simple =
            [config.client, config.server].iter().all(|end| end.receivers < 2 && !end.is_replayed);
        Self {
            start,
            house,
            protocol,
            wires: match &config.access {
                Some(access) => Wires::behind(start, wires, access, rng),
                None => Wires::new(start, wires, rng),
            },
            roaming: Roaming {
                rebinds: 0,
                before: None,
                // Nothing is drawn for it where there is none.
                forger: config.forger.map(|forger| {
                    let latency = config.wires.up.latency;
                    Forger::new(start, client, forger, latency, rng.fork())
                }),
            },
            config,
            host: Host::client(client),
            client: Stage::Failed,
            server: Stage::Accepting { inbox: Vec::new() },
            recorders: <[Recorder; 2]>::default(),
            // A fork changes all that is drawn after it, which is not worth it to most lines.
            dealer: if is_simple { Rng::new(0) } else { rng.fork() },
            switch: Switch::default(),
        }
    }

    /// What one end of it is like.
    pub(super) const fn end(&self, side: Side) -> &EndConfig {
        match side {
            Side::Client(_) => &self.config.client,
            Side::Server(_) => &self.config.server,
        }
    }

    /// The link whose datagrams come out at `side`.
    pub(super) const fn link_to(&mut self, side: Side) -> &mut Link<SocketAddr> {
        match side {
            Side::Client(_) => &mut self.wires.down,
            Side::Server(_) => &mut self.wires.up,
        }
    }

    /// Takes what has come out at `side`. What was sent to where a NAT has forgotten the client
    /// reaches nobody.
    pub(super) fn pop(&mut self, side: Side, now: Instant) -> Option<Arrival<SocketAddr>> {
        let here = self.host.address;
        let reaches = |arrival: &Arrival<SocketAddr>| match side {
            Side::Client(_) => arrival.tag == here,
            Side::Server(_) => true,
        };
        let link = self.link_to(side);
        core::iter::from_fn(|| link.pop(now)).find(reaches)
    }

    /// Who records what comes out at `side`, and what decides when it comes again.
    pub(super) const fn recorder(&mut self, side: Side) -> (&mut Recorder, &mut Rng) {
        let [client, server] = &mut self.recorders;
        let recorder = match side {
            Side::Client(_) => client,
            Side::Server(_) => server,
        };
        (recorder, &mut self.dealer)
    }

    /// How many datagrams came once more.
    pub(super) fn replayed(&self) -> u64 {
        self.recorders.iter().map(Recorder::came_again).sum()
    }

    /// When datagrams that arrive at an end at `at` are read there.
    pub(super) fn read_at(&self, end: &EndConfig, at: Instant) -> Instant {
        let awake = self.awake(end, at);
        if end.receivers < 2 {
            return awake;
        }
        let elapsed = nanos(awake.saturating_duration_since(self.start));
        self.start + Duration::from_nanos(elapsed.next_multiple_of(BATCH))
    }

    /// When the machine of an end does what comes at `at`.
    pub(super) fn awake(&self, end: &EndConfig, at: Instant) -> Instant {
        stall(self.start, end.stalls, at)
    }

    /// Its client's datagrams come from there from now on, and nobody is where they came from.
    pub(super) fn move_to(&mut self, there: SocketAddr) {
        self.roaming.before = Some(core::mem::replace(&mut self.host.address, there));
        if let Some(node) = self.server.node_mut() {
            node.peer_moved(there);
        }
    }

    pub(super) fn nodes(&mut self) -> impl Iterator<Item = &mut Node> {
        [self.client.node_mut(), self.server.node_mut()].into_iter().flatten()
    }

    pub(super) fn next_moment(&self) -> Option<Instant> {
        let Wires { up, down, .. } = &self.wires;
        let ClientConfig { client: down_end, server: up_end, .. } = &self.config;
        let of_nodes = [Side::Client(0), Side::Server(0)].into_iter().flat_map(|side| {
            let (stage, number, direction) = match side {
                Side::Client(_) => (&self.client, self.switch.client_on, Direction::Up),
                Side::Server(_) => (&self.server, self.switch.server_on, Direction::Down),
            };
            let waits = stage.node().filter(|node| node.waits_for_room());
            let room = waits.and_then(|_| self.wires.next_room(number, direction));
            [stage.node().and_then(Node::wakes), room]
        });
        [
            up.next_arrival().map(|at| self.read_at(up_end, at)),
            down.next_arrival().map(|at| self.read_at(down_end, at)),
            self.wires.next_control(Direction::Up).map(|at| self.awake(up_end, at)),
            self.wires.next_control(Direction::Down).map(|at| self.awake(down_end, at)),
            self.switch.next_moment(&self.wires),
            self.roaming.forger.as_ref().and_then(Forger::next_arrival),
        ]
        .into_iter()
        .chain(of_nodes)
        .flatten()
        .min()
    }

    pub(super) fn settle(&mut self, now: Instant, watch: &mut Watch) {
        // While it asks, its session has no connection yet.
        let asks = self.asks();
        if let Some(node) = self.client.node_mut() {
            let (link, control) = self.wires.out(self.switch.client_on, Direction::Up);
            let (from, forger) = (Some(self.host.address), self.roaming.forger.as_mut());
            let outlet = Outlet { link, from, forger };
            node.settle(now, (outlet, control.filter(|_| !asks)), watch);
        }
        if let Some(node) = self.server.node_mut() {
            let (link, control) = self.wires.out(self.switch.server_on, Direction::Down);
            node.settle(now, (Outlet { link, from: None, forger: None }, control), watch);
        }
    }
}

impl Stage {
    pub(super) fn node(&self) -> Option<&Node> {
        match self {
            Self::Live(node) => Some(node),
            Self::Dialing { .. } | Self::Accepting { .. } | Self::Asking { .. } | Self::Failed => {
                None
            }
        }
    }

    pub(super) fn node_mut(&mut self) -> Option<&mut Node> {
        match self {
            Self::Live(node) => Some(node),
            Self::Dialing { .. } | Self::Accepting { .. } | Self::Asking { .. } | Self::Failed => {
                None
            }
        }
    }
}
