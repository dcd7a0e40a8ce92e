//! One run of a gate: starts children within the gate's time and collects figures.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result};
use serde_json::Value;

use super::document;
use super::{Figure, Wanted};
use crate::child::{Finished, Invocation, Running};
use crate::test_output::TestCounts;

/// How much of a failed child's last words is kept.
const LAST_WORDS: usize = 20;

/// What a gate has in hand while it measures.
#[derive(Debug)]
pub(crate) struct Run {
    quick: bool,
    seeds: u64,
    deadline: Instant,
    traces: Option<PathBuf>,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Run {
    pub(crate) fn new(quick: bool, seeds: u64, deadline: Instant) -> Self {
        Self { quick, seeds, deadline, traces: None, figures: Vec::new(), notes: Vec::new() }
    }

    /// The figures and the notes.
    pub(crate) fn into_parts(self) -> (Vec<Figure>, Vec<String>) {
        (self.figures, self.notes)
    }

    /// One of the gate's two forms: the first in full, the second if it is to be quick.
    pub(crate) fn form<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    pub(crate) fn seeds(&self) -> u64 {
        self.seeds
    }

    /// What follows is measured over so many seeds.
    pub(crate) fn set_seeds(&mut self, seeds: u64) {
        self.seeds = seeds;
    }

    /// Where recorded links are, if not where the environment says.
    pub(crate) fn set_traces(&mut self, traces: Option<PathBuf>) {
        self.traces = traces;
    }

    /// The recorded links of this machine, in the order of their names; none where nobody says where
    /// they are.
    pub(crate) fn traces(&self) -> Result<Vec<PathBuf>> {
        let named = env::var_os("BIPLANE_TRACES").map(PathBuf::from);
        let Some(folder) = self.traces.clone().or(named) else { return Ok(Vec::new()) };
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut files: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|end| end == "up" || end == "down"));
        files.sort();
        Ok(files)
    }

    /// Runs a command to its end, or to the end of the gate's time.
    pub(crate) fn finish(&self, line: &str) -> Result<Finished> {
        Invocation::new(line).finish_by(self.deadline)
    }

    /// Starts a command that goes on beside the others, and ends with us even if we are killed.
    pub(crate) fn start(&self, line: &str) -> Result<Running> {
        Running::start(&Invocation::new(line).tied())
    }

    /// How much of the gate's time is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What follows `prefix` on `child`'s standard error.
    pub(crate) fn stderr_line(&self, child: &mut Running, prefix: &str) -> Result<String> {
        child.stderr_line(prefix, self.deadline)
    }

    /// Waits for the end of a child that ends by itself.
    pub(crate) fn wait(&self, child: Running) -> Result<Finished> {
        child.finish_by(self.deadline)
    }

    /// Ends a child with SIGTERM and hears its last words.
    pub(crate) fn terminate(&self, mut child: Running) -> Result<Finished> {
        child.terminate()?;
        child.finish_by(self.deadline)
    }

    /// Keeps what a person needs besides the figures.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Wants `got` to be as `wanted`.
    pub(crate) fn judge(&mut self, name: impl Into<String>, wanted: Wanted, got: impl Into<Value>) {
        self.figures.push(Figure::new(name, wanted, got));
    }

    /// Wants a child to have ended with status 0, and keeps its last words if it did not.
    pub(crate) fn exit(&mut self, who: &str, child: &Finished) {
        self.judge(format!("{who}: exit status"), Wanted::Exactly(0.into()), child.exit.to_value());
        if !child.succeeded() {
            self.notes.push(format!("{who}: {}\n{}", child.exit, child.tail(LAST_WORDS)));
        }
    }

    /// Runs tests, of which there must be `least` or more, and none that fails.
    pub(crate) fn tests(&mut self, line: &str, least: u32) -> Result<Finished> {
        let tests = self.finish(line)?;
        self.exit(line, &tests);
        self.judge_tests(&tests, least);
        Ok(tests)
    }

    /// Judges tests that have run.
    pub(crate) fn judge_tests(&mut self, tests: &Finished, least: u32) {
        let counts = TestCounts::read(&tests.stdout);
        self.judge("tests", Wanted::AtLeast(least.into()), counts.ran());
        self.judge("tests that failed", Wanted::Exactly(0.into()), counts.failed);
    }

    /// As [`Run::exit`], then the JSON document the child printed.
    pub(crate) fn document(&mut self, who: &str, child: &Finished) -> Result<Value> {
        self.exit(who, child);
        child.document().with_context(|| who.to_owned())
    }

    /// Wants the value at a dotted path of `from` to be as `wanted`.
    pub(crate) fn judge_at(&mut self, from: &Value, path: &str, wanted: Wanted) {
        self.judge(path, wanted, document::at(from, path));
    }
}
