//! What this side sends on, what the peer says it sends on, and what the application was told.

use core::time::Duration;
use std::time::Instant;

use crate::{Planes, limits};

/// The state of both planes in both directions.
#[derive(Debug)]
pub(crate) struct Liveness {
    data: Data,
    /// Whether this side has said which planes it sends on.
    declared: bool,
    peer: Option<Planes>,
    told: Option<Planes>,
    sent_at: Instant,
}

/// The sending direction of the UDP path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Data {
    /// Not validated yet: messages ride TCP.
    Joining,
    Open,
    /// Answers ceased.
    Dead {
        since: Instant,
        interval: Duration,
        probe: bool,
    },
}

impl Liveness {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { data: Data::Joining, declared: false, peer: None, told: None, sent_at: now }
    }

    /// Whether messages of data channels go over UDP; else they ride TCP.
    pub(crate) fn data_open(&self) -> bool {
        self.data == Data::Open
    }

    pub(crate) const fn data_dead(&self) -> bool {
        matches!(self.data, Data::Dead { .. })
    }

    /// The UDP path was validated, or answers again; returns whether that is news.
    pub(crate) fn on_data_open(&mut self) -> bool {
        let news = !self.data_open();
        self.data = Data::Open;
        self.declared = true;
        news
    }

    /// The path has not come up in the time a join gives it; returns whether that is news.
    pub(crate) fn on_join_overdue(&mut self) -> bool {
        let news = !self.data_open() && !self.declared;
        self.declared |= news;
        news
    }

    /// The control connection is gone: whatever was not said so far is said without it.
    pub(crate) const fn on_control_lost(&mut self) {
        self.declared = true;
    }

    /// Answers have ceased.
    pub(crate) const fn on_data_dead(&mut self, now: Instant) {
        self.data = Data::Dead { since: now, interval: limits::PROBE_INTERVAL, probe: true };
    }

    /// How long until the next probe of a dead direction; a probe is due now. Distances grow only
    /// while nothing waits for it.
    pub(crate) fn next_probe(&mut self, now: Instant, wanted: bool) -> Option<Duration> {
        let Data::Dead { since, interval, probe } = &mut self.data else { return None };
        *probe = true;
        if wanted {
            *interval = limits::PROBE_INTERVAL;
        } else if now.saturating_duration_since(*since) > limits::PROBE_STEADY {
            *interval = (*interval * 2).min(limits::PROBE_MAX);
        }
        Some(*interval)
    }

    /// The peer is heard: a dead direction is probed at once, unless it was within a second.
    pub(crate) fn on_heard(&mut self, now: Instant) {
        let quiet = now.saturating_duration_since(self.sent_at) >= limits::PROBE_INTERVAL;
        if let Data::Dead { probe, .. } = &mut self.data {
            *probe |= quiet;
        }
    }

    /// A dead direction is probed at once.
    pub(crate) const fn probe_now(&mut self) {
        if let Data::Dead { probe, .. } = &mut self.data {
            *probe = true;
        }
    }

    /// Whether a probe of a dead direction waits to leave.
    pub(crate) const fn probe_due(&self) -> bool {
        matches!(self.data, Data::Dead { probe: true, .. })
    }

    /// A packet left.
    pub(crate) const fn on_sent(&mut self, now: Instant) {
        self.sent_at = now;
        if let Data::Dead { probe, .. } = &mut self.data {
            *probe = false;
        }
    }

    /// When a quiet path says that it is there.
    pub(crate) fn keep_alive_at(&self, interval: Duration) -> Option<Instant> {
        self.data_open().then(|| self.sent_at + interval)
    }

    /// What this side sends on.
    pub(crate) fn planes(&self, control: bool) -> Planes {
        Planes::of(control, self.data_open())
    }

    pub(crate) const fn handle_report(&mut self, planes: Planes) {
        self.peer = Some(planes);
    }

    /// The worse of both directions, if the application does not know it yet.
    pub(crate) fn news(&mut self, control: bool) -> Option<Planes> {
        if !self.declared {
            return None;
        }
        let own = self.planes(control);
        let both = match self.peer {
            Some(peer) => own.worse(peer),
            None if own == Planes::Both => return None,
            None => own,
        };
        if self.told == Some(both) {
            return None;
        }
        self.told = Some(both);
        Some(both)
    }

    /// What the application knows.
    pub(crate) const fn told(&self) -> Option<Planes> {
        self.told
    }

    /// The bits that tell the peer what this side sends on.
    pub(crate) fn bits(&self, control: bool) -> u8 {
        u8::from(control) | u8::from(self.data_open()) << 1
    }
}
