//! One client, its session at both ends, and the wires between.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{Accepting, Dialing};

use super::{ClientConfig, EndConfig, host::Host, recorder::Recorder};
use crate::{Link, Protocol, Rng, Side, Stream, Wires, node::Node, rng::nanos, watch::Watch};

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
    /// How often its NAT forgot it.
    pub(super) rebinds: u32,
    pub(super) wires: Wires,
    pub(super) host: Host,
    pub(super) client: Stage,
    pub(super) server: Stage,
    recorders: [Recorder; 2],
    /// Decides what becomes of datagrams beyond the wires.
    pub(super) dealer: Rng,
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
            config,
            rebinds: 0,
            host: Host::client(client),
            client: Stage::Failed,
            server: Stage::Accepting { inbox: Vec::new() },
            recorders: <[Recorder; 2]>::default(),
            // A fork changes all that is drawn after it, which is not worth it to most lines.
            dealer: if is_simple { Rng::new(0) } else { rng.fork() },
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
    pub(super) const fn link_to(&mut self, side: Side) -> &mut Link {
        match side {
            Side::Client(_) => &mut self.wires.down,
            Side::Server(_) => &mut self.wires.up,
        }
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
        if end.receivers < 2 {
            return at;
        }
        let elapsed = nanos(at.saturating_duration_since(self.start));
        self.start + Duration::from_nanos(elapsed.next_multiple_of(BATCH))
    }

    pub(super) fn nodes(&mut self) -> impl Iterator<Item = &mut Node> {
        [self.client.node_mut(), self.server.node_mut()].into_iter().flatten()
    }

    pub(super) fn next_moment(&self) -> Option<Instant> {
        let (client, server) = (self.client.node(), self.server.node());
        let room = |node: Option<&Node>, stream: &Stream| {
            node.filter(|node| node.waits_for_room()).and_then(|_| stream.next_room())
        };
        let Wires { up, down, control_up, control_down } = &self.wires;
        let ClientConfig { client: down_end, server: up_end, .. } = &self.config;
        [
            up.next_arrival().map(|at| self.read_at(up_end, at)),
            down.next_arrival().map(|at| self.read_at(down_end, at)),
            control_up.next_arrival(),
            control_down.next_arrival(),
            client.and_then(Node::wakes),
            server.and_then(Node::wakes),
            room(client, control_up),
            room(server, control_down),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn settle(&mut self, now: Instant, watch: &mut Watch) {
        let Wires { up, down, control_up, control_down } = &mut self.wires;
        if let Some(node) = self.client.node_mut() {
            node.settle(now, up, control_up, watch);
        }
        if let Some(node) = self.server.node_mut() {
            node.settle(now, down, control_down, watch);
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
