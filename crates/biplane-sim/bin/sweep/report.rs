//! What a question's runs found, in words and as JSON.

use core::{fmt, time::Duration};
use std::collections::BTreeMap;

use biplane_sim::{Broken, CanaryKind, Outcome};

use crate::{
    json::Object,
    question::{Job, Purpose, Question},
    totals::Totals,
    work::Done,
};

/// A panic is counted among the broken promises under this name.
const PANICKED: &str = "panicked";

/// The verdict over all runs.
#[derive(Debug)]
pub(crate) struct Report {
    question: Question,
    seeds: u64,
    violations: u64,
    /// How often each promise was broken.
    broken: BTreeMap<&'static str, u64>,
    replayed: u64,
    replayed_identically: bool,
    canaries: Vec<(CanaryKind, bool)>,
    totals: Totals,
    took: Duration,
    failures: Vec<Failure>,
}

#[derive(Debug)]
struct Failure {
    job: Job,
    what: String,
}

impl Report {
    /// The verdict over what was run, which took so long.
    pub(crate) fn new(question: Question, results: Vec<Done>, took: Duration) -> Self {
        let mut report = Self {
            question,
            seeds: 0,
            violations: 0,
            broken: Broken::NAMES.iter().chain([&PANICKED]).map(|name| (*name, 0)).collect(),
            replayed: 0,
            replayed_identically: true,
            canaries: canaries(question, &results),
            totals: Totals::default(),
            took,
            failures: Vec::new(),
        };
        let mut judged: Option<Done> = None;
        for done in results {
            match done.job.purpose {
                Purpose::Judge => {
                    report.judge(&done, judged.as_ref());
                    judged = Some(done);
                }
                Purpose::Replay => report.compare(judged.as_ref(), &done),
                Purpose::Canary(_) | Purpose::Echo(_) | Purpose::Control => {}
            }
        }
        report
    }

    /// Whether every promise was kept, and the runs would have shown it if not.
    pub(crate) fn holds(&self) -> bool {
        self.violations == 0 && self.canaries.iter().all(|(_, caught)| *caught)
    }

    pub(crate) fn to_json(&self) -> String {
        let canaries = self.canaries.iter().map(|(kind, caught)| {
            Object::new().text("name", kind.name()).value("caught", caught).end()
        });
        let failures = self.failures.iter().map(|Failure { job, what }| {
            let Job { seed, receivers, .. } = job;
            Object::new().value("seed", seed).value("receivers", receivers).text("what", what).end()
        });
        let broken =
            self.broken.iter().fold(Object::new(), |all, (name, count)| all.value(name, count));
        let document = Object::new()
            .text("question", self.question.word())
            .value("seeds", &self.seeds)
            .value("violations", &self.violations)
            .value("broken", &broken.end())
            .value("replayed_twice", &self.replayed)
            .value("replayed_identically", &self.replayed_identically)
            .list("canaries", canaries);
        let document = self.totals.add_to(document);
        let document = document.value("seconds", &self.took.as_secs_f64());
        document.list("failures", failures).end() + "\n"
    }

    fn judge(&mut self, done: &Done, before: Option<&Done>) {
        // One seed may be run with several numbers of receivers.
        self.seeds += u64::from(before.is_none_or(|before| before.job.seed != done.job.seed));
        let what = match &done.outcome {
            Ok(outcome) => {
                self.violations += outcome.breaches.len() as u64;
                for breach in &outcome.breaches {
                    *self.broken.entry(breach.what.name()).or_default() += 1;
                }
                self.totals.add(outcome);
                outcome.what()
            }
            Err(panic) => {
                self.violations += 1;
                *self.broken.entry(PANICKED).or_default() += 1;
                Some(panic.clone())
            }
        };
        self.failures.extend(what.map(|what| Failure { job: done.job, what }));
    }

    /// A replay stands right behind the run that it must equal.
    fn compare(&mut self, judged: Option<&Done>, replay: &Done) {
        self.replayed += 1;
        if !judged.is_some_and(|judged| are_same(judged, replay)) {
            self.replayed_identically = false;
            self.violations += 1;
            let what = "a second run was not the same".to_owned();
            self.failures.push(Failure { job: replay.job, what });
        }
    }
}

fn are_same(one: &Done, other: &Done) -> bool {
    let transcript = |done: &Done| done.outcome.as_ref().map(|outcome| outcome.transcript).ok();
    one.job.seed == other.job.seed
        && one.job.receivers == other.job.receivers
        && transcript(one).is_some()
        && transcript(one) == transcript(other)
}

/// Each canary, and whether it was found where nothing is without it.
fn canaries(question: Question, results: &[Done]) -> Vec<(CanaryKind, bool)> {
    let of = |purpose| results.iter().find(|done| done.job.purpose == purpose);
    let outcome = |done: Option<&Done>| done.and_then(|done| done.outcome.clone().ok());
    let is_sound = outcome(of(Purpose::Control)).is_some_and(|run| run.is_clean());
    let caught = |kind| match (of(Purpose::Canary(kind)), of(Purpose::Echo(kind))) {
        (Some(one), Some(other)) => !are_same(one, other),
        (one, _) => outcome(one).is_some_and(|run: Outcome| run.caught(kind)),
    };
    question.canaries().iter().map(|kind| (*kind, is_sound && caught(*kind))).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        writeln!(f, "{} seeds, {} in {took:.1} s", self.seeds, self.totals)?;
        writeln!(f, "{} violations", self.violations)?;
        let same = if self.replayed_identically { "the same" } else { "not all the same" };
        writeln!(f, "{} runs made twice: {same}", self.replayed)?;
        for (kind, caught) in &self.canaries {
            let found = if *caught { "caught" } else { "NOT caught" };
            writeln!(f, "canary that {kind}: {found}")?;
        }
        for Failure { job, what } in &self.failures {
            write!(f, "BIPLANE_SEED={}", job.seed)?;
            if job.receivers > 1 {
                write!(f, " --receivers {}", job.receivers)?;
            }
            writeln!(f, ": {what}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use biplane_sim::{Plan, Trial};

    use super::*;

    const fn job(seed: u64, purpose: Purpose) -> Job {
        Job { seed, purpose, receivers: 1 }
    }

    fn report(results: Vec<Done>) -> Report {
        Report::new(Question::Sweep, results, Duration::from_secs(1))
    }

    fn run(seed: u64, purpose: Purpose) -> Done {
        let plan = Plan { length: Duration::from_millis(500), ..Plan::default() };
        let outcome = Trial::of_seed(Instant::now(), seed, plan).run();
        Done { job: job(seed, purpose), outcome: Ok(outcome) }
    }

    #[test]
    fn a_panic_is_a_violation_and_names_its_seed() {
        let outcome = Err("the core panicked: \"no\"".to_owned());
        let report = report(vec![Done { job: job(7, Purpose::Judge), outcome }]);
        assert!(!report.holds());
        let json = report.to_json();
        let head =
            r#"{"question":"sweep","seeds":1,"violations":1,"broken":{"altered_accepted":0,"#;
        assert!(json.starts_with(head), "{json}");
        assert!(json.contains(r#""packet_length":0,"panicked":1,"pestered":0,"#), "{json}");
        let failure =
            r#""failures":[{"seed":7,"receivers":1,"what":"the core panicked: \"no\""}]}"#;
        assert!(json.trim_end().ends_with(failure), "{json}");
        assert!(report.to_string().contains("BIPLANE_SEED=7: the core panicked"));
    }

    #[test]
    fn nothing_holds_unless_canaries_were_caught_and_runs_replay() {
        let judged = report(vec![run(1, Purpose::Judge)]);
        assert!(judged.canaries.iter().all(|(_, caught)| !caught) && !judged.holds());
        let other = Done { job: job(1, Purpose::Replay), ..run(2, Purpose::Replay) };
        let differs = report(vec![run(1, Purpose::Judge), other]);
        assert_eq!((differs.replayed_identically, differs.violations), (false, 1));
        let same = run(1, Purpose::Replay);
        let equals = report(vec![run(1, Purpose::Judge), same]);
        assert_eq!((equals.replayed_identically, equals.violations), (true, 0));
    }
}
