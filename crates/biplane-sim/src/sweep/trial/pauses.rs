//! How long nothing comes of what is sent in a steady rhythm.

use core::time::Duration;
use std::{collections::BTreeMap, time::Instant};

use biplane_wire::{ChannelId, ChannelKind};
use bytes::Bytes;

use super::Trial;
use crate::{SessionBreach, Side};

/// By then the sessions fly, and streams are steady.
const SETTLED: Duration = Duration::from_secs(3);

/// The streams of a run.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    begin: Option<Instant>,
    /// When anything of each stream came at the latest, by the side that takes it.
    latest: BTreeMap<Side, Instant>,
    longest: Pause,
}

/// For how long nothing came, and how long that may be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Pause {
    /// For how long nothing came.
    pub took: Duration,
    /// How long that might have been.
    pub bound: Duration,
}

impl Pause {
    /// As a share of what it may be.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.bound.is_zero() { 0.0 } else { self.took.as_secs_f64() / self.bound.as_secs_f64() }
    }

    /// The one that is longer for what it may be.
    #[must_use]
    pub fn longer(self, other: Self) -> Self {
        if other.share() > self.share() { other } else { self }
    }
}

impl Pauses {
    pub(super) const fn longest(&self) -> Pause {
        self.longest
    }
}

impl Trial {
    /// Streams are looked at from a while after now on, those too of which nothing comes then.
    pub(super) fn begin_streams(&mut self) {
        let begin = self.world.now() + SETTLED;
        self.ordeal.pauses.begin = Some(begin);
        self.ordeal.pauses.latest = self.world.sides().map(|side| (side, begin)).collect();
    }

    /// `side` took these.
    pub(super) fn hear(&mut self, side: Side, taken: &[(ChannelId, Bytes)]) {
        let protocol = self.world.protocol();
        let streams = |channel: &ChannelId| {
            let channel = protocol.channels.get(channel.index());
            channel.is_some_and(|channel| channel.kind == ChannelKind::Sequenced)
        };
        if taken.iter().any(|(channel, _)| streams(channel)) {
            self.look_at_stream(side);
        }
    }

    /// Nothing more is sent from now on.
    pub(super) fn end_streams(&mut self) {
        for side in self.world.sides() {
            self.look_at_stream(side);
        }
        self.ordeal.pauses.begin = None;
    }

    fn look_at_stream(&mut self, side: Side) {
        let now = self.world.now();
        let Some(bound) = self.conditions.longest_pause else { return };
        if self.ordeal.pauses.begin.is_none_or(|begin| now < begin) {
            return;
        }
        let Some(before) = self.ordeal.pauses.latest.insert(side, now) else { return };
        let took = now - before;
        self.ordeal.pauses.longest = self.ordeal.pauses.longest.longer(Pause { took, bound });
        if took > bound {
            self.oracle.session_breach(now, side, SessionBreach::Paused { took, bound });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Broken, Conditions, Outage, Plan, Rhythm, Trial, WiresConfig};

    /// For how long nothing came, where nothing passes from that second on.
    fn paused(silent_from: u64) -> Vec<Duration> {
        let from = Duration::from_secs(silent_from);
        let outages = vec![Outage { from, until: Duration::from_secs(60) }];
        let mut wires = WiresConfig::clean(Duration::from_millis(20));
        wires.up.outages = outages.clone();
        wires.control_up.outages = outages;
        let mut conditions = Conditions::of(wires);
        conditions.rhythm = Rhythm::Steady(Duration::from_millis(50));
        conditions.longest_pause = Some(Duration::from_secs(1));
        let plan = Plan { length: Duration::from_secs(6), ..Plan::default() };
        let breaches = Trial::new(Instant::now(), 1, conditions, plan).run().breaches;
        let paused = breaches.into_iter().filter(|it| it.side == Some(Side::Server(0)));
        let took = paused.filter_map(|breach| {
            let Broken::Session(SessionBreach::Paused { took, .. }) = breach.what else {
                return None;
            };
            Some(took)
        });
        took.collect()
    }

    #[test]
    fn a_stream_that_ends_before_it_is_looked_at_is_missed_too() {
        assert_eq!(paused(10), []);
        let short = |took: &Duration| took.as_millis() / 100;
        assert_eq!(paused(4).iter().map(short).collect::<Vec<_>>(), [20]);
        assert_eq!(paused(2).iter().map(short).collect::<Vec<_>>(), [30]);
    }
}
