//! Acceptance gates: commands run in a release build whose figures must hold.
//!
//! What a gate runs and wants stands in one file per issue, and in one for the promises that hold in
//! every issue; how it is built, bounded in time, judged and reported stands here and below.

mod capacity;
mod comparison;
mod document;
mod figure;
mod issue2;
mod issue3;
mod issue4;
mod issue5;
mod issue6;
mod issue7;
mod issue8;
mod promises;
pub(crate) mod report;
mod run;
mod scene;
mod system_calls;
mod told;

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::child::{Invocation, deadline_in};
use crate::tool::Tool;

pub(crate) use figure::{Figure, Wanted};
pub(crate) use run::Run;

/// How long a release build from nothing may take.
const BUILD_TIMEOUT: Duration = Duration::from_secs(1800);
/// How much of a failed build is kept.
const BUILD_TAIL: usize = 30;

/// One promise, or one numbered line of an issue that has a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// How many seeds it asks for; both are 0 where seeds play no part.
    pub(crate) seeds: Seeds,
    /// Without it the gate is skipped.
    pub(crate) needs: Needs,
    /// Run first, outside the gate's own time.
    pub(crate) builds: &'static [&'static str],
    /// Bounds the gate as a whole, builds apart.
    pub(crate) timeout: Duration,
    pub(crate) measure: fn(&mut Run) -> Result<()>,
}

/// Seeds of a gate in its two forms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    pub(crate) full: u64,
    pub(crate) quick: u64,
}

impl Seeds {
    /// For gates whose runs are not drawn from a seed.
    pub(crate) const NONE: Self = Self { full: 0, quick: 0 };
}

/// The tool that a gate cannot do without, in its two forms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) full: Option<&'static Tool>,
    pub(crate) quick: Option<&'static Tool>,
}

impl Needs {
    /// For gates that need nothing beside Rust and a C compiler.
    pub(crate) const NONE: Self = Self { full: None, quick: None };

    /// The same in both.
    pub(crate) const fn both(tool: &'static Tool) -> Self {
        Self { full: Some(tool), quick: Some(tool) }
    }

    /// For gates that need nothing in short.
    pub(crate) const fn in_full(tool: &'static Tool) -> Self {
        Self { full: Some(tool), quick: None }
    }
}

/// How gates are to be run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Settings {
    pub(crate) quick: bool,
    pub(crate) seeds: Option<u64>,
    /// Where recorded links are.
    pub(crate) traces: Option<&'static Path>,
}

impl Settings {
    fn seeds_of(self, gate: &Gate) -> u64 {
        let own = if self.quick { gate.seeds.quick } else { gate.seeds.full };
        if gate.seeds.full == 0 { 0 } else { self.seeds.unwrap_or(own) }
    }

    fn needs_of(self, gate: &Gate) -> Option<&'static Tool> {
        if self.quick { gate.needs.quick } else { gate.needs.full }
    }

    fn is_full(self, gate: &Gate) -> bool {
        !self.quick && self.seeds_of(gate) >= gate.seeds.full
    }
}

/// Which gates, how, and how to tell.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) gates: Vec<&'static Gate>,
    pub(crate) settings: Settings,
    pub(crate) json: bool,
}

/// What came of one gate.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) full: bool,
    pub(crate) seeds: u64,
    pub(crate) elapsed: Duration,
    pub(crate) figures: Vec<Figure>,
    /// Why it was not run, if so.
    pub(crate) skipped: Option<String>,
    /// What a person needs besides the figures, mostly last words of children.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    /// `None` if it was skipped: then it neither passed nor failed.
    pub(crate) fn passed(&self) -> Option<bool> {
        let held = !self.figures.is_empty() && self.figures.iter().all(Figure::is_met);
        self.skipped.is_none().then_some(held)
    }

    /// Whether a figure was not met.
    pub(crate) fn is_violated(&self) -> bool {
        self.passed() == Some(false)
    }
}

/// Every gate there is: the promises, then the issues in their order.
pub(crate) fn all() -> &'static [Gate] {
    static ALL: LazyLock<Vec<Gate>> = LazyLock::new(|| {
        [
            promises::GATES,
            issue2::GATES,
            issue3::GATES,
            issue4::GATES,
            issue5::GATES,
            issue6::GATES,
            issue7::GATES,
            issue8::GATES,
        ]
        .concat()
    });
    &ALL
}

/// The gate of that name.
pub(crate) fn find(id: &str) -> Option<&'static Gate> {
    all().iter().find(|gate| gate.id == id)
}

/// Runs the gates of `request` one after another and reports; whether none was violated.
pub(crate) fn run_all(request: &Request) -> bool {
    let mut outcomes = Vec::new();
    for gate in &request.gates {
        eprintln!("{}: {}", gate.id, gate.title);
        let outcome = run_one(gate, request.settings);
        report::tell(&outcome);
        outcomes.push(outcome);
    }
    report::print(&outcomes, request.json);
    !outcomes.iter().any(Outcome::is_violated)
}

/// Builds what `gate` needs, runs it, and judges.
pub(crate) fn run_one(gate: &Gate, settings: Settings) -> Outcome {
    let mut outcome = Outcome {
        id: gate.id,
        title: gate.title,
        full: settings.is_full(gate),
        seeds: settings.seeds_of(gate),
        elapsed: Duration::ZERO,
        figures: Vec::new(),
        skipped: settings.needs_of(gate).and_then(Tool::missing),
        notes: Vec::new(),
    };
    if outcome.skipped.is_none() {
        measure(gate, settings, &mut outcome);
    }
    outcome
}

fn measure(gate: &Gate, settings: Settings, outcome: &mut Outcome) {
    if let Err(error) = build(gate.builds) {
        outcome.figures.push(Figure::new("builds", Wanted::Exactly(true.into()), false));
        outcome.notes.push(format!("{error:#}"));
        return;
    }
    let start = Instant::now();
    let mut run = Run::new(settings.quick, outcome.seeds, start + gate.timeout);
    run.set_traces(settings.traces.map(Path::to_owned));
    let result = (gate.measure)(&mut run);
    outcome.elapsed = start.elapsed();
    (outcome.figures, outcome.notes) = run.into_parts();
    if let Err(error) = result {
        outcome.figures.push(Figure::new("ran to its end", Wanted::Exactly(true.into()), false));
        outcome.notes.push(format!("{error:#}"));
    }
}

fn build(lines: &[&str]) -> Result<()> {
    let deadline = deadline_in(BUILD_TIMEOUT);
    for line in lines {
        let finished = Invocation::new(line).finish_by(deadline)?;
        if !finished.succeeded() {
            bail!("`{line}`: {}\n{}", finished.exit, finished.tail(BUILD_TAIL));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
