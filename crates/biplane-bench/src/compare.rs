//! Who does the work, in which order, and how often.
//!
//! Rounds alternate over the systems, so that what happens on the machine meanwhile happens to all.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use biplane_load::{Plan, Progress, System, Threads, Tuning, Watch};
use serde::{Serialize, Serializer};

use crate::{
    row::{Round, Row},
    stop::Stop,
    systems,
    workload::Workload,
};

/// How it is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Peers by name; none: all.
    pub(crate) against: Vec<&'static str>,
    pub(crate) rounds: u16,
    pub(crate) time: Duration,
    pub(crate) is_quick: bool,
}

/// One workload on every system that can do it.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) workload: Workload,
    pub(crate) rounds: u16,
    #[serde(serialize_with = "seconds")]
    pub(crate) seconds: Duration,
    pub(crate) clients: usize,
    pub(crate) rows: Vec<Row>,
    /// Biplane's median ÷ that of the row of this name; in `receivers`, that row's ÷ that of one
    /// receiver.
    pub(crate) ratios: BTreeMap<String, f64>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// A system that does not do this work, and why.
#[derive(Debug, Serialize)]
pub(crate) struct LeftOut {
    pub(crate) system: &'static str,
    pub(crate) reason: String,
}

/// A system, and how it is driven.
#[derive(Clone, Debug)]
struct Candidate {
    system: &'static dyn System,
    name: String,
    plan: Plan,
}

impl Comparison {
    /// Runs it; less than all rounds if it is stopped.
    pub(crate) fn run(workload: Workload, settings: &Settings, stop: &Stop) -> Self {
        let (candidates, left_out) = candidates(workload, settings);
        let mut rounds: Vec<Vec<Round>> = candidates.iter().map(|_| Vec::new()).collect();
        for number in 1..=settings.rounds {
            for (candidate, rounds) in candidates.iter().zip(&mut rounds) {
                if !stop.is_raised() {
                    let line = format!("{}: {} {number}", workload.name(), candidate.name);
                    rounds.extend(candidate.measure(line, stop));
                }
            }
        }
        clear_line();
        let rows: Vec<_> = candidates
            .iter()
            .zip(rounds)
            .map(|(candidate, rounds)| candidate.row(workload, rounds))
            .collect();
        Self {
            workload,
            rounds: settings.rounds,
            seconds: settings.time,
            clients: candidates.first().map_or(0, |candidate| candidate.plan.clients),
            ratios: ratios(&rows),
            rows,
            left_out,
        }
    }

    /// What did not hold: a run that failed, or a promise of Biplane's.
    pub(crate) fn broken(&self) -> Vec<String> {
        let told = |row: &Row, line: &String| {
            format!("{}: {}: {line}", self.workload.name(), row.who.system)
        };
        let of_row = |row: &Row| {
            let is_own = row.who.system.starts_with(systems::ALL[0].name());
            let broken = is_own.then_some(&row.broken).into_iter().flatten();
            broken.chain(&row.failed).map(|line| told(row, line)).collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(of_row).collect()
    }
}

impl Candidate {
    /// One round; `None` if it was stopped.
    fn measure(&self, line: String, stop: &Stop) -> Option<Round> {
        let mut watch = Watcher { line, stop, is_told: std::io::stderr().is_terminal() };
        let measured = biplane_load::measure(self.system, &self.plan, &mut watch);
        // What was cut short has figures of less than its time.
        (!stop.is_raised()).then(|| measured.map_err(|error| format!("{error:#}")))
    }

    fn row(&self, workload: Workload, rounds: Vec<Round>) -> Row {
        Row::of(workload, self.system, &self.plan, self.name.clone(), rounds)
    }
}

/// Everyone who does the work, Biplane first, and who does not.
fn candidates(workload: Workload, settings: &Settings) -> (Vec<Candidate>, Vec<LeftOut>) {
    let (mut candidates, mut left_out) = (Vec::new(), Vec::new());
    let plan = |tuning| workload.plan(tuning, settings.time, settings.is_quick);
    for &system in systems::ALL {
        let is_peer = system.name() != systems::ALL[0].name();
        let is_wanted = settings.against.is_empty() || settings.against.contains(&system.name());
        if is_peer && !is_wanted {
            continue;
        }
        if let Some(reason) = reason_against(workload, system) {
            left_out.push(LeftOut { system: system.name(), reason });
            continue;
        }
        for receivers in workload.receivers() {
            let plan = Plan { receivers, ..plan(Tuning::Documented) };
            let name = format!("{} {receivers}", system.name());
            candidates.push(Candidate { system, name, plan });
        }
        if workload == Workload::Receivers {
            continue;
        }
        let (documented, tuned) = (plan(Tuning::Documented), plan(Tuning::Tuned));
        let name = system.name().to_owned();
        // Biplane is to be good as it is.
        let plan = if is_peer { tuned } else { documented };
        candidates.push(Candidate { system, name, plan });
        let differs = system.settings(&documented.means()) != system.settings(&tuned.means());
        if is_peer && differs {
            let name = format!("{} documented", system.name());
            candidates.push(Candidate { system, name, plan: documented });
        }
        if !is_peer && workload.has_inline() {
            let plan = Plan { threads: Some(Threads::Inline), ..documented };
            let name = format!("{} inline", system.name());
            candidates.push(Candidate { system, name, plan });
        }
    }
    (candidates, left_out)
}

/// Why a system does not do this work.
fn reason_against(workload: Workload, system: &dyn System) -> Option<String> {
    if workload == Workload::Receivers && system.name() != systems::ALL[0].name() {
        return Some("does not let one choose how many threads receive".to_owned());
    }
    let (class, length) = workload.messages()?;
    let class_name = format!("{class:?}").to_lowercase();
    match system.longest(class) {
        None => Some(format!("carries no {class_name} messages")),
        Some(longest) if longest < length => {
            Some(format!("carries {class_name} messages of up to {longest} bytes"))
        }
        Some(_) => None,
    }
}

/// The first row's median to that of each other; where all rows are Biplane, each other's to the
/// first's.
fn ratios(rows: &[Row]) -> BTreeMap<String, f64> {
    let Some((first, others)) = rows.split_first() else { return BTreeMap::new() };
    let is_own = first.who.system != systems::ALL[0].name();
    let ratio = |row: &Row| {
        let (first, other) = (first.figure.median?, row.figure.median?);
        Some(if is_own { other / first } else { first / other })
    };
    let finite = |row: &Row| ratio(row).filter(|ratio| ratio.is_finite());
    others.iter().filter_map(|row| Some((row.who.system.clone(), finite(row)?))).collect()
}

/// Shows where a run is, and ends it when a signal came.
struct Watcher<'a> {
    line: String,
    stop: &'a Stop,
    is_told: bool,
}

impl Watch for Watcher<'_> {
    fn progress(&mut self, progress: Progress) {
        if self.is_told {
            let seconds = progress.elapsed.as_secs_f64();
            eprint!("\r{}: {:?} {seconds:.1} s\x1b[K", self.line, progress.stage);
            // A terminal that is gone must not end the run.
            std::io::stderr().flush().ok();
        }
    }

    fn is_stopped(&mut self) -> bool {
        self.stop.is_raised()
    }
}

fn clear_line() {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
