//! Whether a key ever seals two packets with one nonce: by threads that share sessions, and over
//! resumes and restarts.

mod cycles;
mod seals;

use core::fmt;
use std::time::Instant;

use self::{cycles::Cycles, seals::Seals};
use crate::{args::Nonces, json::Object};

/// The canary needs no more resumes and restarts than these.
const CANARY_CYCLES: u64 = 3;

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    asked: Nonces,
    seals: Seals,
    cycles: Cycles,
    canary_caught: bool,
    seconds: f64,
}

/// Seals, resumes and restarts.
pub(crate) fn look(start: Instant, asked: &Nonces) -> Found {
    Found {
        seals: seals::seal(start, asked.threads, asked.seals),
        cycles: cycles::go_through(start, asked.cycles, None),
        canary_caught: cycles::canary_is_caught(start, CANARY_CYCLES),
        asked: *asked,
        seconds: start.elapsed().as_secs_f64(),
    }
}

impl Found {
    /// Whether no nonce came twice, and as much was done as was asked.
    pub(crate) fn holds(&self) -> bool {
        let Nonces { threads, seals, cycles, .. } = self.asked;
        self.seals.hold()
            && self.seals.distinct == threads * seals
            && self.cycles.hold()
            && (self.cycles.resumes, self.cycles.restarts) == (cycles, cycles)
            && self.canary_caught
    }

    pub(crate) fn to_json(&self) -> String {
        let Seals { distinct, repeated, exhausted, at_limit, .. } = &self.seals;
        let Cycles { resumes, restarts, nonces, repeated: again, breaches } = &self.cycles;
        let canary =
            Object::new().text("name", "recalls").value("caught", &self.canary_caught).end();
        Object::new()
            .value("threads", &self.asked.threads)
            .value("seals", distinct)
            .value("seals_repeated", repeated)
            .value("keys_exhausted", exhausted)
            .value("keys_exhausted_at_limit", at_limit)
            .value("resumes", resumes)
            .value("restarts", restarts)
            .value("nonces", nonces)
            .value("nonces_repeated", again)
            .value("violations", &breaches.len())
            .list("canaries", core::iter::once(canary))
            .value("seconds", &self.seconds)
            .end()
            + "\n"
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seals { distinct, repeated, exhausted, at_limit, .. } = &self.seals;
        let Cycles { resumes, restarts, nonces, repeated: again, breaches } = &self.cycles;
        let threads = self.asked.threads;
        writeln!(f, "{distinct} packets sealed by {threads} threads, {repeated} numbers twice")?;
        writeln!(f, "{exhausted} sessions ran out of keys, {at_limit} of them at the limit")?;
        writeln!(f, "{resumes} resumes, {restarts} restarts: {nonces} nonces, {again} twice")?;
        breaches.iter().try_for_each(|breach| writeln!(f, "{breach}"))?;
        let caught = if self.canary_caught { "caught" } else { "NOT caught" };
        writeln!(f, "canary that recalls: {caught}")
    }
}
