//! laminar: <https://docs.rs/laminar>.
//!
//! Its acks ride on reliable packets alone, and a packet carries those of the 33 newest it has
//! seen. So whoever only receives has to send something reliable of its own, often enough, or the
//! sender drops the connection at 512 unacked packets; and it must not read more than that at once.
//! A report of how many messages came does both, and bounds what the sender has in flight.

mod datagrams;
mod node;

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::Result;
use biplane_load::{Class, Means, Served, Side, System, Tuning};
use laminar::Config;

use self::node::LaminarNode;
use super::node::{LONGEST_DATAGRAM, Nodes, Pace, bind, paces, parse};

/// The sleep of its polling thread.
const TICK: Duration = Duration::from_millis(1);

/// What an idle connection says, so that it is not dropped; and after how long it is otherwise, not
/// 5 s: a process that opens 1,000 clients, of 1.6 MiB each, may be busy with that for longer.
const HEARTBEAT: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(30);

/// The header of an unreliable packet.
const HEADER: usize = 5;

#[derive(Debug)]
pub(crate) struct Laminar;

impl System for Laminar {
    fn name(&self) -> &'static str {
        "laminar"
    }

    fn version(&self) -> String {
        super::versions::of("laminar").to_owned()
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn settings(&self, means: &Means) -> String {
        let driven = paces(means, Pace::Ticks(TICK)).drives("manual_poll");
        let tuned = match means.tuning {
            Tuning::Documented => {
                ", as its polling thread; heartbeats of 1 s (none), dropped after 30 s (5)"
            }
            Tuning::Tuned => {
                "; heartbeats of 1 s (none), dropped after 30 s (5), any number of unestablished \
                 connections (50), socket buffers 8/4 MiB asked"
            }
        };
        format!(
            "{driven}{tuned}; a socket a client; a report of reliable messages received every 8 of \
             them or 10 ms, since acks ride on reliable packets alone; at most {} unreported",
            most_unreported(means.tuning)
        )
    }

    fn longest(&self, class: Class) -> Option<usize> {
        Some(match class {
            Class::Unreliable => usize::from(LONGEST_DATAGRAM) - HEADER,
            // Beyond this it makes fragments, between which and other messages it keeps no order.
            Class::Reliable | Class::Command => usize::from(Config::default().fragment_size),
        })
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let socket = bind(means.tuning)?;
        let address = socket.local_addr()?.to_string();
        let node = node(socket, means.tuning);
        let side = Box::new(Nodes::server(node, paces(means, Pace::Ticks(TICK)).server)?);
        Ok(Served { side, address })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        let opened = Instant::now();
        let server = parse(address)?;
        let client = |_| Ok(node(bind(means.tuning)?, means.tuning).client_of(server));
        let nodes = (0..means.clients).map(client);
        Ok(Box::new(Nodes::clients(opened, nodes, paces(means, Pace::Ticks(TICK)).clients)?))
    }
}

fn node(socket: UdpSocket, tuning: Tuning) -> LaminarNode {
    LaminarNode::new(socket, config(tuning), most_unreported(tuning))
}

/// Reliable messages that may be unreported. The library paces nothing, so all of them may leave at
/// once: with the kernel's buffers, as many as its receive buffer holds. With large ones, more than
/// this carries no more, since each poll goes through all that is unacked.
fn most_unreported(tuning: Tuning) -> u64 {
    match tuning {
        Tuning::Documented => 64,
        Tuning::Tuned => 128,
    }
}

fn config(tuning: Tuning) -> Config {
    let documented = Config {
        heartbeat_interval: Some(HEARTBEAT),
        idle_connection_timeout: IDLE,
        ..Config::default()
    };
    match tuning {
        Tuning::Documented => documented,
        Tuning::Tuned => Config { max_unestablished_connections: u16::MAX, ..documented },
    }
}

#[test]
fn it_does_what_every_system_must() {
    super::conformance::is_kept_by(&Laminar);
}

#[test]
fn it_carries_a_reliable_flow() {
    super::flow::is_carried_by(&Laminar);
}
