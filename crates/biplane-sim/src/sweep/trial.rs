//! One run of a seed, from the first hello to the last goodbye.

mod applications;
mod drain;
mod narrow;
mod ordeal;
mod pauses;

use core::time::Duration;
use std::{collections::BTreeMap, time::Instant};

use biplane_proto::{CloseReason, Drops, limits};
use biplane_wire::{ChannelId, ChannelKind};

use self::ordeal::Ordeal;
pub use self::{narrow::Narrows, ordeal::OrdealFigures, pauses::Pause};
use super::{Conditions, Datagrams, Drain, Figures, Outcome, Traffic, Wraps};
use crate::{Breach, Canary, CanaryKind, Oracle, Protocol, Rng, SessionBreach, Side, World};

/// Sessions must have begun by then.
const JOIN: Duration = Duration::from_secs(15);
/// So long nothing more may come of what had come already.
const QUIET: Duration = Duration::from_secs(2);
/// A close must be over by then.
const CLOSE: Duration = Duration::from_secs(5);
/// A canary strikes after so many messages.
const CANARY_AFTER: u64 = 20;
/// What the side that closes says.
const GOODBYE: &str = "that is all";

/// How a seed is to be run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plan {
    /// For how long the wires misbehave and applications send. Default: 60 s.
    pub length: Duration,
    /// The fault to plant. Default: none.
    pub canary: Option<CanaryKind>,
    /// Whether the transcript is kept in words. Default: no.
    pub in_words: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { length: Duration::from_secs(60), canary: None, in_words: false }
    }
}

/// A run that is under way.
#[derive(Debug)]
pub struct Trial {
    seed: u64,
    plan: Plan,
    conditions: Conditions,
    world: World,
    oracle: Oracle,
    rng: Rng,
    traffic: BTreeMap<Side, Traffic>,
    left: BTreeMap<Side, CloseReason>,
    tick: Instant,
    remarks_at: Instant,
    counts: Counts,
    ordeal: Ordeal,
}

/// What only the verdict reads.
#[derive(Debug, Default)]
struct Counts {
    refused: u64,
    plane_changes: u64,
    drain: Drain,
    /// Datagrams that links were given while they were faulty and did not block, and those that they
    /// lost.
    lost: (u64, u64),
    /// Bytes of the first control connection: when its session began, and since then.
    control: [u64; 2],
}

impl Trial {
    /// The run of `seed` that begins at `start`, under the conditions that the seed names.
    #[must_use]
    pub fn of_seed(start: Instant, seed: u64, plan: Plan) -> Self {
        Self::new(start, seed, Conditions::draw(seed, plan.length), plan)
    }

    /// A run under conditions of the caller's.
    #[must_use]
    pub fn new(start: Instant, seed: u64, conditions: Conditions, plan: Plan) -> Self {
        let protocol = conditions.protocol.clone();
        let make = if plan.in_words { World::in_words } else { World::new };
        let mut world = make(start, seed, protocol.clone());
        if conditions.is_timed {
            world.count_nonces();
        }
        let mut rng = Rng::new(!seed);
        for (client, config) in conditions.clients.iter().enumerate() {
            let mut config = config.clone();
            let planted = plan.canary.filter(|_| client == 0);
            let canary = planted.and_then(|kind| plant(kind, &protocol, &mut rng));
            match canary.map(|canary| canary.kind) {
                Some(CanaryKind::Sulks) => config.client.canary = canary,
                Some(CanaryKind::Clings) => {
                    (config.client.canary, config.server.canary) = (canary, canary);
                }
                _ => config.server.canary = canary,
            }
            world.connect(config);
        }
        Self {
            seed,
            plan,
            oracle: oracle(seed, start, &conditions),
            conditions,
            world,
            rng,
            traffic: BTreeMap::new(),
            left: BTreeMap::new(),
            tick: start,
            remarks_at: start,
            counts: Counts::default(),
            ordeal: Ordeal::default(),
        }
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        if self.join() {
            self.talk();
            self.counts.lost = self.lost();
            let ([up, down], [before_up, before_down]) = (self.written(), self.counts.control);
            self.counts.control = [up.saturating_sub(before_up), down.saturating_sub(before_down)];
            if self.is_doomed() {
                self.perish();
            } else {
                self.drain();
                self.world.replay_rest();
                self.part();
                self.world.replay_rest();
                self.tend_all();
            }
        }
        self.conclude()
    }

    /// Waits for all sessions to begin; whether they did.
    fn join(&mut self) -> bool {
        if self.world.run_until(JOIN, |world| world.has_joined()) {
            (0..self.world.clients()).for_each(|client| self.world.arm_breaks(client));
            self.counts.control = self.written();
            return true;
        }
        for side in self.world.sides() {
            if self.world.session(side).is_none() {
                let breach = SessionBreach::NeverJoined { why: "no answer".to_owned() };
                self.oracle.session_breach(self.world.now(), side, breach);
            }
        }
        false
    }

    /// Sends, under faults, for as long as planned.
    fn talk(&mut self) {
        let now = self.world.now();
        for side in self.world.sides() {
            let rhythm = self.conditions.rhythm;
            let traffic = Traffic::new(now, self.world.protocol(), rhythm, self.rng.fork());
            let traffic = traffic.of_lengths(self.conditions.lengths);
            self.traffic.insert(side, traffic);
        }
        let end = now + self.plan.length;
        self.begin_ordeal();
        self.begin_streams();
        while self.world.now() < end {
            let due = self.traffic.values().map(Traffic::due).min().unwrap_or(end);
            let strike = self.next_strike().unwrap_or(end);
            self.go_on(due.min(strike).min(end));
            self.strike();
            for side in self.world.sides() {
                self.work(side);
            }
        }
        self.end_streams();
    }

    /// Closes every session from one of its ends, and waits until both have left.
    fn part(&mut self) {
        for client in 0..self.world.clients() {
            let closer =
                if self.rng.chance(0.5) { Side::Client(client) } else { Side::Server(client) };
            self.oracle.may_leave(closer);
            self.oracle.may_leave(closer.peer());
            self.world.close(closer, GOODBYE);
            self.expect_to_leave(closer);
        }
        self.go_on(self.world.now() + QUIET);
    }

    /// Bytes written to the first client's control connection so far, up and down.
    fn written(&self) -> [u64; 2] {
        let wires = self.world.wires(0);
        wires.map_or([0; 2], |wires| [wires.control_up.written(), wires.control_down.written()])
    }

    fn expect_to_leave(&mut self, closer: Side) {
        let sides = [closer, closer.peer()];
        let deadline = self.world.now() + CLOSE;
        while self.world.now() < deadline && !sides.iter().all(|side| self.is_over(*side)) {
            self.go_on((self.world.now() + Duration::from_millis(10)).min(deadline));
        }
        let here = CloseReason::ClosedHere { text: GOODBYE.into() };
        let there = CloseReason::Closed { text: GOODBYE.into() };
        for (side, wanted) in [(closer, here), (closer.peer(), there)] {
            let breach = match self.left.get(&side) {
                None => SessionBreach::NeverLeft,
                Some(reason) if *reason != wanted => SessionBreach::LeftOtherwise(reason.clone()),
                Some(_) if !self.is_over(side) => SessionBreach::NeverOver,
                Some(_) => continue,
            };
            self.oracle.session_breach(self.world.now(), side, breach);
        }
    }

    fn is_over(&self, side: Side) -> bool {
        self.left.contains_key(&side)
            && self.world.session(side).is_none_or(biplane_proto::Session::is_over)
    }

    fn conclude(mut self) -> Outcome {
        self.world.check_accounts();
        self.judge_ordeal();
        // What ends by itself owes what it had not delivered.
        if !self.is_doomed() {
            // First: no more than so many breaches are kept, and who is wrong here loses messages.
            self.judge_paths();
            self.judge_the_rest();
        }
        Outcome {
            seed: self.seed,
            breaches: in_order(self.world.breaches(), self.oracle.breaches()),
            transcript: self.world.transcript().hash(),
            words: self.world.transcript().words().to_vec(),
            virtual_time: self.world.elapsed(),
            figures: self.figures(),
        }
    }

    fn judge_the_rest(&mut self) {
        let channels: Vec<_> = self.channels().map(|(id, _)| id).collect();
        for side in self.world.sides() {
            for channel in channels.iter().copied() {
                let stats = self
                    .world
                    .act(side, |now, core| core.session_mut().channel_stats(now, channel));
                let expired = stats.flatten().map_or(0, |stats| stats.expired);
                self.oracle.expired(self.world.now(), side, channel, expired);
            }
        }
        self.oracle.finish(self.world.now());
    }

    fn figures(&self) -> Figures {
        let clients = (0..self.world.clients()).map(|client| self.world.client_tally(client));
        let tallies: Vec<_> = clients.chain([self.world.server_tally()]).collect();
        let mut drops = Drops::default();
        tallies.iter().for_each(|tally| drops.add(&tally.drops));
        let sessions = self.world.sides().filter_map(|side| self.world.session(side));
        let stats: Vec<_> = sessions.map(biplane_proto::Session::stats).collect();
        Figures {
            sent: self.sent(),
            taken: self.taken(),
            refused: self.counts.refused,
            plane_changes: self.counts.plane_changes,
            datagrams: Datagrams {
                sent: stats.iter().map(|stats| stats.packets_sent).sum(),
                lost: self.counts.lost,
                arrived: tallies.iter().map(|tally| tally.received).sum(),
                replayed: self.world.replayed(),
                drops,
            },
            resent: stats.iter().map(|stats| stats.delivery.resent).sum(),
            tunnelled: stats.iter().map(|stats| stats.delivery.tunnelled).sum(),
            slowest: self.oracle.slowest(),
            drain: self.counts.drain,
            passed: self.passed(),
            control: self.counts.control,
            resumes: (0..self.world.clients()).map(|client| self.world.resumes(client)).sum(),
            ordeal: self.ordeal_figures(),
        }
    }

    fn ordeal_figures(&self) -> OrdealFigures {
        let mut figures =
            OrdealFigures { pause: self.ordeal.pauses.longest(), ..self.ordeal.figures };
        for client in 0..self.world.clients() {
            figures.questions.add(&self.world.questions(client));
            let server = self.world.session(Side::Server(client));
            figures.followed += server.map_or(0, |session| session.stats().path.changes);
        }
        figures
    }

    /// Datagrams that links were given and did not block, and how many they lost because they are
    /// lossy.
    fn lost(&self) -> (u64, u64) {
        let wires = (0..self.world.clients()).filter_map(|client| self.world.wires(client));
        let links = wires.flat_map(|wires| [wires.up.stats(), wires.down.stats()]);
        links.fold((0, 0), |(sent, lost), link| (sent + link.sent - link.blocked, lost + link.lost))
    }

    /// Messages that were taken, by their kind.
    fn taken(&self) -> [u64; Traffic::KINDS.len()] {
        Traffic::KINDS.map(|kind| {
            let channels = self.channels().filter(|(_, its)| *its == kind);
            let sides = channels.flat_map(|(id, _)| self.world.sides().map(move |it| (it, id)));
            sides.map(|(from, id)| self.oracle.taken_of(from, id)).sum()
        })
    }

    fn sent(&self) -> u64 {
        let sides = self.world.sides();
        sides
            .map(|side| self.channels().map(|(id, _)| self.oracle.accepted(side, id)).sum::<u64>())
            .sum()
    }

    fn channels(&self) -> impl Iterator<Item = (ChannelId, ChannelKind)> + '_ {
        self.world.protocol().kinds()
    }

    /// At how many sides each counter has passed the wrap that it began beside.
    fn passed(&self) -> Wraps {
        let Some(wraps) = self.conditions.wraps else { return Wraps::default() };
        let mut passed = Wraps::default();
        for side in self.world.sides() {
            let stats = self.world.session(side).map(biplane_proto::Session::stats);
            let packets = stats.map_or(0, |stats| stats.packets_sent);
            let of = |kind| {
                let channels = self.channels().filter(move |(_, its)| *its == kind);
                channels.map(|(id, _)| self.oracle.accepted(side, id)).sum::<u64>()
            };
            passed.packets += u64::from(packets > wraps.packets);
            passed.messages += u64::from(of(ChannelKind::ReliableUnordered) > wraps.messages);
            passed.records += u64::from(of(ChannelKind::Command) > wraps.records);
            passed.requests += u64::from(self.oracle.requested(side) > wraps.requests);
        }
        passed
    }
}

/// The judge of a run under these conditions.
fn oracle(seed: u64, start: Instant, conditions: &Conditions) -> Oracle {
    let mut oracle = Oracle::new(seed, start, conditions.protocol.clone());
    for (client, config) in conditions.clients.iter().enumerate() {
        let sides = [Side::Client(client), Side::Server(client)];
        for (from, taker) in sides.into_iter().zip([config.server, config.client]) {
            // No traffic of ours uses up the default before it is granted anew.
            if taker.initial_credit < limits::CHANNEL_CREDIT {
                oracle.may_lack_credit(from);
            }
        }
    }
    oracle
}

/// A canary on one of the channels whose promise it breaks.
fn plant(kind: CanaryKind, protocol: &Protocol, rng: &mut Rng) -> Option<Canary> {
    // What withholds a message that may expire is only found by counting all that did.
    let owes = |id| kind != CanaryKind::Withholds || protocol.owes(id);
    let bitten: Vec<_> = protocol.kinds().filter(|(id, of)| kind.bites(*of) && owes(*id)).collect();
    let (channel, _) = *bitten.get(rng.index(bitten.len()))?;
    Some(Canary { kind, channel, after: CANARY_AFTER })
}

fn in_order(contract: &[Breach], promises: &[Breach]) -> Vec<Breach> {
    let mut all: Vec<_> = contract.iter().chain(promises).cloned().collect();
    all.sort_by_key(|breach| breach.at);
    all
}
