//! What a sweep found, in words and as JSON.

use core::{fmt, time::Duration};

use biplane_sim::{CanaryKind, Outcome};

use crate::{
    json::Object,
    work::{Done, Purpose},
};

/// The verdict over a sweep.
#[derive(Debug)]
pub(crate) struct Report {
    seeds: u64,
    violations: u64,
    replayed: u64,
    replayed_identically: bool,
    canaries: Vec<(CanaryKind, bool)>,
    virtual_time: Duration,
    messages: u64,
    datagrams: u64,
    took: Duration,
    failures: Vec<Failure>,
}

#[derive(Debug)]
struct Failure {
    seed: u64,
    what: String,
}

impl Report {
    /// The verdict over what was run, which took so long.
    pub(crate) fn new(results: Vec<Done>, took: Duration) -> Self {
        let mut report = Self {
            seeds: 0,
            violations: 0,
            replayed: 0,
            replayed_identically: true,
            canaries: canaries(&results),
            virtual_time: Duration::ZERO,
            messages: 0,
            datagrams: 0,
            took,
            failures: Vec::new(),
        };
        let mut judged: Option<Done> = None;
        for done in results {
            match done.purpose {
                Purpose::Judge => {
                    report.judge(&done);
                    judged = Some(done);
                }
                Purpose::Replay => report.compare(judged.as_ref(), &done),
                Purpose::Canary(_) | Purpose::Control => {}
            }
        }
        report
    }

    /// Whether every promise was kept, and the sweep would have seen it if not.
    pub(crate) fn holds(&self) -> bool {
        self.violations == 0
            && self.replayed_identically
            && self.canaries.iter().all(|(_, caught)| *caught)
    }

    pub(crate) fn to_json(&self) -> String {
        let canaries = self.canaries.iter().map(|(kind, caught)| {
            Object::new().text("name", kind.name()).value("caught", caught).end()
        });
        let failures = self.failures.iter().map(|failure| {
            Object::new().value("seed", &failure.seed).text("what", &failure.what).end()
        });
        let document = Object::new()
            .value("seeds", &self.seeds)
            .value("violations", &self.violations)
            .value("replayed_identically", &self.replayed_identically)
            .list("canaries", canaries)
            .value("virtual_seconds", &self.virtual_time.as_secs_f64())
            .value("messages", &self.messages)
            .value("datagrams", &self.datagrams)
            .value("seconds", &self.took.as_secs_f64())
            .list("failures", failures);
        document.end() + "\n"
    }

    fn judge(&mut self, done: &Done) {
        self.seeds += 1;
        let what = match &done.outcome {
            Ok(outcome) => {
                self.violations += outcome.breaches.len() as u64;
                self.virtual_time += outcome.virtual_time;
                self.messages += outcome.figures.messages;
                self.datagrams += outcome.figures.datagrams;
                outcome.what()
            }
            Err(panic) => {
                self.violations += 1;
                Some(panic.clone())
            }
        };
        self.failures.extend(what.map(|what| Failure { seed: done.seed, what }));
    }

    /// A replay stands right behind the run that it must equal.
    fn compare(&mut self, judged: Option<&Done>, replay: &Done) {
        self.replayed += 1;
        let transcript = |done: &Done| done.outcome.as_ref().map(|outcome| outcome.transcript).ok();
        let first = judged.filter(|judged| judged.seed == replay.seed).and_then(transcript);
        if first.is_none() || first != transcript(replay) {
            self.replayed_identically = false;
            let what = "a second run was not the same".to_owned();
            self.failures.push(Failure { seed: replay.seed, what });
        }
    }
}

/// Each canary, and whether the oracle found it where it finds nothing without it.
fn canaries(results: &[Done]) -> Vec<(CanaryKind, bool)> {
    let of = |purpose| {
        let run = results.iter().find(|done| done.purpose == purpose);
        run.and_then(|done| done.outcome.as_ref().ok())
    };
    let is_sound = of(Purpose::Control).is_some_and(Outcome::is_clean);
    let caught = |kind| of(Purpose::Canary(kind)).is_some_and(|run: &Outcome| run.caught(kind));
    CanaryKind::ALL.map(|kind| (kind, is_sound && caught(kind))).to_vec()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (virtual_time, took) = (self.virtual_time.as_secs_f64(), self.took.as_secs_f64());
        writeln!(
            f,
            "{} seeds, {virtual_time:.0} virtual seconds, {} messages, {} datagrams in {took:.1} s",
            self.seeds, self.messages, self.datagrams
        )?;
        writeln!(f, "{} violations", self.violations)?;
        let same = if self.replayed_identically { "the same" } else { "not all the same" };
        writeln!(f, "{} seeds run twice: {same}", self.replayed)?;
        for (kind, caught) in &self.canaries {
            let found = if *caught { "caught" } else { "NOT caught" };
            writeln!(f, "canary that {kind}: {found}")?;
        }
        for Failure { seed, what } in &self.failures {
            writeln!(f, "BIPLANE_SEED={seed}: {what}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use biplane_sim::{Plan, Trial};

    use super::*;

    fn failed(seed: u64, purpose: Purpose) -> Done {
        Done { seed, purpose, outcome: Err("the core panicked: \"no\"".to_owned()) }
    }

    #[test]
    fn a_panic_is_a_violation_and_names_its_seed() {
        let report = Report::new(vec![failed(7, Purpose::Judge)], Duration::from_secs(1));
        assert!(!report.holds());
        let json = report.to_json();
        assert!(json.starts_with(r#"{"seeds":1,"violations":1,"replayed_identically":true,"#));
        let failure = r#""failures":[{"seed":7,"what":"the core panicked: \"no\""}]}"#;
        assert!(json.trim_end().ends_with(failure), "{json}");
        assert!(report.to_string().contains("BIPLANE_SEED=7: the core panicked"));
    }

    #[test]
    fn nothing_holds_unless_canaries_were_caught_and_runs_replay() {
        let plan = Plan { length: Duration::from_millis(500), ..Plan::default() };
        let run = |seed| Done::of_one(Trial::of_seed(Instant::now(), seed, plan).run());
        let report = Report::new(vec![run(1)], Duration::ZERO);
        assert!(report.canaries.iter().all(|(_, caught)| !caught) && !report.holds());
        let other = Done { purpose: Purpose::Replay, seed: 1, ..run(2) };
        assert!(!Report::new(vec![run(1), other], Duration::ZERO).replayed_identically);
        let same = Done { purpose: Purpose::Replay, ..run(1) };
        assert!(Report::new(vec![run(1), same], Duration::ZERO).replayed_identically);
    }
}
