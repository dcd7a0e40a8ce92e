//! The one thread that carries everything.
//!
//! It waits for sockets and for the next moment of the model, does what is due, and writes down what
//! it has carried. No part of it waits anywhere else.

use std::{io, sync::Arc, time::Instant};

use biplane_sim::{Direction, Instruction, Profile};
use tracing::{debug, error};

use crate::{
    RelayConfig, RelayStats, clock, limits,
    network::Network,
    poller::{Poller, Ready, Token},
    relay::Shared,
    sockets::Ports,
    tcp::Tcp,
    udp::Udp,
};

/// Everything that the thread owns.
#[derive(Debug)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
    poller: Poller,
    profile: Profile,
    seed: u64,
    /// Made at the first connection or datagram, from which all time counts.
    network: Option<Network>,
    udp: Udp,
    tcp: Option<Tcp>,
}

impl Engine {
    pub(crate) fn new(
        config: &RelayConfig,
        ports: Ports,
        poller: Poller,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let udp = Udp::new(ports.udp, config.to, &poller)?;
        let tcp = ports.tcp.map(|port| Tcp::new(port, config.to, &poller)).transpose()?;
        let (profile, seed) = (config.profile.clone(), config.seed);
        Ok(Self { shared, poller, profile, seed, network: None, udp, tcp })
    }

    /// Relays until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut ready = Vec::new();
        while !self.shared.is_stopping() {
            let now = clock::now();
            let deadline = self.next_moment(now).max(now + limits::SLACK);
            if let Err(why) = self.poller.wait(deadline, &mut ready) {
                error!(%why, "the relay ends: it cannot wait");
                break;
            }
            let now = clock::now();
            for ready in ready.drain(..) {
                self.take(now, ready);
            }
            self.turn(now);
        }
    }

    /// Does everything that is due by `now`.
    fn turn(&mut self, now: Instant) {
        if let Some(network) = &mut self.network {
            while let Some(instruction) = network.instruction(now) {
                match instruction {
                    Instruction::KillTcp => {
                        self.tcp.iter_mut().for_each(|tcp| tcp.kill(&self.poller));
                    }
                    Instruction::RebindUdp { address } => self.udp.rebind(&self.poller, address),
                    other => debug!(?other, "an instruction that the relay does not know"),
                }
            }
            self.udp.deliver(now, network);
            self.udp.sweep(now, &self.poller);
            self.tcp.iter_mut().for_each(|tcp| tcp.turn(now, &self.poller));
        }
        self.shared.publish(self.stats(now));
    }

    /// Takes in what a socket has.
    fn take(&mut self, now: Instant, ready: Ready) {
        let Self { network, profile, seed, udp, tcp, poller, .. } = self;
        let network = network.get_or_insert_with(|| Network::new(now, profile, *seed));
        match (ready.token, tcp) {
            (Token::Udp, _) => udp.receive(network, poller),
            (Token::Flow(index), _) => udp.receive_from_target(index, network),
            (Token::Tcp, Some(tcp)) => tcp.accept(now, network, poller),
            (Token::Client(index), Some(tcp)) => {
                tcp.ready(now, index, Direction::Up, ready.readable)
            }
            (Token::Target(index), Some(tcp)) => {
                tcp.ready(now, index, Direction::Down, ready.readable)
            }
            (Token::Tcp | Token::Client(_) | Token::Target(_), None) => {}
        }
    }

    fn next_moment(&self, now: Instant) -> Instant {
        let moments = [
            self.network.as_ref().and_then(Network::next_moment),
            self.tcp.as_ref().and_then(Tcp::next_moment),
            Some(now + limits::HEARTBEAT),
        ];
        moments.into_iter().flatten().min().unwrap_or(now)
    }

    fn stats(&self, now: Instant) -> RelayStats {
        let mut stats = RelayStats::default();
        if let Some(network) = &self.network {
            stats.elapsed = network.elapsed(now);
            self.udp.report(network, &mut stats);
            self.tcp.iter().for_each(|tcp| tcp.report(&mut stats));
        }
        stats
    }
}
