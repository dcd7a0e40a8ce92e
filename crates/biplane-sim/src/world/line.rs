//! One client, its session at both ends, and the wires between.

use std::time::Instant;

use biplane_proto::{Accepting, Dialing};

use super::{ClientConfig, host::Host};
use crate::{Protocol, Rng, Stream, Wires, node::Node, watch::Watch};

/// One client, its session at both ends, and the wires between.
#[derive(Debug)]
pub(super) struct Line {
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
        Self {
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
        }
    }

    pub(super) fn nodes(&mut self) -> impl Iterator<Item = &mut Node> {
        [self.client.node_mut(), self.server.node_mut()].into_iter().flatten()
    }

    pub(super) fn next_moment(&self) -> Option<Instant> {
        let (client, server) = (self.client.node(), self.server.node());
        let room = |node: Option<&Node>, stream: &Stream| {
            node.filter(|node| node.waits_for_room()).and_then(|_| stream.next_room())
        };
        [
            self.wires.next_arrival(),
            client.and_then(Node::wakes),
            server.and_then(Node::wakes),
            room(client, &self.wires.control_up),
            room(server, &self.wires.control_down),
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
