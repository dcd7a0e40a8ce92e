//! A host, driven as ENet's tutorial does: serviced when something comes.

use std::{cell::Cell, net::SocketAddr, os::fd::BorrowedFd, rc::Rc, time::Instant};

use anyhow::{Result, ensure};
use biplane_load::{Class, Heard, Means, Peer, Served, Side, Tuning};

use super::{
    super::node::{
        LONGEST_DATAGRAM, Node, Nodes, Pace, RECEIVE_BUFFER, SEND_BUFFER, is_readable, paces, parse,
    },
    ffi::{self, Event, Host, PeerId},
};

/// The channels of what is unreliable and of what is reliable, and how many these are.
const UNRELIABLE: u8 = 0;
const RELIABLE: u8 = 1;
const CHANNELS: u8 = 2;

/// `ENET_PROTOCOL_MAXIMUM_PEER_ID`.
const MOST_PEERS: usize = 4095;

/// Reliable bytes of a peer that may be queued or in flight; a single longer message may too.
const QUEUED_BYTES: usize = 256 << 10;

/// The throttle drops what is unreliable when the round trip varies. This lets it only rise.
const THROTTLE: (u32, u32, u32) = (5000, 32, 0);

pub(super) fn version() -> String {
    ffi::version()
}

pub(super) fn serve(means: &Means) -> Result<Served> {
    // One to spare: a peer that has left is kept for a while.
    let node = EnetNode::new(means.clients + 1, true, means)?;
    let address = node.host.address()?.to_string();
    let side = Nodes::server(node, paces(means, Pace::Events).server)?;
    Ok(Served { side: Box::new(side), address })
}

pub(super) fn join(means: &Means, address: &str) -> Result<Box<dyn Side>> {
    let opened = Instant::now();
    let server = parse(address)?;
    let nodes = (0..means.clients).map(|_| EnetNode::join(server, means));
    Ok(Box::new(Nodes::clients(opened, nodes, paces(means, Pace::Events).clients)?))
}

/// A host, and its peers in the order in which they joined.
#[derive(Debug)]
struct EnetNode {
    host: Host,
    tuning: Tuning,
    passes: usize,
    joined: Vec<Joined>,
    /// By ENet's number of a peer.
    numbers: Vec<Option<Peer>>,
}

#[derive(Debug)]
struct Joined {
    id: PeerId,
    queued: Rc<Cell<usize>>,
}

impl EnetNode {
    fn new(peers: usize, is_server: bool, means: &Means) -> Result<Self> {
        ensure!(peers <= MOST_PEERS, "ENet has {MOST_PEERS} peers at most");
        let mut host = Host::new(peers, CHANNELS, is_server)?;
        if means.tuning == Tuning::Tuned {
            host.set_mtu(LONGEST_DATAGRAM);
            host.set_buffers(RECEIVE_BUFFER, SEND_BUFFER)?;
        }
        let paces = paces(means, Pace::Events);
        let passes = if is_server { paces.server } else { paces.clients }.passes();
        let tuning = means.tuning;
        Ok(Self { host, tuning, passes, joined: Vec::new(), numbers: vec![None; peers] })
    }

    fn join(server: SocketAddr, means: &Means) -> Result<Self> {
        let mut node = Self::new(1, false, means)?;
        node.host.connect(server, CHANNELS)?;
        Ok(node)
    }

    fn hear(&mut self, event: &Event, hear: &mut dyn FnMut(Heard<'_>)) {
        match event {
            Event::Connected(id) => self.joins(*id, hear),
            Event::Received(id, message) => {
                if let Some(Some(number)) = self.numbers.get(usize::from(id.0)) {
                    hear(Heard::Message(*number, message.bytes()));
                }
            }
            Event::Disconnected(id) => {
                let number = self.numbers.get_mut(usize::from(id.0)).and_then(Option::take);
                if let Some(number) = number.or_else(|| self.joined.is_empty().then_some(0)) {
                    hear(Heard::Left(number));
                }
            }
        }
    }

    fn joins(&mut self, id: PeerId, hear: &mut dyn FnMut(Heard<'_>)) {
        let number = self.joined.len();
        if self.tuning == Tuning::Tuned {
            self.host.set_throttle(id, THROTTLE);
        }
        self.joined.push(Joined { id, queued: Rc::default() });
        if let Some(slot) = self.numbers.get_mut(usize::from(id.0)) {
            *slot = Some(number);
        }
        hear(Heard::Joined(number));
    }
}

impl Node for EnetNode {
    fn socket(&self) -> BorrowedFd<'_> {
        self.host.socket()
    }

    fn step(&mut self, _now: Instant, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        for left in (0..self.passes).rev() {
            let mut event = self.host.service()?;
            while let Some(came) = event {
                self.hear(&came, hear);
                event = self.host.check_events()?;
            }
            // It ends with a client that joins, or without anything after 256 datagrams.
            if left == 0 || !is_readable(self.host.socket())? {
                break;
            }
        }
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        let Some(Joined { id, queued }) = self.joined.get(to) else { return Ok(false) };
        if self.numbers.get(usize::from(id.0)) != Some(&Some(to)) {
            return Ok(false);
        }
        Ok(match class {
            Class::Unreliable => self.host.send(*id, UNRELIABLE, message),
            Class::Reliable | Class::Command => {
                let has_room = queued.get() == 0 || queued.get() + message.len() <= QUEUED_BYTES;
                has_room && self.host.send_reliable(*id, RELIABLE, message, queued)
            }
        })
    }

    fn flush(&mut self, _now: Instant) -> Result<()> {
        self.host.flush();
        Ok(())
    }
}

#[test]
fn who_waits_to_join_a_server_with_ticks_joins_in_one_step() {
    let means = crate::systems::conformance::means(Tuning::Tuned, 100);
    let mut server = EnetNode::new(means.clients, true, &means).unwrap();
    let address = server.host.address().unwrap();
    let client = |_| EnetNode::join(address, &means).unwrap();
    let mut clients: Vec<_> = (0..means.clients).map(client).collect();
    crate::systems::node::is_joined_by_all_at_once(&mut server, &mut clients);
}
