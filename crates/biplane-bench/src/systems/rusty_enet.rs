//! ENet in Rust: <https://docs.rs/rusty_enet>.

use std::{
    cell::Cell,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd as _, BorrowedFd},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use biplane_load::{Class, Heard, Means, Peer, Served, Side, System, Tuning};
use rusty_enet::{EventNoRef, Host, HostSettings, Packet, PeerID};

use super::node::{self, LONGEST_DATAGRAM, Node, Nodes, Pace, Paces};

/// The channel of what is unreliable, and that of what is reliable.
const CHANNELS: [u8; 2] = [0, 1];

/// Reliable bytes of a peer that may be queued or in flight; a single longer message may too.
const QUEUED_BYTES: usize = 256 << 10;

/// The sleep of the loop in its examples.
const TICK: Duration = Duration::from_millis(10);

/// The throttle drops what is unreliable when the round trip varies. This lets it only rise.
const THROTTLE: (u32, u32, u32) = (5000, 32, 0);

#[derive(Debug)]
pub(crate) struct RustyEnet;

impl System for RustyEnet {
    fn name(&self) -> &'static str {
        "rusty_enet"
    }

    fn version(&self) -> String {
        super::versions::of("rusty_enet").to_owned()
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn settings(&self, means: &Means) -> String {
        let driven = paces(means).drives("service");
        let tuned = match means.tuning {
            Tuning::Documented => "; defaults, as in its examples",
            Tuning::Tuned => {
                "; mtu 1452 (1392), throttle never falls, socket buffers 8/4 MiB asked"
            }
        };
        format!("{driven}{tuned}; a host a client; at most 256 KiB of reliable messages queued")
    }

    fn longest(&self, _class: Class) -> Option<usize> {
        Some(1 << 20)
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let socket = node::bind(means.tuning)?;
        let address = socket.local_addr()?.to_string();
        let pace = paces(means).server;
        let node = EnetNode::new(socket, means.clients + 1, pace, means)?;
        let side = Box::new(Nodes::server(node, pace)?);
        Ok(Served { side, address })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        let opened = Instant::now();
        let server = node::parse(address)?;
        let client = |_| EnetNode::join(node::bind(means.tuning)?, server, means);
        let nodes = (0..means.clients).map(client);
        Ok(Box::new(Nodes::clients(opened, nodes, paces(means).clients)?))
    }
}

fn paces(means: &Means) -> Paces {
    node::paces(means, Pace::Ticks(TICK))
}

/// A host, and its peers in the order in which they joined.
#[derive(Debug)]
struct EnetNode {
    host: Host<UdpSocket>,
    tuning: Tuning,
    passes: usize,
    joined: Vec<Joined>,
    /// By the library's number of a peer.
    numbers: Vec<Option<Peer>>,
}

#[derive(Debug)]
struct Joined {
    id: PeerID,
    queued: Rc<Cell<usize>>,
}

impl EnetNode {
    fn new(socket: UdpSocket, peers: usize, pace: Pace, means: &Means) -> Result<Self> {
        ensure!(peers <= PeerID::MAX, "ENet has {} peers at most", PeerID::MAX);
        let settings =
            HostSettings { peer_limit: peers, channel_limit: CHANNELS.len(), ..Default::default() };
        let mut host = Host::new(socket, settings)?;
        if means.tuning == Tuning::Tuned {
            host.set_mtu(LONGEST_DATAGRAM)?;
        }
        let (tuning, passes) = (means.tuning, pace.passes());
        Ok(Self { host, tuning, passes, joined: Vec::new(), numbers: vec![None; peers] })
    }

    fn join(socket: UdpSocket, server: SocketAddr, means: &Means) -> Result<Self> {
        let mut node = Self::new(socket, 1, paces(means).clients, means)?;
        node.host.connect(server, CHANNELS.len(), 0).context("no peer is free")?;
        Ok(node)
    }

    fn hear(&mut self, event: EventNoRef, hear: &mut dyn FnMut(Heard<'_>)) {
        let number = |numbers: &[Option<Peer>], id: PeerID| numbers.get(id.0).copied().flatten();
        match event {
            EventNoRef::Connect { peer, .. } => self.joins(peer, hear),
            EventNoRef::Receive { peer, packet, .. } => {
                if let Some(peer) = number(&self.numbers, peer) {
                    hear(Heard::Message(peer, packet.data()));
                }
            }
            EventNoRef::Disconnect { peer, .. } => {
                if let Some(peer) = self.numbers.get_mut(peer.0).and_then(Option::take) {
                    hear(Heard::Left(peer));
                } else if self.joined.is_empty() {
                    hear(Heard::Left(0));
                }
            }
        }
    }

    fn joins(&mut self, id: PeerID, hear: &mut dyn FnMut(Heard<'_>)) {
        let number = self.joined.len();
        if let (Tuning::Tuned, Some(peer)) = (self.tuning, self.host.get_peer_mut(id)) {
            let (interval, acceleration, deceleration) = THROTTLE;
            peer.set_throttle(interval, acceleration, deceleration);
        }
        self.joined.push(Joined { id, queued: Rc::default() });
        if let Some(slot) = self.numbers.get_mut(id.0) {
            *slot = Some(number);
        }
        hear(Heard::Joined(number));
    }
}

impl Node for EnetNode {
    fn socket(&self) -> BorrowedFd<'_> {
        self.host.socket().as_fd()
    }

    fn step(&mut self, _now: Instant, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        for left in (0..self.passes).rev() {
            let mut event = self.host.service()?.map(rusty_enet::Event::no_ref);
            while let Some(came) = event {
                self.hear(came, hear);
                event = self.host.check_events().map(rusty_enet::Event::no_ref);
            }
            // It ends with a client that joins, or without anything after 256 datagrams.
            if left == 0 || !node::is_readable(self.host.socket().as_fd())? {
                break;
            }
        }
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        let Some(Joined { id, queued }) = self.joined.get(to) else { return Ok(false) };
        if self.numbers.get(id.0) != Some(&Some(to)) {
            return Ok(false);
        }
        let [unreliable, reliable] = CHANNELS;
        let (channel, packet) = match class {
            Class::Unreliable => (unreliable, Packet::always_unreliable(message)),
            Class::Reliable | Class::Command => {
                if queued.get() > 0 && queued.get() + message.len() > QUEUED_BYTES {
                    return Ok(false);
                }
                (reliable, Packet::reliable(Counted::new(message, queued)))
            }
        };
        let Some(peer) = self.host.get_peer_mut(*id) else { return Ok(false) };
        peer.send(channel, &packet)?;
        Ok(true)
    }

    fn flush(&mut self, _now: Instant) -> Result<()> {
        self.host.flush();
        Ok(())
    }
}

impl Drop for EnetNode {
    fn drop(&mut self) {
        for peer in self.host.connected_peers_mut() {
            peer.disconnect_now(0);
        }
    }
}

/// A reliable message, counted from when it is queued until its last byte has been acked: ENet
/// keeps it that long, and says nowhere how much it keeps.
struct Counted {
    message: Box<[u8]>,
    queued: Rc<Cell<usize>>,
}

impl Counted {
    fn new(message: &[u8], queued: &Rc<Cell<usize>>) -> Box<Self> {
        queued.set(queued.get() + message.len());
        Box::new(Self { message: message.into(), queued: Rc::clone(queued) })
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.message
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.queued.set(self.queued.get() - self.message.len());
    }
}

#[test]
fn it_does_what_every_system_must() {
    super::conformance::is_kept_by(&RustyEnet);
}

#[test]
fn who_waits_to_join_a_server_with_ticks_joins_in_one_step() {
    let means = super::conformance::means(Tuning::Tuned, 100);
    let socket = node::bind(means.tuning).unwrap();
    let address = socket.local_addr().unwrap();
    let mut server = EnetNode::new(socket, means.clients, paces(&means).server, &means).unwrap();
    let client = |_| EnetNode::join(node::bind(means.tuning).unwrap(), address, &means).unwrap();
    let mut clients: Vec<_> = (0..means.clients).map(client).collect();
    node::is_joined_by_all_at_once(&mut server, &mut clients);
}

#[test]
fn it_carries_a_reliable_flow() {
    super::flow::is_carried_by(&RustyEnet);
}
