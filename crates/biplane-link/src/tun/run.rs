//! What a run does to the link, and when: its profile, its seed, its first moment.

use std::time::{Duration, Instant};

use biplane_sim::{Agenda, Direction, Instruction, Profile};

/// The longest IP packet where nobody says, in bytes: Ethernet's.
const MTU: u16 = 1_500;

/// A run, which begins with the first connection or datagram.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) profile: Profile,
    pub(super) seed: u64,
    start: Option<Instant>,
    agenda: Agenda,
}

impl Run {
    /// One that has not begun.
    pub(super) fn new(profile: &Profile, seed: u64) -> Self {
        let agenda = profile.schedule.agenda();
        Self { profile: profile.clone(), seed, start: None, agenda }
    }

    /// Begins, unless it has; whether it had not.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        let begins = self.start.is_none();
        self.start.get_or_insert(now);
        begins
    }

    /// How long it has gone on.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        self.start.map(|start| now.saturating_duration_since(start)).unwrap_or_default()
    }

    /// What is to be done now.
    pub(super) fn instruction(&mut self, now: Instant) -> Option<Instruction> {
        let elapsed = now.saturating_duration_since(self.start?);
        self.agenda.pop(elapsed)
    }

    /// When something is next to be done.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.start?.checked_add(self.agenda.next_due()?)
    }
}

/// The longest IP packets up and down, in bytes.
pub(super) fn mtus(profile: &Profile) -> [u16; 2] {
    Direction::ALL.map(|direction| {
        let mtu = profile.way(direction).mtu;
        mtu.map_or(MTU, |mtu| u16::try_from(mtu).unwrap_or(u16::MAX))
    })
}
