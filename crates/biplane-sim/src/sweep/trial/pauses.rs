//! How long nothing comes of what is sent in a steady rhythm.
//!
//! What the conditions allow holds where nothing is lost. Each datagram that was lost in between may
//! cost one beat more, since it may have been the one that was waited for, or the one that would have
//! shown where the client is; and each question of the server's after the first, a second more: it
//! asks again after that if nothing comes back, and something must have been lost for that.

use core::time::Duration;
use std::{collections::BTreeMap, time::Instant};

use biplane_proto::limits;
use biplane_wire::{ChannelId, ChannelKind};
use bytes::Bytes;

use super::Trial;
use crate::{Rhythm, SessionBreach, Side};

/// By then the sessions fly, and streams are steady.
const SETTLED: Duration = Duration::from_secs(3);

/// The streams of a run.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    begin: Option<Instant>,
    /// What every stream came to at the latest, by the side that takes it.
    latest: BTreeMap<Side, Mark>,
    longest: Pause,
}

/// A moment, and what had happened until then.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    questions: u64,
    lost: u64,
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
    /// Streams are looked at from a while after now on.
    pub(super) fn begin_streams(&mut self) {
        let is_steady = self.conditions.longest_pause.is_some();
        self.pauses.begin = is_steady.then(|| self.world.now() + SETTLED);
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
        self.pauses.begin = None;
    }

    fn look_at_stream(&mut self, side: Side) {
        let now = self.world.now();
        if self.pauses.begin.is_none_or(|begin| now < begin) {
            return;
        }
        let mark = self.mark(side.client());
        let Some(before) = self.pauses.latest.insert(side, mark) else { return };
        let (took, bound) = (now - before.at, self.bound(before, mark));
        self.pauses.longest = self.pauses.longest.longer(Pause { took, bound });
        if took > bound {
            self.oracle.session_breach(now, side, SessionBreach::Paused { took, bound });
        }
    }

    fn bound(&self, before: Mark, after: Mark) -> Duration {
        let Rhythm::Steady(beat) = self.conditions.rhythm else { return Duration::MAX };
        let lost = u32::try_from(after.lost - before.lost).unwrap_or(u32::MAX);
        let asked = u32::try_from(after.questions - before.questions).unwrap_or(u32::MAX);
        let again = asked.saturating_sub(1).min(lost);
        let clean = self.conditions.longest_pause.unwrap_or(Duration::MAX);
        clean.saturating_add(beat * lost).saturating_add(limits::MOVE_INTERVAL * again)
    }

    fn mark(&self, client: usize) -> Mark {
        let wires = self.world.wires(client);
        let lost = wires.map_or(0, |wires| wires.up.stats().lost + wires.down.stats().lost);
        let questions = self.world.questions(client).asked;
        Mark { at: self.world.now(), questions, lost }
    }
}
