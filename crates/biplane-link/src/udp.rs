//! Flows of datagrams: every source has a socket of its own towards the target, as behind a NAT.

mod batch;
mod flow;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Instant,
};

use biplane_sim::{Arrival, Direction, Rng};
use quinn_udp::{Transmit, UdpSocketState};
use tracing::debug;

use crate::{
    RelayStats, UdpStats, limits,
    network::Network,
    poller::{Interest, Poller, Token},
    slab::{Place, Slab},
};
use batch::Batch;
use flow::{Flow, Source};

/// The UDP port and all flows.
#[derive(Debug)]
pub(crate) struct Udp {
    port: UdpSocket,
    state: UdpSocketState,
    target: SocketAddr,
    flows: Slab<Flow>,
    by_source: HashMap<Source, Place>,
    batch: Batch,
    next_sweep: Option<Instant>,
    up: Sent,
    down: Sent,
    refused: u64,
    rebinds: u64,
    rng: Rng,
}

/// What became of datagrams after the model.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    forwarded: u64,
    reordered: u64,
    dropped: u64,
    too_big: u64,
}

impl Udp {
    pub(crate) fn new(port: UdpSocket, target: SocketAddr, poller: &Poller) -> io::Result<Self> {
        poller.watch(&port, Token::Udp, Interest::READ)?;
        Ok(Self {
            state: UdpSocketState::new((&port).into())?,
            port,
            target,
            flows: Slab::new(limits::FLOWS),
            by_source: HashMap::new(),
            batch: Batch::new(),
            next_sweep: None,
            up: Sent::default(),
            down: Sent::default(),
            refused: 0,
            rebinds: 0,
            rng: Rng::new(0),
        })
    }

    /// Takes in what the port has.
    pub(crate) fn receive(&mut self, now: Instant, network: &mut Network, poller: &Poller) {
        let mut batch = core::mem::take(&mut self.batch);
        for _ in 0..limits::TURN {
            let Some(runs) = batch.receive(&self.port, &self.state) else { break };
            for run in runs {
                let Some(place) = self.flow(now, run.source, poller) else {
                    self.refused += run.count();
                    continue;
                };
                for datagram in run.datagrams() {
                    network.link_mut(Direction::Up).send_tagged(now, place, datagram.to_vec());
                }
            }
        }
        self.batch = batch;
    }

    /// Takes in what the target has sent to one flow.
    pub(crate) fn receive_from_target(
        &mut self,
        now: Instant,
        index: usize,
        network: &mut Network,
    ) {
        let Some(place) = self.flows.place(index) else { return };
        let Some(flow) = self.flows.get_mut(place) else { return };
        for _ in 0..limits::TURN {
            let Some(runs) = self.batch.receive(&flow.socket, &flow.state) else { break };
            flow.last_used = now;
            for datagram in runs.flat_map(batch::Run::datagrams) {
                network.link_mut(Direction::Down).send_tagged(now, place, datagram.to_vec());
            }
        }
    }

    /// Sends on what has arrived by `now`.
    pub(crate) fn deliver(&mut self, now: Instant, network: &mut Network) {
        for direction in Direction::ALL {
            while let Some(arrival) = network.link_mut(direction).pop(now) {
                self.forward(direction, &arrival);
            }
        }
    }

    /// Gives every flow another port, and another address if `address`.
    pub(crate) fn rebind(&mut self, poller: &Poller, address: bool) {
        for place in self.flows.places() {
            let from = address.then(|| another_loopback(&mut self.rng));
            let Some(flow) = self.flows.get_mut(place) else { continue };
            match flow.rebind(self.target, from, place, poller) {
                Ok(()) => self.rebinds += 1,
                Err(why) => debug!(%why, "a flow keeps its port"),
            }
        }
    }

    /// Forgets idle flows, now and then.
    pub(crate) fn sweep(&mut self, now: Instant, poller: &Poller) {
        if self.next_sweep.is_some_and(|next| now < next) {
            return;
        }
        self.next_sweep = Some(now + limits::FLOW_SWEEP);
        for place in self.flows.places() {
            let idle = |flow: &mut Flow| flow.last_used + limits::FLOW_IDLE < now;
            if self.flows.get_mut(place).is_some_and(idle) {
                self.forget(place, poller);
            }
        }
    }

    /// Writes down what there is to say of datagrams.
    pub(crate) fn report(&self, network: &Network, stats: &mut RelayStats) {
        for (direction, sent) in [(Direction::Up, self.up), (Direction::Down, self.down)] {
            let link = network.link(direction);
            let counts = link.stats();
            stats.way_mut(direction).udp = UdpStats {
                received: counts.sent,
                forwarded: sent.forwarded,
                lost: counts.lost,
                duplicated: counts.duplicated,
                reordered: sent.reordered,
                corrupted: counts.corrupted,
                queue_dropped: counts.queue_dropped + sent.dropped,
                blocked: counts.blocked,
                too_big: counts.too_big + sent.too_big,
                under_way: u64::try_from(link.under_way()).unwrap_or(u64::MAX),
            };
        }
        stats.rebinds = self.rebinds;
        stats.flows = u64::try_from(self.flows.len()).unwrap_or(u64::MAX);
        stats.refused += self.refused;
    }

    /// The flow of a source: the one it has, or a new one if there may be another.
    fn flow(&mut self, now: Instant, source: Source, poller: &Poller) -> Option<Place> {
        if let Some(place) = self.by_source.get(&source) {
            self.flows.get_mut(*place)?.last_used = now;
            return Some(*place);
        }
        if self.flows.is_full() {
            return None;
        }
        let place = self.flows.vacancy();
        match Flow::open(now, source, self.target, place, poller) {
            Ok(flow) => {
                self.flows.insert(flow);
                self.by_source.insert(source, place);
                Some(place)
            }
            Err(why) => {
                debug!(%why, "no socket for a flow");
                None
            }
        }
    }

    fn forget(&mut self, place: Place, poller: &Poller) {
        if let Some(flow) = self.flows.remove(place) {
            poller.forget(&flow.socket);
            self.by_source.remove(&flow.source);
        }
    }

    fn forward(&mut self, direction: Direction, arrival: &Arrival<Place>) {
        let flow = self.flows.get_mut(arrival.tag);
        let (sent, outcome) = match (direction, flow) {
            (Direction::Up, Some(flow)) => {
                let outcome = flow.send(&arrival.bytes);
                self.up.reordered += flow.is_overtaken(direction, arrival.number);
                (&mut self.up, outcome)
            }
            (Direction::Down, Some(flow)) => {
                let transmit = Transmit {
                    destination: flow.source.address,
                    ecn: None,
                    contents: &arrival.bytes,
                    segment_size: None,
                    src_ip: flow.source.local,
                };
                let outcome = self.state.try_send((&self.port).into(), &transmit);
                self.down.reordered += flow.is_overtaken(direction, arrival.number);
                (&mut self.down, outcome)
            }
            (Direction::Up, None) => (&mut self.up, Err(io::ErrorKind::NotConnected.into())),
            (Direction::Down, None) => (&mut self.down, Err(io::ErrorKind::NotConnected.into())),
        };
        match outcome {
            Ok(()) => sent.forwarded += 1,
            Err(error) if quinn_udp::is_msg_size_err(&error) => sent.too_big += 1,
            Err(_) => sent.dropped += 1,
        }
    }
}

/// An address in 127/8 that is not the usual one.
pub(crate) fn another_loopback(rng: &mut Rng) -> Ipv4Addr {
    let [b, c, d] = rng.bytes();
    Ipv4Addr::new(127, b | 1, c, d.clamp(2, 254))
}
