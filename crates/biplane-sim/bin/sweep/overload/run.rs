//! One seed: a link of its own, idle, then ten times what it carries, then idle again.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{Event, Session};
use biplane_sim::{
    BottleneckConfig, Canary, CanaryKind, ClientConfig, LinkConfig, Protocol, Rng, WiresConfig,
    World,
};
use biplane_wire::ChannelKind;

use super::load::{CLIENT, Lane, SERVER, quantile};

/// How often the application looks after its session.
const TICK: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_secs(5);
const JOIN: Duration = Duration::from_secs(5);
/// For everything to come to rest, which takes less, or is a finding.
const REST: Duration = Duration::from_secs(10);
/// Round trips that the link's queue holds.
const QUEUE: f64 = 0.45;
/// Bytes of a bulk message, which leaves no room in its packet for an urgent one; bytes of the latter,
/// and how many a second.
const BULK: usize = 1_100;
const URGENT: (usize, f64) = (100, 60.0);

/// What is promised, by the name under which a breach of it is counted.
pub(super) const PROMISES: [&str; 10] = [
    "session_ended",
    "reliable_missing",
    "back_pressure_hidden",
    "never_writable",
    "oldest_kept",
    "drops_uncounted",
    "urgent_late",
    "urgent_missing",
    "recovers_late",
    "stays_slow",
];
/// The urgent channel's latency under load, over that of the idle link.
pub(super) const SLOWER: f64 = 2.0;
/// How old what may be lost is at the most when it comes, 95 of 100 times: half of its lifetime.
const AGE: Duration = Duration::from_millis(500);
/// How long after the load everything has left, and latency is what it was.
pub(super) const RECOVERY: Duration = Duration::from_secs(2);

/// A fault that is planted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Planted {
    /// Bulk goes before what is urgent.
    Inverts,
    /// A reliable message that was taken is never given.
    Withholds,
}

/// What one run showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) refused: u64,
    pub(super) overflowed: u64,
    pub(super) expired: u64,
    pub(super) arrived: u64,
    /// 95 of 100 urgent messages took no longer: on the idle link, and under load.
    pub(super) idle: Duration,
    pub(super) loaded: Duration,
    /// From the end of the load until nothing waits.
    pub(super) recovery: Duration,
    /// The promises that were broken, by name.
    pub(super) broken: Vec<&'static str>,
}

impl Figures {
    /// How many times as long the urgent took under load.
    pub(super) fn slower(&self) -> f64 {
        self.loaded.as_secs_f64() / self.idle.as_secs_f64().max(1e-6)
    }

    fn check(&mut self, holds: bool, promise: &'static str) {
        if !holds && !self.broken.contains(&promise) {
            self.broken.push(promise);
        }
    }
}

struct Run {
    world: World,
    rng: Rng,
    urgent: Lane,
    reliable: Lane,
    unreliable: Lane,
    figures: Figures,
    /// Events that said that a full queue has room again.
    writable: u64,
}

/// Runs a seed with a load of `time`.
pub(super) fn run(start: Instant, seed: u64, time: Duration, planted: Option<Planted>) -> Figures {
    let joined = Run::new(start, seed, planted).filter(|run| run.world.has_joined());
    let Some(mut run) = joined else {
        return Figures { broken: vec!["session_ended"], ..Figures::default() };
    };
    run.idle();
    run.overload(time);
    run.recover();
    run.account();
    run.figures
}

impl Run {
    /// With a session on both planes, if it came to that.
    fn new(start: Instant, seed: u64, planted: Option<Planted>) -> Option<Self> {
        let mut rng = Rng::new(seed);
        let rate = rng.between(8, 20) * 125_000;
        let latency = Duration::from_millis(rng.between(20, 60));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some hundred kilobytes"
        )]
        let queue_bytes = (QUEUE * 2.0 * latency.as_secs_f64() * rate as f64) as u64;
        let narrow = BottleneckConfig { bytes_per_second: rate, queue_bytes };
        let link = LinkConfig { bottleneck: Some(narrow), ..LinkConfig::clean(latency) };
        let protocol = protocol(planted);
        let [urgent, reliable, unreliable] =
            ["urgent", "reliable", "unreliable"].map(|name| protocol.channel(name));
        let (urgent, reliable, unreliable) = (urgent?, reliable?, unreliable?);
        let offered = 10.0 * rate as f64 / BULK as f64 / 2.0;
        let mut config = ClientConfig::new(WiresConfig::of(link));
        let withholds = planted == Some(Planted::Withholds);
        config.server.canary = withholds.then_some(Canary {
            kind: CanaryKind::Withholds,
            channel: reliable,
            after: 100,
        });
        let mut world = World::new(start, seed, protocol);
        world.connect(config);
        world.run_until(JOIN, |world| world.has_joined());
        // Until the path is proven messages ride TCP.
        world.run_for(Duration::from_secs(1));
        Some(Self {
            world,
            rng,
            urgent: Lane::new(urgent, URGENT.0, URGENT.1),
            reliable: Lane::new(reliable, BULK, offered),
            unreliable: Lane::new(unreliable, BULK, offered),
            figures: Figures::default(),
            writable: 0,
        })
    }

    /// A millisecond; messages are taken when they come.
    fn tick(&mut self) {
        self.world.flush(CLIENT);
        let Self { world, urgent, reliable, unreliable, .. } = self;
        let mut lanes = [urgent, reliable, unreliable];
        world.run_until(TICK, |world| {
            lanes.iter_mut().for_each(|lane| lane.take(world));
            false
        });
        while let Some(event) = self.world.poll_event(CLIENT) {
            match event {
                Event::Writable => self.writable += 1,
                Event::Left(_) => self.figures.check(false, "session_ended"),
                _ => {}
            }
        }
        while self.world.poll_event(SERVER).is_some() {}
    }

    fn offer(&mut self, time: Duration, with_bulk: bool) {
        let Self { world, rng, urgent, reliable, unreliable, .. } = self;
        let count = if with_bulk { 3 } else { 1 };
        for lane in [urgent, reliable, unreliable].into_iter().take(count) {
            let offered = lane.offer(world, rng, time);
            self.figures.check(offered.is_ok(), "session_ended");
        }
    }

    /// The urgent alone, for so long; how long it took.
    fn alone(&mut self, time: Duration) -> Duration {
        let first = self.urgent.came.len();
        self.urgent.begin();
        let begun = self.world.now();
        while self.world.now() - begun < time {
            self.offer(self.world.now() - begun, false);
            self.tick();
        }
        quantile(&self.urgent.latencies(first), 0.95)
    }

    fn idle(&mut self) {
        self.figures.idle = self.alone(IDLE);
    }

    fn overload(&mut self, time: Duration) {
        let first = self.urgent.came.len();
        self.urgent.begin();
        let begun = self.world.now();
        while self.world.now() - begun < time {
            let had_room = self.reliable.stats(&mut self.world).has_room;
            let refused = self.reliable.refused;
            self.offer(self.world.now() - begun, true);
            // What a tick offers is far less than half of a queue.
            let told = self.reliable.refused == refused || !had_room;
            self.figures.check(told, "back_pressure_hidden");
            self.tick();
        }
        self.figures.loaded = quantile(&self.urgent.latencies(first), 0.95);
        // Where the oldest go, a full queue is new every fifth of a second, whatever leaves.
        let age = quantile(&self.unreliable.latencies(0), 0.95);
        self.figures.check(age <= AGE, "oldest_kept");
        let slower = self.figures.slower();
        self.figures.check(slower <= SLOWER, "urgent_late");
    }

    /// The load has ended: everything leaves, and latency is what it was.
    fn recover(&mut self) {
        let ended = self.world.now();
        let waits = |world: &World| {
            world
                .session(CLIENT)
                .is_none_or(|session: &Session| session.stats().queued_messages > 0)
        };
        while waits(&self.world) && self.world.now() - ended < REST {
            self.tick();
        }
        self.figures.recovery = self.world.now() - ended;
        self.figures.check(self.figures.recovery <= RECOVERY, "recovers_late");
        let after = self.alone(Duration::from_secs(2));
        let usual = self.figures.idle.mul_f64(1.1) + TICK;
        self.figures.check(after <= usual, "stays_slow");
    }

    /// Every message is accounted for.
    fn account(&mut self) {
        let reliable = self.reliable.stats(&mut self.world);
        let unreliable = self.unreliable.stats(&mut self.world);
        let figures = &mut self.figures;
        figures.refused = self.reliable.refused;
        (figures.overflowed, figures.expired) = (unreliable.overflowed, unreliable.expired);
        figures.arrived = (self.reliable.came.len() + self.unreliable.came.len()) as u64;
        // Once, in order, and all of what was taken.
        let in_order = (0..).zip(&self.reliable.came).all(|(wanted, (index, _))| wanted == *index);
        let whole = self.reliable.came.len() as u64 == self.reliable.sent();
        figures.check(in_order && whole, "reliable_missing");
        let told = reliable.refused == self.reliable.refused && self.reliable.refused > 0;
        figures.check(told, "back_pressure_hidden");
        figures.check(self.writable > 0, "never_writable");
        let dropped = unreliable.overflowed + unreliable.expired;
        let lost = self.world.wires(0).map_or(0, |wires| wires.up.stats().queue_dropped);
        let here = self.unreliable.sent() - dropped.min(self.unreliable.sent());
        let missing = here.saturating_sub(self.unreliable.came.len() as u64);
        figures.check(dropped > 0 && missing <= lost, "drops_uncounted");
        // An urgent message may be in a packet that the link drops.
        let urgent = self.urgent.came.len() as f64 / self.urgent.sent() as f64;
        figures.check(urgent >= 0.95, "urgent_missing");
    }
}

fn protocol(planted: Option<Planted>) -> Protocol {
    let mut protocol = Protocol::new(
        &[
            ("urgent", ChannelKind::Unreliable),
            ("reliable", ChannelKind::ReliableOrdered),
            ("unreliable", ChannelKind::Unreliable),
        ],
        &[],
    );
    let inverts = planted == Some(Planted::Inverts);
    protocol.configure(|name, channel| {
        channel.priority = u8::from((name == "urgent") != inverts);
    });
    protocol
}
