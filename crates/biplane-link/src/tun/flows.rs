//! Datagrams from many sources, each by a way of its own to the target and back.
//!
//! A source has a socket of its own on the near side, and another towards the target: so it has a
//! port of its own on every hop, as behind a NAT, and a new one when its binding is renewed. Then what
//! is under way to the target still arrives, and what is under way to the source does not.

mod flow;
mod port;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use biplane_sim::Rng;

use super::namespaces::Makers;
use crate::{
    limits, sockets,
    udp::{Run, Source, another_loopback, tell_of_crowd},
};
use flow::Flow;
use port::Port;

/// How long a binding that was renewed still lets through what is under way to the target.
const OLD: Duration = Duration::from_secs(10);
/// Datagrams read from a socket before others have their turn.
const TURN: usize = 64;
/// Batches read from the port before others have theirs.
const BATCHES: usize = 2;
/// The longest datagram there is.
const LONGEST: usize = 65_535;
/// The headers of a datagram on the wire: IPv4 without options, UDP.
const HEADERS: usize = 20 + 8;

/// What has happened to datagrams at the two ends of one direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Counts {
    /// The longest that crosses, in bytes.
    longest: usize,
    /// Read from whom they came from.
    pub(super) received: u64,
    /// Handed to whom they were for.
    pub(super) forwarded: u64,
    /// Longer than what crosses.
    pub(super) too_big: u64,
    /// Not taken by a socket on the way.
    pub(super) queue_dropped: u64,
}

/// All sources of one port.
#[derive(Debug)]
pub(super) struct Flows {
    port: Port,
    far: UdpSocket,
    target: SocketAddr,
    /// Where the addresses come from that new flows reach the target from, once they differ.
    addresses: Option<Rng>,
    flows: BTreeMap<u64, Flow>,
    by_source: HashMap<Source, u64>,
    by_near: HashMap<SocketAddr, u64>,
    opened: u64,
    datagram: Box<[u8; LONGEST]>,
    pub(super) up: Counts,
    pub(super) down: Counts,
    /// Datagrams that would have begun a flow when there was no socket for one.
    pub(super) refused: u64,
}

impl Counts {
    fn new(mtu: u16) -> Self {
        let longest = usize::from(mtu).saturating_sub(HEADERS);
        Self { longest, received: 0, forwarded: 0, too_big: 0, queue_dropped: 0 }
    }

    /// Counts one that was received; whether it may cross.
    fn receive(&mut self, len: usize) -> bool {
        let fits = len <= self.longest;
        self.received += 1;
        self.too_big += u64::from(!fits);
        fits
    }

    /// Counts one that left for the wire, or did not.
    fn depart(&mut self, has_left: bool) {
        self.queue_dropped += u64::from(!has_left);
    }

    /// Counts one that came off the wire, and was handed on or not.
    fn forward(&mut self, is_taken: bool) {
        self.forwarded += u64::from(is_taken);
        self.queue_dropped += u64::from(!is_taken);
    }
}

impl Flows {
    /// From the port's `socket` through the `far` one to `target`. The longest IP packets that cross
    /// are of the lengths in `mtus`, up and down.
    ///
    /// # Errors
    ///
    /// If the socket cannot be set up.
    pub(super) fn new(
        socket: UdpSocket,
        far: UdpSocket,
        target: SocketAddr,
        mtus: [u16; 2],
    ) -> io::Result<Self> {
        let [up, down] = mtus.map(Counts::new);
        Ok(Self {
            port: Port::new(socket)?,
            far,
            target,
            addresses: None,
            flows: BTreeMap::new(),
            by_source: HashMap::new(),
            by_near: HashMap::new(),
            opened: 0,
            datagram: Box::new([0; LONGEST]),
            up,
            down,
            refused: 0,
        })
    }

    /// From the port into the near side.
    ///
    /// # Errors
    ///
    /// If no sockets will ever be had on the near side again.
    pub(super) fn take_up(&mut self, now: Instant, makers: &mut Makers<'_>) -> io::Result<()> {
        let mut batch = self.port.take_batch();
        for _ in 0..BATCHES {
            let Some(runs) = self.port.receive(&mut batch) else { break };
            for run in runs {
                self.take_run_up(now, run, makers)?;
            }
        }
        self.port.put_back(batch);
        Ok(())
    }

    fn take_run_up(
        &mut self,
        now: Instant,
        run: Run<'_>,
        makers: &mut Makers<'_>,
    ) -> io::Result<()> {
        let number = self.number_of(now, run.source, makers)?;
        let Some(flow) = number.and_then(|number| self.flows.get_mut(&number)) else {
            self.refused += run.count();
            return Ok(());
        };
        flow.used = now;
        for datagram in run.datagrams() {
            if self.up.receive(datagram.len()) {
                self.up.depart(flow.send_up(datagram));
            }
        }
        Ok(())
    }

    /// From the far side to the target.
    pub(super) fn give_up(&mut self) {
        for _ in 0..TURN {
            let received = self.far.recv_from(self.datagram.as_mut_slice());
            let Ok((len, near)) = received else { return };
            let flow = self.by_near.get(&near).and_then(|number| self.flows.get(number));
            let datagram = self.datagram.get(..len).unwrap_or_default();
            self.up.forward(flow.is_some_and(|flow| flow.give_up(datagram)));
        }
    }

    /// From the target into the far side, for the flow of this `number`.
    pub(super) fn take_down(&mut self, now: Instant, number: u64) {
        let Some(flow) = self.flows.get_mut(&number) else { return };
        for _ in 0..TURN {
            let Ok(len) = flow.out.recv(self.datagram.as_mut_slice()) else { return };
            if !flow.is_old {
                flow.used = now;
            }
            if self.down.receive(len) {
                let datagram = self.datagram.get(..len).unwrap_or_default();
                self.down.depart(self.far.send_to(datagram, flow.near_address).is_ok());
            }
        }
    }

    /// From the near side to the source, for the flow of this `number`.
    pub(super) fn give_down(&mut self, number: u64) {
        let Some(flow) = self.flows.get(&number) else { return };
        for _ in 0..TURN {
            let Some(len) = flow.receive_down(self.datagram.as_mut_slice()) else { return };
            let datagram = self.datagram.get(..len).unwrap_or_default();
            let sends = || self.port.send(datagram, flow.source).is_ok();
            self.down.forward(!flow.is_old && sends());
        }
    }

    /// Gives every source new ports, from when it next says something, and new addresses if there
    /// are `addresses`; how many there are.
    pub(super) fn rebind(&mut self, addresses: Option<Rng>) -> u64 {
        self.addresses = addresses.or_else(|| self.addresses.take());
        let rebound = self.by_source.len() as u64;
        self.by_source.clear();
        self.flows.values_mut().for_each(|flow| flow.is_old = true);
        rebound
    }

    /// How many sources there are.
    pub(super) fn len(&self) -> usize {
        self.by_source.len()
    }

    /// Forgets the sources that have been quiet for too long.
    pub(super) fn expire(&mut self, now: Instant) {
        let is_over = |flow: &Flow| {
            let quiet = now.saturating_duration_since(flow.used);
            quiet > if flow.is_old { OLD } else { limits::FLOW_IDLE }
        };
        let over = self.flows.iter().filter(|(_, flow)| is_over(flow));
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        for number in over {
            self.forget(number);
        }
    }

    /// The flow of this `source`, opened if it is new; `None` if the system has no way to the target
    /// now. Of too many, the one that has been quiet for longest is forgotten.
    fn number_of(
        &mut self,
        now: Instant,
        source: Source,
        makers: &mut Makers<'_>,
    ) -> io::Result<Option<u64>> {
        if let Some(number) = self.by_source.get(&source) {
            return Ok(Some(*number));
        }
        if self.flows.len() >= limits::FLOWS {
            self.forget_quietest();
        }
        let Some(near) = makers.namespaces.udp()? else { return Ok(None) };
        let from = self.addresses.as_mut().map(another_loopback);
        let out = sockets::flow(self.target, from);
        let Ok(flow) = out.and_then(|out| Flow::open(now, source, near, out)) else {
            return Ok(None);
        };
        let number = self.opened;
        self.opened += 1;
        flow.watch(number, makers.poller)?;
        self.by_source.insert(source, number);
        self.by_near.insert(flow.near_address, number);
        self.flows.insert(number, flow);
        Ok(Some(number))
    }

    /// Forgets the flow that has been quiet for longest, one whose binding has been renewed first.
    fn forget_quietest(&mut self) {
        tell_of_crowd();
        let quietest = self.flows.iter().min_by_key(|(_, flow)| (!flow.is_old, flow.used));
        if let Some(number) = quietest.map(|(number, _)| *number) {
            self.forget(number);
        }
    }

    fn forget(&mut self, number: u64) {
        let Some(flow) = self.flows.remove(&number) else { return };
        // There may be a newer flow of the same source.
        if self.by_source.get(&flow.source) == Some(&number) {
            self.by_source.remove(&flow.source);
        }
        self.by_near.remove(&flow.near_address);
    }
}
