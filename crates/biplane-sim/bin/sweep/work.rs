//! Makes the runs that answer a question.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use biplane_sim::{Outcome, Trial};

use crate::{args::Run, crew, question::Job};

/// A run that was made.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) job: Job,
    /// What came of it, or the words of the panic that ended it.
    pub(crate) outcome: Result<Outcome, String>,
}

/// Makes every run.
pub(crate) fn all(start: Instant, run: &Run, progress: impl Fn(usize, usize)) -> Vec<Done> {
    let jobs = run.jobs();
    crew::all(&jobs, |job| one(start, run, *job), |done| progress(done, jobs.len()))
}

fn one(start: Instant, run: &Run, job: Job) -> Done {
    // A panic of the core is a finding: it must name its seed and not end the sweep.
    let trial = || {
        let (conditions, plan) = run.plan(start, job);
        Trial::new(start, job.seed, conditions, plan).run()
    };
    let outcome = catch_unwind(AssertUnwindSafe(trial));
    Done { job, outcome: outcome.map_err(|panic| words(panic.as_ref())) }
}

fn words(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the core panicked: {}", text.unwrap_or("without words"))
}
