//! What flows make of one narrow place: how much gets through, how long packets wait before it, and
//! who has which share.
//!
//! Every flow is a session of its own, with bulk that never ends, a game's 60 updates a second, or
//! both, from the client to the server. All of them share the client's way up.

mod flow;

use core::{fmt, time::Duration};
use std::time::Instant;

use biplane_proto::{Congestion, limits};

use crate::{Access, Bottleneck, ClientConfig, Direction, Profile, Protocol, WiresConfig, World};
use flow::Running;

/// One session of a trial.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers plan")]
pub struct Flow {
    /// What decides how much it has in flight.
    pub congestion: Congestion,
    /// When it joins.
    pub begins: Duration,
    /// When it has sent all that it wants to.
    pub ends: Duration,
    /// When it has nothing to send for three seconds.
    pub rests_at: Option<Duration>,
    /// Whether it has bulk to send: more than any path carries.
    pub bulk: bool,
    /// Whether it sends 100 bytes sixty times a second, on a channel that goes before the bulk.
    pub game: bool,
}

/// What is tried.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers plan")]
pub struct RatePlan {
    /// The network; what it makes of control bytes is its latency alone.
    pub profile: Profile,
    /// Who sends.
    pub flows: Vec<Flow>,
    /// How long.
    pub length: Duration,
    /// Figures count from there on.
    pub settled: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain figures")]
pub struct RateFigures {
    /// Of each flow, in the order of the plan.
    pub flows: Vec<FlowFigures>,
    /// How long packets waited before the narrow place; `None` if none passed.
    pub waits: Option<Spread>,
    /// Second by second.
    pub timeline: Vec<Second>,
}

/// Of one flow, since figures count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain figures")]
pub struct FlowFigures {
    /// Bits a second of bulk that the far application took.
    pub goodput: f64,
    /// How long game updates took from one application to the other; `None` if none came.
    pub game: Option<Spread>,
    /// Game updates sent, and taken.
    pub updates: (u64, u64),
    /// The most packets that left at one moment.
    pub burst: u64,
    /// How many left at once when it went on after its rest.
    pub burst_after_rest: u64,
    /// Packets sent, and declared lost, in the whole trial.
    pub packets: (u64, u64),
}

/// A distribution of times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain figures")]
pub struct Spread {
    /// Half of them took no longer.
    pub p50: Duration,
    /// Nineteen of twenty took no longer.
    pub p95: Duration,
    /// The longest.
    pub max: Duration,
}

/// One second of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain figures")]
pub struct Second {
    /// How long nineteen of twenty packets waited at the most; `None` if none passed.
    pub wait: Option<Duration>,
    /// Bits of bulk taken, of all flows.
    pub goodput: f64,
}

impl Spread {
    /// Of times in any order; `None` of none.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        let at = |per_cent: usize| times.get(last * per_cent / 100).copied();
        Some(Self { p50: at(50)?, p95: at(95)?, max: at(100)? })
    }
}

impl RateFigures {
    /// How even the shares are, from 1 divided by their number, where one has all, to 1 (Jain, Chiu
    /// and Hawe, 1984).
    #[must_use]
    pub fn jain(&self) -> f64 {
        let shares = self.flows.iter().map(|flow| flow.goodput);
        let (sum, squares) = shares
            .fold((0.0, 0.0), |(sum, squares), share| (sum + share, share.mul_add(share, squares)));
        let count = u32::try_from(self.flows.len()).unwrap_or(u32::MAX);
        if squares > 0.0 { sum * sum / (f64::from(count) * squares) } else { 0.0 }
    }
}

/// Runs a plan from `start`, with everything that is drawn following from `seed`.
#[must_use]
pub fn rate(start: Instant, seed: u64, plan: &RatePlan) -> RateFigures {
    Bench::new(start, seed, plan).run()
}

/// A trial under way.
struct Bench<'a> {
    plan: &'a RatePlan,
    world: World,
    narrow: Option<Bottleneck>,
    flows: Vec<Running>,
    seconds: Vec<Second>,
    waits: Vec<(Duration, Duration)>,
}

impl<'a> Bench<'a> {
    /// Applications do something so often.
    const STEP: Duration = Duration::from_millis(1);
    /// What a receiver grants a channel: no path here holds more.
    const CREDIT: u64 = 16 << 20;

    fn new(start: Instant, seed: u64, plan: &'a RatePlan) -> Self {
        let mut protocol = Protocol::of_every_kind();
        protocol.configure(|name, channel| channel.priority = u8::from(name == Running::GAME));
        let mut world = World::new(start, seed, protocol);
        let wires = Self::wires(&plan.profile);
        let access = Access::new(start, &wires);
        let narrow = access.bottleneck(Direction::Up).cloned();
        narrow.iter().for_each(Bottleneck::watch);
        for flow in &plan.flows {
            let mut config = ClientConfig::new(wires.clone());
            config.access = Some(access.clone());
            config.session.congestion = flow.congestion;
            config.server.initial_credit = Self::CREDIT.max(limits::CHANNEL_CREDIT);
            world.connect(config);
        }
        let flows = plan.flows.iter().enumerate();
        let flows =
            flows.filter_map(|(client, flow)| Running::new(client, *flow, world.protocol()));
        let flows = flows.collect();
        Self { plan, world, narrow, flows, seconds: Vec::new(), waits: Vec::new() }
    }

    /// Control bytes are out of the way: what they carry here is the join alone.
    fn wires(profile: &Profile) -> WiresConfig {
        let wires = profile.wires();
        let clean = WiresConfig::clean(wires.up.latency);
        WiresConfig { control_up: clean.control_up, control_down: clean.control_down, ..wires }
    }

    fn run(mut self) -> RateFigures {
        let mut second = 0;
        while self.world.elapsed() < self.plan.length {
            self.step();
            let whole = self.world.elapsed().as_secs();
            if whole > second {
                second = whole;
                self.turn();
            }
        }
        if self.world.elapsed() > Duration::from_secs(second) {
            self.turn();
        }
        self.figures()
    }

    fn step(&mut self) {
        let Self { world, flows, .. } = self;
        world.run_until(Self::STEP, |world| {
            flows.iter_mut().for_each(|flow| flow.take(world));
            false
        });
        flows.iter_mut().for_each(|flow| flow.send(world));
    }

    /// A second is over.
    fn turn(&mut self) {
        let start = self.world.now() - self.world.elapsed();
        let waits = self.narrow.iter().flat_map(Bottleneck::take_waits);
        let waits: Vec<_> = waits.map(|(at, wait)| (at - start, wait)).collect();
        let bytes = self.flows.iter_mut().map(Running::take_second).sum::<u64>();
        self.seconds.push(Second {
            wait: Spread::of(waits.iter().map(|(_, wait)| *wait).collect()).map(|wait| wait.p95),
            goodput: bits(bytes),
        });
        self.waits.extend(waits.into_iter().filter(|(at, _)| *at >= self.plan.settled));
    }

    fn figures(self) -> RateFigures {
        let Self { plan, world, flows, seconds, waits, .. } = self;
        let figures = |flow: Running| flow.figures(&world, plan.settled, plan.length);
        RateFigures {
            flows: flows.into_iter().map(figures).collect(),
            waits: Spread::of(waits.into_iter().map(|(_, wait)| wait).collect()),
            timeline: seconds,
        }
    }
}

impl fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("plan", self.plan).finish_non_exhaustive()
    }
}

/// So many bytes in bits.
fn bits(bytes: u64) -> f64 {
    bytes as f64 * 8.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(profile: &str, flows: &[(Congestion, bool)]) -> RatePlan {
        let flow = |(congestion, game): &(Congestion, bool)| Flow {
            congestion: *congestion,
            begins: Duration::ZERO,
            ends: Duration::MAX,
            rests_at: None,
            bulk: true,
            game: *game,
        };
        RatePlan {
            profile: profile.parse().unwrap(),
            flows: flows.iter().map(flow).collect(),
            length: Duration::from_secs(12),
            settled: Duration::from_secs(2),
        }
    }

    #[test]
    fn a_window_that_fills_the_queue_has_the_whole_rate_and_makes_all_wait() {
        let plan = plan("delay=20ms,rate=4mbit,queue=200ms", &[(Congestion::NewReno, true)]);
        let figures = rate(Instant::now(), 1, &plan);
        let flow = figures.flows[0];
        assert!((3.5e6..4e6).contains(&flow.goodput), "{flow:?}");
        let p95 = |spread: Option<Spread>| spread.unwrap().p95;
        assert!(p95(figures.waits) > Duration::from_millis(150), "{:?}", figures.waits);
        assert!(p95(flow.game) > Duration::from_millis(170), "{flow:?}");
        assert!(flow.updates.1 * 4 >= flow.updates.0 * 3, "{flow:?}");
        assert_eq!(figures.timeline.len(), 12);
    }

    #[test]
    fn updates_are_counted_from_when_figures_count_and_lost_ones_are_missing() {
        let mut plan = plan("delay=20ms,loss=20%", &[(Congestion::DelayAware, true)]);
        plan.flows[0].bulk = false;
        let (sent, taken) = rate(Instant::now(), 1, &plan).flows[0].updates;
        assert!((598..=601).contains(&sent), "60 a second, for ten seconds: {sent}");
        assert!((420..540).contains(&taken), "one in five is lost: {taken}");
    }

    #[test]
    fn nothing_is_spread_nowhere() {
        assert_eq!(Spread::of(Vec::new()), None);
        let one = Duration::from_millis(7);
        assert_eq!(Spread::of(vec![one]), Some(Spread { p50: one, p95: one, max: one }));
    }

    #[test]
    fn shares_are_even_or_are_not() {
        let of = |shares: &[f64]| {
            let flow = |share: &f64| FlowFigures { goodput: *share, ..FlowFigures::default() };
            let flows = shares.iter().map(flow).collect();
            RateFigures { flows, waits: None, timeline: vec![] }.jain()
        };
        assert!((of(&[2.0, 2.0]) - 1.0).abs() < 1e-9);
        assert!((of(&[2.0, 0.0]) - 0.5).abs() < 1e-9);
    }
}
