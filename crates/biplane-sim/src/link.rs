//! One direction of a UDP path.
//!
//! Guarantees: every datagram sent is lost for one counted reason or arrives, once or twice, at a
//! time that the configuration and the seed decide; the same calls give the same arrivals. Faults
//! can also be scripted, one datagram at a time, where a test needs to name them.

mod bottleneck;
mod config;
mod jitter;
mod loss;
mod trace;
mod under_way;

pub use bottleneck::Bottleneck;
pub use config::{BottleneckConfig, LinkConfig, Loss, Outage};
pub use trace::{Trace, TraceError};

pub(crate) use jitter::Jitter;
pub(crate) use loss::LossModel;

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use biplane_proto::Ecn;

use crate::Rng;
use under_way::UnderWay;

/// What is under way at the most, in bytes; more is dropped as by a full queue.
const UNDER_WAY_BYTES: usize = 256 << 20;

/// A link on which datagrams are under way, each with a tag of the caller's.
#[derive(Debug)]
pub struct Link<T = ()> {
    config: LinkConfig,
    start: Instant,
    rng: Rng,
    loss: LossModel,
    jitter: Jitter,
    bottleneck: Option<Bottleneck>,
    script: VecDeque<Fault>,
    cut: bool,
    marks: MarkPolicy,
    under_way: UnderWay<T>,
    latest: Instant,
    stats: LinkStats,
}

/// What becomes of one datagram, by a test's will.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing but what the configuration does.
    None,
    /// It is lost.
    Lose,
    /// It arrives twice.
    Duplicate,
    /// It arrives altered.
    Corrupt,
    /// It arrives so much later than the configuration says.
    Delay(Duration),
}

/// A datagram that has come through.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Arrival<T = ()> {
    /// Whether these are other bytes than were sent.
    pub altered: bool,
    /// How many were sent before it; a copy has the number of its original.
    pub number: u64,
    /// What it was sent with.
    pub tag: T,
    /// Its ECN mark, as it came out.
    pub ecn: Option<Ecn>,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// What became of the datagrams of a link; each sent is counted in one of the reasons it was lost
/// for, or arrives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Given to the link.
    pub sent: u64,
    /// Taken off its end, copies among them.
    pub arrived: u64,
    /// Lost at random or by script.
    pub lost: u64,
    /// Lost because the link was out.
    pub blocked: u64,
    /// Lost because the queue before the bottleneck was full.
    pub queue_dropped: u64,
    /// Lost because they were longer than the MTU.
    pub too_big: u64,
    /// Arrive once more.
    pub duplicated: u64,
    /// Arrived after one that was sent later.
    pub reordered: u64,
    /// Arrive altered, copies among them.
    pub corrupted: u64,
    /// Let through with a mark of congestion.
    pub marked: u64,
}

/// What a link does to datagrams that leave with an ECN mark.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum MarkPolicy {
    /// Nothing.
    #[default]
    Carry,
    /// It marks congestion while so many bytes wait before its bottleneck.
    Above(u64),
    /// It takes the mark off.
    Bleach,
    /// It loses them.
    Drop,
}

impl Link {
    /// A link of a run that begins at `start`.
    #[must_use]
    pub fn new(start: Instant, config: LinkConfig, rng: Rng) -> Self {
        Self::tagged(start, config, rng)
    }

    /// Sends one datagram.
    pub fn send(&mut self, now: Instant, bytes: Vec<u8>) {
        self.send_tagged(now, (), bytes);
    }
}

impl<T> Link<T> {
    /// A link of a run that begins at `start`, whose datagrams carry tags.
    #[must_use]
    pub fn tagged(start: Instant, config: LinkConfig, rng: Rng) -> Self {
        let bottleneck = Bottleneck::of(start, &config);
        Self::behind(start, config, rng, bottleneck)
    }

    /// A link that stands behind `bottleneck`, with others perhaps, instead of one of its own.
    #[must_use]
    pub fn behind(
        start: Instant,
        config: LinkConfig,
        rng: Rng,
        bottleneck: Option<Bottleneck>,
    ) -> Self {
        Self {
            loss: LossModel::new(config.loss),
            jitter: Jitter::new(start, config.jitter, config.keeps_order),
            bottleneck,
            config,
            start,
            rng,
            script: VecDeque::new(),
            cut: false,
            marks: MarkPolicy::default(),
            under_way: UnderWay::default(),
            latest: start,
            stats: LinkStats::default(),
        }
    }

    /// Sends one datagram with its tag.
    pub fn send_tagged(&mut self, now: Instant, tag: T, bytes: Vec<u8>)
    where
        T: Clone,
    {
        self.send_marked(now, tag, None, bytes);
    }

    /// Sends one datagram with its tag and its ECN mark.
    pub fn send_marked(&mut self, now: Instant, tag: T, ecn: Option<Ecn>, bytes: Vec<u8>)
    where
        T: Clone,
    {
        let number = self.stats.sent;
        self.stats.sent += 1;
        let fault = self.script.pop_front().unwrap_or(Fault::None);
        let fault =
            if ecn.is_some() && self.marks == MarkPolicy::Drop { Fault::Lose } else { fault };
        let ecn = self.mark(now, ecn);
        let Some(leaves) = self.admit(now, bytes.len(), fault) else { return };
        self.stats.marked += u64::from(ecn == Some(Ecn::Ce));
        let arrival = Arrival { altered: false, number, tag, ecn, bytes };
        if self.rng.chance(self.config.duplication) || fault == Fault::Duplicate {
            self.stats.duplicated += 1;
            self.launch(leaves, fault, arrival.clone());
        }
        self.launch(leaves, fault, arrival);
    }

    /// Takes one datagram that has arrived by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Arrival<T>> {
        let (arrival, is_late) = self.under_way.pop(now)?;
        self.stats.arrived += 1;
        self.stats.reordered += u64::from(is_late);
        Some(arrival)
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.next_arrival()
    }

    /// What the datagrams sent from now on meet, one each.
    pub fn script(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.script.extend(faults);
    }

    /// What becomes from now on of datagrams that leave with an ECN mark.
    pub fn treat_marks(&mut self, policy: MarkPolicy) {
        self.marks = policy;
    }

    /// Lets nothing in any more; what is under way arrives.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Lets datagrams in again.
    pub fn mend(&mut self) {
        self.cut = false;
    }

    /// Goes on under another configuration; what is under way stays so. Whoever else stands behind
    /// its bottleneck stands behind the new one too, if the new one is not none.
    pub fn reconfigure(&mut self, now: Instant, config: LinkConfig) {
        self.loss = LossModel::new(config.loss);
        self.jitter = Jitter::new(now, config.jitter, config.keeps_order);
        let is_same =
            config.bottleneck == self.config.bottleneck && config.trace == self.config.trace;
        if !is_same {
            match Bottleneck::of(now, &config) {
                Some(_) if self.bottleneck.is_some() => {
                    self.bottleneck.iter().for_each(|old| old.reconfigure(now, &config));
                }
                new => self.bottleneck = new,
            }
        }
        self.config = config;
    }

    /// What it does to datagrams.
    #[must_use]
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// What became of its datagrams so far.
    #[must_use]
    pub const fn stats(&self) -> LinkStats {
        self.stats
    }

    /// How many datagrams are under way, copies among them.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// When a datagram has passed the bottleneck; `None` if it is lost on the way there, and
    /// counted.
    fn admit(&mut self, now: Instant, len: usize, fault: Fault) -> Option<Instant> {
        if self.is_out(now) {
            self.stats.blocked += 1;
            return None;
        }
        if self.config.mtu.is_some_and(|mtu| len > mtu) {
            self.stats.too_big += 1;
            return None;
        }
        if self.loss.strikes(now, &mut self.rng) || fault == Fault::Lose {
            self.stats.lost += 1;
            return None;
        }
        let leaves = self.passes(now, len);
        self.stats.queue_dropped += u64::from(leaves.is_none());
        leaves
    }

    /// The mark with which a datagram comes out that had this one.
    fn mark(&self, now: Instant, ecn: Option<Ecn>) -> Option<Ecn> {
        match self.marks {
            MarkPolicy::Carry | MarkPolicy::Drop => ecn,
            MarkPolicy::Bleach => None,
            MarkPolicy::Above(most) => {
                let queued = self.bottleneck.as_ref().map_or(0, |narrow| narrow.queued(now));
                ecn.map(|mark| if queued >= most { Ecn::Ce } else { mark })
            }
        }
    }

    fn is_out(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.start);
        self.cut || self.config.outages.iter().any(|outage| outage.covers(elapsed))
    }

    fn passes(&self, now: Instant, len: usize) -> Option<Instant> {
        if self.under_way.bytes() + len > UNDER_WAY_BYTES {
            return None;
        }
        self.bottleneck.as_ref().map_or(Some(now), |bottleneck| bottleneck.pass(now, len))
    }

    /// Puts one copy under way.
    fn launch(&mut self, leaves: Instant, fault: Fault, mut arrival: Arrival<T>) {
        let jitter = self.jitter.delay(leaves, &mut self.rng);
        let mut at = leaves + self.config.latency + jitter;
        if self.config.keeps_order {
            at = at.max(self.latest);
            self.latest = at;
        }
        if let Fault::Delay(by) = fault {
            at += by;
        }
        if self.rng.chance(self.config.reordering) {
            at += self.rng.duration(self.config.reorder_by);
        }
        arrival.altered = !arrival.bytes.is_empty()
            && (self.rng.chance(self.config.corruption) || fault == Fault::Corrupt);
        if arrival.altered {
            self.stats.corrupted += 1;
            corrupt(&mut self.rng, &mut arrival.bytes);
        }
        self.under_way.push(at, arrival);
    }
}

/// Alters one to three bytes in a row, each for sure.
fn corrupt(rng: &mut Rng, bytes: &mut [u8]) {
    let first = rng.index(bytes.len());
    let count = 1 + rng.index(3);
    for byte in bytes.iter_mut().skip(first).take(count) {
        *byte ^= u8::try_from(rng.between(1, 255)).unwrap_or(1);
    }
}

#[cfg(test)]
mod tests;
