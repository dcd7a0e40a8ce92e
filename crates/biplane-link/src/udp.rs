//! Flows of datagrams: every source has a socket of its own towards the target, as behind a NAT.

mod batch;
mod bundle;
mod flow;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::Once,
    time::Instant,
};

use biplane_sim::{Direction, Rng};
use quinn_udp::{Transmit, UdpSocketState};
use tracing::{debug, warn};

use crate::{
    RelayStats, UdpStats, clock, limits,
    network::Network,
    poller::{Interest, Poller, Token},
    slab::{Place, Slab},
};
use bundle::Bundle;
use flow::Flow;

pub(crate) use batch::{Batch, Run};
pub(crate) use flow::Source;

/// The UDP port and all flows.
#[derive(Debug)]
pub(crate) struct Udp {
    port: UdpSocket,
    state: UdpSocketState,
    target: SocketAddr,
    flows: Slab<Flow>,
    by_source: HashMap<Source, Place>,
    batch: Batch,
    bundle: Bundle,
    next_sweep: Option<Instant>,
    counts: Counts,
    rng: Rng,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    up: Sent,
    down: Sent,
    refused: u64,
    rebinds: u64,
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
        let state = UdpSocketState::new((&port).into())?;
        let most = state.max_gso_segments();
        Ok(Self {
            state,
            port,
            target,
            flows: Slab::new(limits::FLOWS),
            by_source: HashMap::new(),
            batch: Batch::new(),
            bundle: Bundle::new(most),
            next_sweep: None,
            counts: Counts::default(),
            rng: Rng::new(0),
        })
    }

    /// Takes in what the port has.
    pub(crate) fn receive(&mut self, network: &mut Network, poller: &Poller) {
        let mut batch = core::mem::take(&mut self.batch);
        for _ in 0..limits::TURN {
            let Some(runs) = batch.receive(&self.port, &self.state) else { break };
            // Not before they were there: nothing may arrive early.
            let now = clock::now();
            for run in runs {
                let Some(place) = self.flow(now, run.source, poller) else {
                    self.counts.refused += run.count();
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
    pub(crate) fn receive_from_target(&mut self, index: usize, network: &mut Network) {
        let Some(place) = self.flows.place(index) else { return };
        let Some(flow) = self.flows.get_mut(place) else { return };
        for _ in 0..limits::TURN {
            let Some(runs) = self.batch.receive(&flow.socket, &flow.state) else { break };
            let now = clock::now();
            flow.last_used = now;
            for datagram in runs.flat_map(Run::datagrams) {
                network.link_mut(Direction::Down).send_tagged(now, place, datagram.to_vec());
            }
        }
    }

    /// Sends on what has arrived by `now`.
    pub(crate) fn deliver(&mut self, now: Instant, network: &mut Network) {
        for direction in Direction::ALL {
            let mut bundle = core::mem::take(&mut self.bundle);
            while let Some(arrival) = network.link_mut(direction).pop(now) {
                let flow = self.flows.get_mut(arrival.tag);
                let late = flow.map_or(0, |flow| flow.is_overtaken(direction, arrival.number));
                self.sent(direction).reordered += late;
                if !bundle.takes(arrival.tag, arrival.bytes.len()) {
                    self.send(direction, &mut bundle);
                }
                bundle.add(arrival.tag, &arrival.bytes);
            }
            self.send(direction, &mut bundle);
            self.bundle = bundle;
        }
    }

    /// Gives every flow another port, and another address if `address`.
    pub(crate) fn rebind(&mut self, poller: &Poller, address: bool) {
        for place in self.flows.places() {
            let from = address.then(|| another_loopback(&mut self.rng));
            let Some(flow) = self.flows.get_mut(place) else { continue };
            match flow.rebind(self.target, from, place, poller) {
                Ok(()) => self.counts.rebinds += 1,
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
        for (direction, sent) in
            [(Direction::Up, self.counts.up), (Direction::Down, self.counts.down)]
        {
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
        stats.rebinds = self.counts.rebinds;
        stats.flows = u64::try_from(self.flows.len()).unwrap_or(u64::MAX);
        stats.refused += self.counts.refused;
    }

    /// The flow of a source: the one it has, or a new one if there is a socket for it.
    fn flow(&mut self, now: Instant, source: Source, poller: &Poller) -> Option<Place> {
        if let Some(place) = self.by_source.get(&source) {
            self.flows.get_mut(*place)?.last_used = now;
            return Some(*place);
        }
        if self.flows.is_full() {
            self.forget_quietest(poller);
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

    /// Forgets the flow that has been quiet for longest.
    fn forget_quietest(&mut self, poller: &Poller) {
        tell_of_crowd();
        let places = self.flows.places().into_iter();
        let quietest = places.min_by_key(|place| {
            let flow = self.flows.get_mut(*place);
            flow.map(|flow| flow.last_used)
        });
        quietest.iter().for_each(|place| self.forget(*place, poller));
    }

    fn forget(&mut self, place: Place, poller: &Poller) {
        if let Some(flow) = self.flows.remove(place) {
            poller.forget(&flow.socket);
            self.by_source.remove(&flow.source);
        }
    }

    /// Sends a bundle, in one call if the system can; it is empty then.
    fn send(&mut self, direction: Direction, bundle: &mut Bundle) {
        if let Some(place) = bundle.place() {
            let whole = self.send_once(direction, place, bundle.bytes(), bundle.segment());
            if whole.is_ok() {
                self.sent(direction).forwarded += bundle.count();
            } else {
                // A refusal may have been meant for one before, or for the bundle as such.
                bundle.datagrams().for_each(|one| self.send_alone(direction, place, one));
            }
        }
        bundle.clear();
    }

    fn send_alone(&mut self, direction: Direction, place: Place, datagram: &[u8]) {
        let outcome = self.send_once(direction, place, datagram, None);
        let sent = self.sent(direction);
        match outcome {
            Ok(()) => sent.forwarded += 1,
            Err(error) if quinn_udp::is_msg_size_err(&error) => sent.too_big += 1,
            Err(_) => sent.dropped += 1,
        }
    }

    fn send_once(
        &mut self,
        direction: Direction,
        place: Place,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let flow = self.flows.get_mut(place).ok_or(io::ErrorKind::NotConnected)?;
        match direction {
            Direction::Up => flow.send(self.target, contents, segment_size),
            Direction::Down => {
                let transmit = Transmit {
                    destination: flow.source.address,
                    ecn: None,
                    contents,
                    segment_size,
                    src_ip: flow.source.local,
                };
                self.state.try_send((&self.port).into(), &transmit)
            }
        }
    }

    const fn sent(&mut self, direction: Direction) -> &mut Sent {
        match direction {
            Direction::Up => &mut self.counts.up,
            Direction::Down => &mut self.counts.down,
        }
    }
}

/// Says, once, that there are more flows than places for them.
pub(crate) fn tell_of_crowd() {
    static TOLD: Once = Once::new();
    let most = limits::FLOWS;
    TOLD.call_once(|| {
        warn!(most, "too many UDP flows: those that have been quiet for longest are forgotten");
    });
}

/// An address in 127/8 that is not the usual one.
pub(crate) fn another_loopback(rng: &mut Rng) -> Ipv4Addr {
    let [b, c, d] = rng.bytes();
    Ipv4Addr::new(127, b | 1, c, d.clamp(2, 254))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn where_there_are_too_many_the_quietest_flow_makes_room() {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (target, poller) = (port.local_addr().unwrap(), Poller::new().unwrap());
        let mut udp = Udp::new(port, target, &poller).unwrap();
        udp.flows = Slab::new(2);
        let start = Instant::now();
        let source =
            |port| Source { address: SocketAddr::from(([127, 0, 0, 1], port)), local: None };
        let mut says = |port, after| {
            let place = udp.flow(start + Duration::from_secs(after), source(port), &poller);
            assert!(place.is_some(), "{port}");
            [1, 2, 3].map(|port| udp.by_source.contains_key(&source(port)))
        };
        assert_eq!(says(1, 0), [true, false, false]);
        assert_eq!(says(2, 1), [true, true, false]);
        assert_eq!(says(1, 2), [true, true, false]);
        assert_eq!(says(3, 3), [true, false, true]);
        assert_eq!(says(2, 4), [false, true, true]);
    }
}
