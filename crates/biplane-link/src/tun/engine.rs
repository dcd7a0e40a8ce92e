//! The one thread of the TUN form: sockets, devices, and the links between them.

use std::{io, os::fd::AsFd, sync::Arc, time::Instant};

use biplane_sim::{Direction, Instruction, Rng};
use tracing::{debug, error};

use super::{
    buffers,
    flows::Flows,
    namespaces::{Ends, Makers, Namespaces},
    poller::{Poller, Ready},
    run::{Run, mtus},
    streams::Streams,
    token::Token,
    wire::Wire,
};
use crate::{
    RelayConfig, RelayStats, TcpStats, UdpStats, clock, limits, relay::Shared, sockets::Ports,
};

/// Everything that the thread owns.
#[derive(Debug)]
pub(super) struct Engine {
    shared: Arc<Shared>,
    run: Run,
    poller: Poller,
    namespaces: Namespaces,
    wire: Wire,
    streams: Streams,
    flows: Flows,
    rebinds: u64,
    next_sweep: Instant,
}

impl Engine {
    /// One that relays from `ports` through the namespaces whose `ends` these are. A call of `waker`
    /// ends its waits.
    pub(super) fn new(
        config: &RelayConfig,
        ports: Ports,
        (namespaces, ends): (Namespaces, Ends),
        (shared, waker): (Arc<Shared>, &polling::Poller),
    ) -> io::Result<Self> {
        let now = clock::now();
        let run = Run::new(&config.profile, config.seed);
        let poller = Poller::new()?;
        watch(&poller, &ports, &namespaces, &ends)?;
        poller.add_reader(waker, Token::Call)?;
        buffers::enlarge(&ends.far_socket);
        Ok(Self {
            shared,
            wire: Wire::new([ends.near, ends.far], now, &config.profile, config.seed),
            streams: Streams::new(ports.tcp, ends.far_listener, config.to),
            flows: Flows::new(ports.udp, ends.far_socket, config.to, mtus(&config.profile))?,
            run,
            poller,
            namespaces,
            rebinds: 0,
            next_sweep: now,
        })
    }

    /// Relays until it is told to stop.
    pub(super) fn run(mut self) {
        let mut ready = Vec::new();
        while !self.shared.is_stopping() {
            if let Err(why) = self.turn(&mut ready) {
                error!(%why, "the relay ends: its namespaces are of no more use");
                return;
            }
        }
    }

    /// Does what is due, waits for what is next, and takes that in.
    fn turn(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        let now = clock::now();
        self.wire.deliver(now);
        self.streams.pump_again();
        self.carry_out(now);
        self.sweep(now)?;
        self.shared.publish(self.stats(now));
        let patience = self.next_moment(now).saturating_duration_since(clock::now());
        self.poller.wait(patience, ready)?;
        let now = clock::now();
        ready.drain(..).try_for_each(|ready| self.take(now, ready))
    }

    /// Takes in what has become ready.
    fn take(&mut self, now: Instant, Ready { token, is_over }: Ready) -> io::Result<()> {
        let mut makers = Makers { namespaces: &mut self.namespaces, poller: &self.poller };
        match token {
            Token::NearDevice => {
                self.wire.read_near()?;
                self.wire.send(clock::now(), Direction::Up);
            }
            Token::FarDevice => {
                self.wire.read_far()?;
                self.wire.send(clock::now(), Direction::Down);
            }
            Token::Listener => {
                begin(&mut self.run, &mut self.wire, now);
                self.streams.accept(&mut makers)?;
            }
            Token::FarListener => self.streams.accept_far(&self.poller)?,
            Token::Socket => {
                begin(&mut self.run, &mut self.wire, now);
                self.flows.take_up(now, &mut makers)?;
            }
            Token::FarSocket => self.flows.give_up(),
            Token::Keeper => self.namespaces.restock()?,
            Token::Call => {}
            Token::Splice(number) => self.streams.pump(number, is_over),
            Token::FlowNear(number) => self.flows.give_down(number),
            Token::FlowOut(number) => self.flows.take_down(now, number),
        }
        Ok(())
    }

    fn carry_out(&mut self, now: Instant) {
        while let Some(instruction) = self.run.instruction(now) {
            match instruction {
                Instruction::KillTcp => self.streams.kill(),
                Instruction::RebindUdp { address } => {
                    let addresses = address.then(|| Rng::new(self.rebinds));
                    self.rebinds += self.flows.rebind(addresses);
                }
                other => debug!(?other, "an instruction that the relay does not know"),
            }
        }
    }

    fn sweep(&mut self, now: Instant) -> io::Result<()> {
        if now < self.next_sweep {
            return Ok(());
        }
        self.next_sweep = now + limits::FLOW_SWEEP;
        self.flows.expire(now);
        self.streams.wake(&self.poller)
    }

    fn next_moment(&self, now: Instant) -> Instant {
        let moments = [
            self.streams.is_busy().then_some(now),
            self.wire.next_arrival(),
            self.run.next_due(),
            Some(now + limits::HEARTBEAT),
        ];
        moments.into_iter().flatten().min().unwrap_or(now)
    }

    fn stats(&self, now: Instant) -> RelayStats {
        let mut stats = RelayStats {
            elapsed: self.run.elapsed(now),
            rebinds: self.rebinds,
            flows: number(self.flows.len()),
            refused: self.flows.refused + self.streams.counts.refused,
            ..RelayStats::default()
        };
        for direction in Direction::ALL {
            let way = stats.way_mut(direction);
            way.tcp = self.tcp(direction);
            way.udp = self.udp(direction);
        }
        stats
    }

    fn tcp(&self, direction: Direction) -> TcpStats {
        let counts = self.streams.counts;
        let bytes = match direction {
            Direction::Up => counts.up,
            Direction::Down => counts.down,
        };
        TcpStats { bytes, connections: counts.connections, killed: counts.killed, stalls: 0 }
    }

    fn udp(&self, direction: Direction) -> UdpStats {
        let (link, under_way) = self.wire.udp(direction);
        let ends = match direction {
            Direction::Up => self.flows.up,
            Direction::Down => self.flows.down,
        };
        UdpStats {
            received: ends.received,
            forwarded: ends.forwarded,
            lost: link.lost,
            duplicated: link.duplicated,
            reordered: link.reordered,
            corrupted: link.corrupted,
            queue_dropped: link.queue_dropped + ends.queue_dropped,
            blocked: link.blocked,
            too_big: link.too_big + ends.too_big,
            under_way: number(under_way),
        }
    }
}

/// Lets the run begin, if it has not.
fn begin(run: &mut Run, wire: &mut Wire, now: Instant) {
    if run.begin(now) {
        wire.restart(now, &run.profile, run.seed);
    }
}

/// Lets `poller` tell of all that is there from the start.
fn watch(poller: &Poller, ports: &Ports, namespaces: &Namespaces, ends: &Ends) -> io::Result<()> {
    let listener = ports.tcp.as_ref().map(|tcp| (tcp.as_fd(), Token::Listener));
    [
        (ends.near.as_fd(), Token::NearDevice),
        (ends.far.as_fd(), Token::FarDevice),
        (ends.far_listener.as_fd(), Token::FarListener),
        (ends.far_socket.as_fd(), Token::FarSocket),
        (ports.udp.as_fd(), Token::Socket),
        (namespaces.as_fd(), Token::Keeper),
    ]
    .into_iter()
    .chain(listener)
    .try_for_each(|(source, token)| poller.add_reader(source, token))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
