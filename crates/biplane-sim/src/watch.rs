//! What a run leaves behind: its transcript, and breaches of the contract between core and shell.

use core::time::Duration;
use std::{collections::HashSet, time::Instant};

use biplane_wire::Header;

use crate::{Breach, Broken, ContractBreach, Entry, Side, Transcript};

/// More breaches than this tell nothing new.
const BREACHES: usize = 64;

/// The record of one run.
#[derive(Debug)]
pub(crate) struct Watch {
    seed: u64,
    start: Instant,
    pub(crate) transcript: Transcript,
    breaches: Vec<Breach>,
    /// What every pair of key and nonce gave first, if that is looked at.
    nonces: Option<HashSet<[u8; KEYSTREAM]>>,
}

/// Bytes of the keystream that tell one pair of key and nonce from another. The shortest packet has
/// so many.
const KEYSTREAM: usize = 15;

impl Watch {
    pub(crate) const fn new(seed: u64, start: Instant, transcript: Transcript) -> Self {
        Self { seed, start, transcript, breaches: Vec::new(), nonces: None }
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

    /// From now on every seal is compared with all before it.
    pub(crate) fn count_nonces(&mut self) {
        self.nonces.get_or_insert_default();
    }

    pub(crate) const fn counts_nonces(&self) -> bool {
        self.nonces.is_some()
    }

    /// How many seals were compared.
    pub(crate) fn nonces(&self) -> u64 {
        self.nonces.as_ref().map_or(0, |nonces| nonces.len() as u64)
    }

    /// A packet was sealed. Both algorithms add a keystream that key and nonce alone decide: where
    /// it comes a second time, so did they.
    pub(crate) fn sealed(&mut self, now: Instant, side: Side, plain: &[u8], sealed: &[u8]) {
        let Some(nonces) = &mut self.nonces else { return };
        let mut keystream = [0; KEYSTREAM];
        let both = plain.iter().zip(sealed).skip(Header::LEN);
        for (out, (plain, sealed)) in keystream.iter_mut().zip(both) {
            *out = plain ^ sealed;
        }
        if !nonces.insert(keystream) {
            self.breach(now, Some(side), ContractBreach::NonceRepeated);
        }
    }

    pub(crate) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }
}
