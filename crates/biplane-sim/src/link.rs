//! One direction of a UDP path.
//!
//! Guarantees: every datagram sent is lost for one counted reason or arrives, once or twice, at a
//! time that the configuration and the seed decide; the same calls give the same arrivals. Faults
//! can also be scripted, one datagram at a time, where a test needs to name them.

mod bottleneck;
mod config;
mod loss;

pub use config::{BottleneckConfig, LinkConfig, Loss, Outage};

use core::{cmp::Reverse, time::Duration};
use std::{
    collections::{BinaryHeap, VecDeque},
    time::Instant,
};

use crate::Rng;
use bottleneck::Bottleneck;
use loss::LossModel;

/// A link on which datagrams are under way.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    start: Instant,
    rng: Rng,
    loss: LossModel,
    bottleneck: Option<Bottleneck>,
    script: VecDeque<Fault>,
    cut: bool,
    under_way: BinaryHeap<Reverse<Arrival>>,
    launched: u64,
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
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Arrival {
    at: Instant,
    order: u64,
    /// Whether these are other bytes than were sent.
    pub altered: bool,
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
    /// Arrive once more.
    pub duplicated: u64,
    /// Fall behind.
    pub reordered: u64,
    /// Arrive altered, copies among them.
    pub corrupted: u64,
}

impl Link {
    /// A link of a run that begins at `start`.
    #[must_use]
    pub fn new(start: Instant, config: LinkConfig, rng: Rng) -> Self {
        Self {
            loss: LossModel::new(config.loss),
            bottleneck: config.bottleneck.map(|bottleneck| Bottleneck::new(bottleneck, start)),
            config,
            start,
            rng,
            script: VecDeque::new(),
            cut: false,
            under_way: BinaryHeap::new(),
            launched: 0,
            latest: start,
            stats: LinkStats::default(),
        }
    }

    /// Sends one datagram.
    pub fn send(&mut self, now: Instant, bytes: Vec<u8>) {
        self.stats.sent += 1;
        let fault = self.script.pop_front().unwrap_or(Fault::None);
        if self.is_out(now) {
            self.stats.blocked += 1;
            return;
        }
        if self.loss.strikes(now, &mut self.rng) || fault == Fault::Lose {
            self.stats.lost += 1;
            return;
        }
        let Some(leaves) = self.passes(now, bytes.len()) else {
            self.stats.queue_dropped += 1;
            return;
        };
        if self.rng.chance(self.config.duplication) || fault == Fault::Duplicate {
            self.stats.duplicated += 1;
            self.launch(leaves, fault, bytes.clone());
        }
        self.launch(leaves, fault, bytes);
    }

    /// Takes one datagram that has arrived by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Arrival> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse(arrival) = self.under_way.pop()?;
        self.stats.arrived += 1;
        Some(arrival)
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(arrival)| arrival.at)
    }

    /// What the datagrams sent from now on meet, one each.
    pub fn script(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.script.extend(faults);
    }

    /// Lets nothing in any more; what is under way arrives.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Lets datagrams in again.
    pub fn mend(&mut self) {
        self.cut = false;
    }

    /// Goes on under another configuration; what is under way stays so.
    pub fn reconfigure(&mut self, now: Instant, config: LinkConfig) {
        self.loss = LossModel::new(config.loss);
        if config.bottleneck != self.config.bottleneck {
            self.bottleneck = config.bottleneck.map(|narrow| Bottleneck::new(narrow, now));
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

    fn is_out(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.start);
        self.cut || self.config.outages.iter().any(|outage| outage.covers(elapsed))
    }

    fn passes(&mut self, now: Instant, len: usize) -> Option<Instant> {
        self.bottleneck.as_mut().map_or(Some(now), |bottleneck| bottleneck.pass(now, len))
    }

    /// Puts one copy under way.
    fn launch(&mut self, leaves: Instant, fault: Fault, mut bytes: Vec<u8>) {
        let mut at = leaves + self.config.latency + self.rng.duration(self.config.jitter);
        if self.config.keeps_order {
            at = at.max(self.latest);
            self.latest = at;
        }
        if let Fault::Delay(by) = fault {
            at += by;
        }
        if self.rng.chance(self.config.reordering) {
            self.stats.reordered += 1;
            at += self.rng.duration(self.config.reorder_by);
        }
        let altered = !bytes.is_empty()
            && (self.rng.chance(self.config.corruption) || fault == Fault::Corrupt);
        if altered {
            self.stats.corrupted += 1;
            corrupt(&mut self.rng, &mut bytes);
        }
        self.launched += 1;
        self.under_way.push(Reverse(Arrival { at, order: self.launched, altered, bytes }));
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
