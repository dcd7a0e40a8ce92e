//! A window held back to see whose queue it is: ours drains, somebody else's stays.

use core::time::Duration;
use std::time::Instant;

use super::super::Acked;

/// How much is held back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// What the path does not carry.
    Drain,
    /// All but four datagrams.
    Four,
    /// All but two: on a slow path four are a queue of their own.
    Two,
}

/// One step, while it lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) step: Step,
    /// The window meanwhile.
    pub(super) bytes: u64,
    pub(super) before: Before,
    since: Instant,
    /// When a packet that was sent since was heard of first, and the shortest wait of them.
    seen: Option<(Instant, Duration)>,
}

/// How it was before the window was held back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) window: u64,
    /// Bytes per second that arrived.
    pub(super) rate: u64,
    /// How long packets waited before this step.
    pub(super) wait: Duration,
}

/// What the queue is found to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Finding {
    /// Packets sent meanwhile have yet to tell.
    Unknown,
    /// Empty, to packets that were sent meanwhile.
    Empty,
    /// Empty to packets that were under way before: what others waited for went by itself.
    Passed,
    /// Packets wait so long at least.
    Stands(Duration),
}

impl Step {
    /// What shows more.
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Drain => Some(Self::Four),
            Self::Four => Some(Self::Two),
            Self::Two => None,
        }
    }
}

impl Hold {
    pub(super) const fn new(now: Instant, step: Step, bytes: u64, before: Before) -> Self {
        Self { step, bytes, before, since: now, seen: None }
    }

    /// Takes in an ack of packets of which the newest waited for `wait`.
    pub(super) fn look(&mut self, acked: &Acked, wait: Duration, empty: Duration) -> Finding {
        let was_under_way = acked.sent_at <= self.since;
        if wait < empty {
            return if was_under_way { Finding::Passed } else { Finding::Empty };
        }
        if was_under_way {
            return Finding::Unknown;
        }
        let (first, least) = self.seen.unwrap_or((acked.now, wait));
        let least = least.min(wait);
        self.seen = Some((first, least));
        let looked = acked.now.saturating_duration_since(first);
        if looked < acked.least_rtt / 2 { Finding::Unknown } else { Finding::Stands(least) }
    }

    /// Whether a queue of `least` is so much shorter than before this step that we had a part in it.
    pub(super) fn has_shrunk(&self, least: Duration) -> bool {
        match self.step {
            Step::Drain => least < self.before.wait / 2,
            Step::Four | Step::Two => least < self.before.wait * 7 / 10,
        }
    }
}
