//! renet over its netcode transport: <https://docs.rs/renet>.
//!
//! Every client has a connect token, made with the server's private key, which stands in the
//! address. The documentation leaves it to a matchmaker to hand out tokens; here a process of
//! clients makes its own before the first of them is opened.

mod client;
mod server;

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use biplane_load::{Class, Means, Served, Side, System, Tuning};
use renet::{ChannelConfig, ConnectionConfig, DefaultChannel};

use self::{client::ClientNode, server::ServerNode};
use super::node::{self, Nodes, Pace, Paces};

/// The sleep of its documented loop.
const TICK: Duration = Duration::from_millis(16);

/// Reliable bytes of a peer that may be unacked; a single longer message may be too. Each send goes
/// through all of them, and a peer that has more than its channel's memory is disconnected.
const UNACKED_BYTES: usize = 256 << 10;

/// How far apart sends are at least in flat-out work, since each goes through all that is unacked.
const GAP: Duration = Duration::from_micros(200);

const PROTOCOL: u64 = 0;

/// Of its 1,024, as the library says.
const MOST_CLIENTS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Renet;

impl System for Renet {
    fn name(&self) -> &'static str {
        "renet"
    }

    fn version(&self) -> String {
        super::versions::of("renet").to_owned()
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn settings(&self, means: &Means) -> String {
        let paces = paces(means);
        let driven = match paces.server {
            Pace::Busy => paces.drives("update, send_packets every 0.2 ms at most,"),
            Pace::Events | Pace::Ticks(_) => paces.drives("update, send_packets"),
        };
        let tuned = match means.tuning {
            Tuning::Documented => "; defaults (60,000 B a tick, 5 MiB a channel)",
            Tuning::Tuned => {
                "; no limit of bytes a tick (60,000), 64 MiB a channel (5), socket buffers 8/4 MiB \
                 asked"
            }
        };
        format!(
            "{driven}{tuned}; netcode with connect tokens made before the join; a socket a client; \
             at most 256 KiB of reliable messages unacked; datagrams of 1,200 B and headers, fixed"
        )
    }

    fn longest(&self, class: Class) -> Option<usize> {
        match class {
            // It warns of more than 20 fragments of 1,200 bytes.
            Class::Unreliable => Some(20 * 1200),
            Class::Reliable | Class::Command => Some(1 << 20),
        }
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        ensure!(means.clients <= MOST_CLIENTS, "renet has {MOST_CLIENTS} clients at most");
        let key = renet_netcode::generate_random_bytes();
        let node = ServerNode::new(means, key)?;
        let address = format!("{} {}", node.address()?, to_hex(&key));
        Ok(Served { side: Box::new(Nodes::server(node, paces(means).server)?), address })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        let opened = Instant::now();
        let (server, key) = address.split_once(' ').context("the address has no key")?;
        let (server, key) = (node::parse(server)?, from_hex(key)?);
        let tokens: Vec<_> = (0..means.clients as u64)
            .map(|id| client::token(id, server, &key))
            .collect::<Result<_>>()?;
        let nodes = tokens.into_iter().map(|token| ClientNode::new(means, token));
        Ok(Box::new(Nodes::clients(opened, nodes, paces(means).clients)?))
    }
}

fn paces(means: &Means) -> Paces {
    node::paces(means, Pace::Ticks(TICK))
}

fn config(tuning: Tuning) -> ConnectionConfig {
    match tuning {
        Tuning::Documented => ConnectionConfig::default(),
        Tuning::Tuned => {
            let channels: Vec<ChannelConfig> = DefaultChannel::config()
                .into_iter()
                .map(|channel| ChannelConfig { max_memory_usage_bytes: 64 << 20, ..channel })
                .collect();
            ConnectionConfig {
                available_bytes_per_tick: u64::MAX,
                server_channels_config: channels.clone(),
                client_channels_config: channels,
            }
        }
    }
}

/// The channel of a class, and how much memory it may use.
fn channel(class: Class, tuning: Tuning) -> (u8, usize) {
    let id: u8 = match class {
        Class::Unreliable => DefaultChannel::Unreliable.into(),
        Class::Reliable | Class::Command => DefaultChannel::ReliableOrdered.into(),
    };
    let memory = match tuning {
        Tuning::Documented => 5 << 20,
        Tuning::Tuned => 64 << 20,
    };
    (id, memory)
}

/// Whether a channel with so much room takes a message now.
fn takes(class: Class, memory: usize, room: usize, length: usize) -> bool {
    match class {
        Class::Unreliable => length <= room,
        Class::Reliable | Class::Command => {
            let unacked = memory - room;
            unacked == 0 || unacked + length <= UNACKED_BYTES
        }
    }
}

fn unix_time() -> Result<Duration> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}

/// When a node was stepped, and when it sends.
#[derive(Debug)]
struct Clock {
    stepped: Instant,
    sent: Instant,
    owes: bool,
    gap: Duration,
    idle: Duration,
}

impl Clock {
    fn new(pace: Pace) -> Self {
        let now = Instant::now();
        let (gap, idle) = match pace {
            Pace::Busy => (GAP, node::TIMERS),
            Pace::Events => (Duration::ZERO, node::TIMERS),
            Pace::Ticks(_) => (Duration::ZERO, Duration::MAX),
        };
        Self { stepped: now, sent: now, owes: false, gap, idle }
    }

    /// The time since the step before.
    fn step(&mut self, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.stepped);
        self.stepped = now;
        elapsed
    }

    /// Whether to send after a step: if what came before it, or was queued, has not been flushed, or
    /// if nothing has been sent for long.
    fn sends_after_step(&mut self, now: Instant, came: bool) -> bool {
        let was_owed = self.owes;
        self.owes |= came;
        let since = now.saturating_duration_since(self.sent);
        self.sends(now, (was_owed && since >= self.gap) || since >= self.idle)
    }

    /// Whether to send at a flush.
    fn sends_at_flush(&mut self, now: Instant) -> bool {
        self.owes = true;
        let is_due = now.saturating_duration_since(self.sent) >= self.gap;
        self.sends(now, is_due)
    }

    fn sends(&mut self, now: Instant, is_due: bool) -> bool {
        if is_due {
            self.owes = false;
            self.sent = now;
        }
        is_due
    }
}

fn to_hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(key: &str) -> Result<[u8; renet_netcode::NETCODE_KEY_BYTES]> {
    let digits: Vec<u32> = key.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .filter_map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok())
        .collect();
    ensure!(key.len() == 2 * bytes.len(), "the key is not hexadecimal");
    bytes.try_into().ok().context("the key is not of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_every_system_must() {
        super::super::conformance::is_kept_by(&Renet);
    }

    #[test]
    fn it_carries_a_reliable_flow() {
        super::super::flow::is_carried_by(&Renet);
    }

    #[test]
    fn a_key_survives_the_address_and_no_other_text_is_one() {
        let key = renet_netcode::generate_random_bytes();
        assert_eq!(from_hex(&to_hex(&key)).unwrap(), key);
        for text in ["", "00", "g", &to_hex(&key)[1..], &format!("{}0", to_hex(&key))] {
            from_hex(text).unwrap_err();
        }
    }

    #[test]
    fn the_memory_of_its_documented_channels_is_as_the_driver_thinks() {
        for channel in config(Tuning::Documented).client_channels_config {
            assert_eq!(
                channel.max_memory_usage_bytes,
                self::channel(Class::Reliable, Tuning::Documented).1
            );
        }
    }
}
