//! What a sweep runs: every seed, some of them twice, and a run for each canary.

use core::time::Duration;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use biplane_sim::{CanaryKind, Outcome, Plan, Trial};

use crate::{args::Sweep, crew};

/// At least so many seeds are run twice, and one of so many.
const REPLAYS: u64 = 5;
const ONE_IN: u64 = 10;
/// A canary's run is shorter: it strikes in its second second.
const CANARY_RUN: Duration = Duration::from_secs(15);

/// Why a run is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To judge the seed.
    Judge,
    /// To see that it replays.
    Replay,
    /// To see that the oracle finds a planted fault.
    Canary(CanaryKind),
    /// To see that there is nothing to find where none is planted.
    Control,
}

/// A run that was made.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) seed: u64,
    pub(crate) purpose: Purpose,
    /// What came of it, or the words of the panic that ended it.
    pub(crate) outcome: Result<Outcome, String>,
}

impl Done {
    pub(crate) fn of_one(outcome: Outcome) -> Self {
        Self { seed: outcome.seed, purpose: Purpose::Judge, outcome: Ok(outcome) }
    }
}

/// Makes every run of a sweep.
pub(crate) fn all(start: Instant, sweep: &Sweep, progress: impl Fn(usize, usize)) -> Vec<Done> {
    let jobs = jobs(sweep);
    crew::all(&jobs, |job| run(start, *job), |done| progress(done, jobs.len()))
}

fn jobs(sweep: &Sweep) -> Vec<(u64, Purpose)> {
    let canaries = CanaryKind::ALL.map(Purpose::Canary);
    let mut jobs = vec![(sweep.first, Purpose::Control)];
    jobs.extend(canaries.map(|canary| (sweep.first, canary)));
    for place in 0..sweep.seeds {
        let seed = sweep.first + place;
        jobs.push((seed, Purpose::Judge));
        if place < REPLAYS || place % ONE_IN == 0 {
            jobs.push((seed, Purpose::Replay));
        }
    }
    jobs
}

fn run(start: Instant, (seed, purpose): (u64, Purpose)) -> Done {
    let plan = match purpose {
        Purpose::Judge | Purpose::Replay => Plan::default(),
        Purpose::Canary(kind) => Plan { canary: Some(kind), length: CANARY_RUN, ..Plan::default() },
        Purpose::Control => Plan { length: CANARY_RUN, ..Plan::default() },
    };
    // A panic of the core is a finding: it must name its seed and not end the sweep.
    let outcome = catch_unwind(AssertUnwindSafe(|| Trial::of_seed(start, seed, plan).run()));
    Done { seed, purpose, outcome: outcome.map_err(|panic| words(panic.as_ref())) }
}

fn words(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the core panicked: {}", text.unwrap_or("without words"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_run_once_and_at_least_five_twice() {
        for (seeds, replays) in [(1, 1), (5, 5), (8, 5), (50, 9)] {
            let jobs = jobs(&Sweep { seeds, first: 100, json: false });
            let of = |purpose| jobs.iter().filter(|job| job.1 == purpose).count();
            assert_eq!(of(Purpose::Judge) as u64, seeds);
            assert_eq!(of(Purpose::Replay), replays, "{seeds} seeds");
            assert_eq!(of(Purpose::Control), 1);
            assert!(CanaryKind::ALL.iter().all(|kind| of(Purpose::Canary(*kind)) == 1));
            assert!(jobs.iter().all(|(seed, _)| (100..100 + seeds).contains(seed)));
        }
    }
}
