//! What a seed's network and applications are like.

mod moves;
mod narrow;
mod options;
mod ordeals;
mod special;

use core::{fmt, time::Duration};

pub(in crate::sweep) use narrow::misjudged;
pub use special::Wraps;

use super::{Lengths, Rhythm, Strike};
use crate::{
    BottleneckConfig, ClientConfig, LinkConfig, Loss, Outage, Protocol, Rng, StreamConfig,
    WiresConfig,
};

/// Up to this share is lost.
const LOSS: f64 = 0.50;
/// So many are lost in a row, on average, at the most.
const BURST: f64 = 80.0;
const DUPLICATION: f64 = 0.50;
const REORDERING: f64 = 0.50;
const CORRUPTION: f64 = 0.10;
/// One-way latency at the most.
const LATENCY: Duration = Duration::from_millis(500);
const JITTER: Duration = Duration::from_millis(100);
const REORDER_BY: Duration = Duration::from_millis(500);
/// The longest that datagrams are blocked: long enough for `ControlOnly`.
const OUTAGE: Duration = Duration::from_secs(6);
/// The longest that TCP is: short of its idle time-out, retransmission included.
const CONTROL_OUTAGE: Duration = Duration::from_secs(4);

/// The circumstances of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// Each client with its wires.
    pub clients: Vec<ClientConfig>,
    /// How often applications look at their sessions; zero: whenever something happens.
    pub takes_every: Duration,
    /// When they send.
    pub rhythm: Rhythm,
    /// What they speak.
    pub protocol: Protocol,
    /// How long their messages are.
    pub lengths: Lengths,
    /// How far the counters are from a place where they could wrap, if they begin beside one.
    pub wraps: Option<Wraps>,
    /// What is done to their networks, in order of time.
    pub strikes: Vec<Strike>,
    /// The longest that nothing may come of what is sent in a steady rhythm, if that is looked at.
    pub longest_pause: Option<Duration>,
    /// The longest that a message may take where paths carry no long datagrams; then sessions must
    /// find out how long those may be.
    pub slowest: Option<Duration>,
    /// Whether the network is good enough otherwise for every session to come through in time.
    pub is_timed: bool,
}

impl Conditions {
    /// One client behind these wires, whose applications look at once and send together.
    #[must_use]
    pub fn of(wires: WiresConfig) -> Self {
        Self {
            clients: vec![ClientConfig::new(wires)],
            takes_every: Duration::ZERO,
            rhythm: Rhythm::Ticks,
            protocol: Protocol::of_every_kind(),
            lengths: Lengths::Usual,
            wraps: None,
            strikes: Vec::new(),
            longest_pause: None,
            slowest: None,
            is_timed: false,
        }
    }

    /// Those of a seed, with faults for `length`: one client, or now and then up to three.
    #[must_use]
    pub fn draw(seed: u64, length: Duration) -> Self {
        let mut rng = Rng::new(seed).fork();
        let clients = if rng.chance(0.2) { rng.between(2, 3) } else { 1 };
        let client = |rng: &mut Rng| options::client(rng, length);
        let drawn = Self {
            clients: (0..clients).map(|_| client(&mut rng)).collect(),
            takes_every: match rng.between(0, 2) {
                0 => Duration::ZERO,
                1 => Duration::from_micros(16_667),
                _ => rng.duration(Duration::from_millis(100)),
            },
            rhythm: if rng.chance(0.5) { Rhythm::Ticks } else { Rhythm::Scattered },
            protocol: options::protocol(&mut rng),
            lengths: Lengths::Usual,
            wraps: None,
            strikes: Vec::new(),
            longest_pause: None,
            slowest: None,
            is_timed: false,
        };
        // Drawn last: what was drawn before is as it is without.
        Self { strikes: ordeals::kills(&mut rng, drawn.clients.len(), length), ..drawn }
    }
}

fn wires(rng: &mut Rng, length: Duration) -> WiresConfig {
    let (up, down) = (link(rng, length), link(rng, length));
    let control_up = stream(rng, up.latency, length);
    let control_down = stream(rng, down.latency, length);
    WiresConfig { up, down, control_up, control_down }
}

fn link(rng: &mut Rng, length: Duration) -> LinkConfig {
    LinkConfig {
        latency: rng.duration(LATENCY),
        jitter: if rng.chance(0.75) { rng.duration(JITTER) } else { Duration::ZERO },
        keeps_order: rng.chance(0.5),
        loss: loss(rng),
        duplication: rng.share(DUPLICATION),
        reordering: rng.share(REORDERING),
        reorder_by: rng.duration(REORDER_BY),
        corruption: rng.share(CORRUPTION),
        bottleneck: rng.chance(0.2).then(|| BottleneckConfig {
            bytes_per_second: rng.between(100_000, 1_000_000),
            queue_bytes: rng.between(16_000, 128_000),
        }),
        outages: if rng.chance(0.3) { vec![outage(rng, length, OUTAGE)] } else { Vec::new() },
        ..LinkConfig::default()
    }
}

fn loss(rng: &mut Rng) -> Loss {
    let share = rng.share(LOSS);
    if rng.chance(0.5) {
        Loss::Independent { share }
    } else {
        Loss::Bursts { share, mean_length: 1.0 + rng.share(BURST) }
    }
}

fn outage(rng: &mut Rng, length: Duration, longest: Duration) -> Outage {
    let from = rng.duration(length);
    Outage { from, until: from + rng.duration(longest.min(length / 2)) }
}

fn stream(rng: &mut Rng, latency: Duration, length: Duration) -> StreamConfig {
    StreamConfig {
        latency,
        stalls: rng.share(0.1),
        stall: rng.duration(Duration::from_secs(1)),
        window: rng.size(16 * 1024, 256 * 1024),
        outages: if rng.chance(0.2) {
            vec![outage(rng, length, CONTROL_OUTAGE)]
        } else {
            Vec::new()
        },
        ..StreamConfig::clean(latency)
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "takes every {:?}, sends in {:?}", self.takes_every, self.rhythm)?;
        for (id, channel) in (0..).zip(&self.protocol.channels) {
            writeln!(f, "channel {id}: {channel:?}")?;
        }
        for (number, client) in self.clients.iter().enumerate() {
            let ClientConfig { wires, aeads, session, client, server, forger, .. } = client;
            writeln!(f, "client {number}: {aeads:?}, {session:?}")?;
            forger.iter().try_for_each(|forger| writeln!(f, "  {forger:?}"))?;
            writeln!(f, "  client {client:?}")?;
            writeln!(f, "  server {server:?}")?;
            writeln!(f, "  up {:?}", wires.up)?;
            writeln!(f, "  down {:?}", wires.down)?;
            writeln!(f, "  control up {:?}", wires.control_up)?;
            writeln!(f, "  control down {:?}", wires.control_down)?;
        }
        self.strikes.iter().try_for_each(|strike| writeln!(f, "{strike:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_its_conditions() {
        let draw = |seed| Conditions::draw(seed, Duration::from_secs(60));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn every_kind_of_trouble_is_drawn() {
        let all: Vec<_> =
            (0..200).map(|seed| Conditions::draw(seed, Duration::from_secs(60))).collect();
        let some = |wanted: fn(&ClientConfig) -> bool| {
            all.iter().filter(|conditions| conditions.clients.iter().any(wanted)).count()
        };
        assert!(some(|client| matches!(client.wires.up.loss, Loss::Bursts { .. })) > 50);
        assert!(some(|client| !client.wires.down.outages.is_empty()) > 30);
        assert!(some(|client| !client.wires.control_up.outages.is_empty()) > 20);
        assert!(some(|client| client.wires.up.bottleneck.is_some()) > 20);
        assert!(some(|client| client.client.first_packet.0 > 1 << 31) > 10);
        assert!(all.iter().any(|conditions| conditions.clients.len() == 3));
        assert!(all.iter().filter(|conditions| !conditions.strikes.is_empty()).count() > 30);
    }
}
