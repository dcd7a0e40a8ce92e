//! What a run leaves behind: its transcript, and breaches of the contract between core and shell.

use core::time::Duration;
use std::time::Instant;

use crate::{Breach, Broken, Entry, Side, Transcript};

/// More breaches than this tell nothing new.
const BREACHES: usize = 64;

/// The record of one run.
#[derive(Debug)]
pub(crate) struct Watch {
    seed: u64,
    start: Instant,
    pub(crate) transcript: Transcript,
    breaches: Vec<Breach>,
}

impl Watch {
    pub(crate) const fn new(seed: u64, start: Instant, transcript: Transcript) -> Self {
        Self { seed, start, transcript, breaches: Vec::new() }
    }

    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    pub(crate) fn note(&mut self, now: Instant, side: Side, entry: Entry<'_>) {
        self.transcript.add(self.elapsed(now), side, entry);
    }

    /// Records that the contract was broken at `side`.
    pub(crate) fn breach(&mut self, now: Instant, side: Option<Side>, what: impl Into<Broken>) {
        if self.breaches.len() < BREACHES {
            let (at, what) = (self.elapsed(now), what.into());
            self.breaches.push(Breach { seed: self.seed, at, side, channel: None, what });
        }
    }

    pub(crate) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }
}
