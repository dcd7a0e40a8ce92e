//! What came of a run.

use core::{fmt, time::Duration};

use biplane_proto::Drops;

use super::{OrdealFigures, Traffic, Wraps};
use crate::{Breach, CanaryKind};

/// The verdict over one run, and its figures.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The seed of the run.
    pub seed: u64,
    /// Every promise that was not kept, in order of time.
    pub breaches: Vec<Breach>,
    /// The hash of all that happened.
    pub transcript: u64,
    /// The same in words, if they were asked for.
    pub words: Vec<String>,
    /// How much virtual time passed.
    pub virtual_time: Duration,
    /// What happened, in figures.
    pub figures: Figures,
}

/// What happened in a run, over all its sessions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// Messages that were sent.
    pub sent: u64,
    /// Messages that were taken, of each of [`Traffic::KINDS`].
    pub taken: [u64; Traffic::KINDS.len()],
    /// Messages and requests that a full queue refused.
    pub refused: u64,
    /// How often a side's planes changed.
    pub plane_changes: u64,
    /// What became of datagrams.
    pub datagrams: Datagrams,
    /// Reliable messages that were sent once more.
    pub resent: u64,
    /// Messages of data channels that rode the control connection.
    pub tunnelled: u64,
    /// The longest that a message took.
    pub slowest: Duration,
    /// What came of what was owed when the faults stopped.
    pub drain: Drain,
    /// Sides whose packet numbers, message numbers, control numbers and requests passed the wrap
    /// that they began beside.
    pub passed: Wraps,
    /// What the first client's first control connection carried from where its session began, up
    /// and down, in bytes.
    pub control: [u64; 2],
    /// How often sessions went on over another control connection.
    pub resumes: u64,
    /// What sessions went through.
    pub ordeal: OrdealFigures,
}

/// The datagrams of a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Datagrams {
    /// Packets that were sent.
    pub sent: u64,
    /// Those that links were given while they were faulty and did not block, and how many of them
    /// were lost because the links are lossy.
    pub lost: (u64, u64),
    /// Those that arrived, copies among them.
    pub arrived: u64,
    /// Those of them that had been taken in and came once more.
    pub replayed: u64,
    /// Those of them that were dropped, by reason.
    pub drops: Drops,
}

/// How everything owed came, and all queues emptied, after the faults had stopped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Drain {
    /// How long it took.
    pub took: Duration,
    /// How long it might have taken.
    pub bound: Duration,
}

impl Outcome {
    /// Whether every promise was kept.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.breaches.is_empty()
    }

    /// Whether the oracle found this canary, and called it by its name.
    #[must_use]
    pub fn caught(&self, canary: CanaryKind) -> bool {
        self.breaches.iter().any(|breach| canary.is_named_by(&breach.what))
    }

    /// The first breach in words, and how many more there are; `None` if there is none.
    #[must_use]
    pub fn what(&self) -> Option<String> {
        let (first, more) = self.breaches.split_first()?;
        Some(match more.len() {
            0 => first.to_string(),
            more => format!("{first} (and {more} more)"),
        })
    }
}

impl Datagrams {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.lost.0 += other.lost.0;
        self.lost.1 += other.lost.1;
        self.arrived += other.arrived;
        self.replayed += other.replayed;
        self.drops.add(&other.drops);
    }

    /// The share that lossy links lost.
    #[must_use]
    pub fn loss(&self) -> f64 {
        let (sent, lost) = self.lost;
        lost as f64 / sent.max(1) as f64
    }
}

impl Figures {
    /// Messages that were taken.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.taken.iter().sum()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refused, plane_changes, datagrams, resent, tunnelled, .. } = self;
        let messages = self.messages();
        writeln!(f, "{messages} messages taken, {refused} refused, {resent} sent once more")?;
        writeln!(f, "{tunnelled} tunnelled, {plane_changes} changes of planes")?;
        let Drain { took, bound } = self.drain;
        writeln!(f, "slowest {:?}, drained in {took:?} of {bound:?}", self.slowest)?;
        write!(f, "{} datagrams", datagrams.arrived)?;
        for (reason, count) in datagrams.drops.iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {count} {}", reason.name())?;
        }
        Ok(())
    }
}
