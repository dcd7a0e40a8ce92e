//! All that was found and what is made of it: what the table, the words, the document and the saved
//! file tell.

use std::time::{Duration, Instant};

use biplane_net::doctor::{Examination, Workers};
use biplane_sim::SealCost;
use biplane_wire::Aead;

/// How receivers and senders run: a thread each. Nothing that is measured here chooses it: `shared`
/// is better at some work and worse at other (docs/PERFORMANCE.md, "On which threads"), and `inline`
/// is for an application that has a loop of its own, which no machine tells.
pub(super) const THREADING: &str = "dedicated";
/// Bytes of packets that are sealed: the shortest that carries a message, an input, a full one.
const SIZES: [usize; 3] = [64, 256, FULL];
const FULL: usize = 1_200;

/// What is known at the end.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) found: Examination,
    /// Empty if the examination was ended before.
    pub(super) seals: Vec<SealCost>,
    pub(super) workers: Workers,
}

impl Findings {
    pub(super) fn of(found: Examination, seals: Vec<SealCost>) -> Self {
        let workers = found.workers();
        Self { found, seals, workers }
    }

    /// Whether every question was asked.
    pub(super) const fn is_complete(&self) -> bool {
        self.found.is_complete && !self.seals.is_empty()
    }

    /// The cheapest to seal and open a full packet with.
    pub(super) fn cheapest(&self) -> Option<&SealCost> {
        let full = self.seals.iter().filter(|cost| cost.size == FULL);
        full.min_by_key(|cost| cost.seal + cost.open)
    }
}

/// What every algorithm costs, at every size.
pub(super) fn seal_costs() -> Vec<SealCost> {
    let all = [Aead::Aes128Gcm, Aead::ChaCha20Poly1305];
    let cost = |aead, size| SealCost::measure(aead, size, Instant::now);
    all.into_iter().flat_map(|aead| SIZES.map(|size| cost(aead, size))).collect()
}

/// An algorithm as flags, files and documents name it.
pub(super) const fn name_of(aead: Aead) -> &'static str {
    match aead {
        Aead::Aes128Gcm => "aes-128-gcm",
        Aead::ChaCha20Poly1305 => "chacha20-poly1305",
    }
}

pub(super) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
