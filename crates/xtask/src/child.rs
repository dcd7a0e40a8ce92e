//! Other programs: how they are started, heard, bounded in time, and always ended.
//!
//! A command is written as one line, so that what runs is what one can paste into a shell:
//! `KEY=VALUE` words first, then the program, then its arguments, split at white space.

mod kill;
mod running;

use std::env;
use std::fmt;
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::place;

pub(crate) use running::Running;

/// Variables that `cargo run` set for us and that must not reach a child: build scripts watch
/// some of them and would be built again each time.
const OURS_ALONE: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_"];

/// How long it may take to find out whether programs can be tied to this one.
const TIE_TIMEOUT: Duration = Duration::from_secs(10);

/// A command that may be started, any number of times.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Invocation {
    variables: Vec<(String, String)>,
    program: String,
    arguments: Vec<String>,
}

impl Invocation {
    /// Splits `line` at white space; leading `KEY=VALUE` words become environment variables.
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_whitespace().peekable();
        let mut variables = Vec::new();
        while let Some((key, value)) = words.peek().and_then(|word| word.split_once('=')) {
            variables.push((key.to_owned(), value.to_owned()));
            words.next();
        }
        Self {
            variables,
            program: words.next().unwrap_or_default().to_owned(),
            arguments: words.map(str::to_owned).collect(),
        }
    }

    /// The same, which the system ends when the thread that starts it ends, however that does: where
    /// there is a `setpriv` to arrange it.
    pub(crate) fn tied(mut self) -> Self {
        static TIES: LazyLock<bool> = LazyLock::new(|| {
            let probe = Invocation::new("setpriv --pdeathsig KILL true");
            probe.finish_by(deadline_in(TIE_TIMEOUT)).is_ok_and(|finished| finished.succeeded())
        });
        if *TIES {
            let program = mem::replace(&mut self.program, "setpriv".to_owned());
            let tie = ["--pdeathsig".to_owned(), "KILL".to_owned(), program];
            self.arguments.splice(0..0, tie);
        }
        self
    }

    /// Adds one argument, which may hold white space.
    #[cfg(test)]
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts the program, hears it out, and ends it at `deadline` if it has not ended itself.
    ///
    /// # Errors
    ///
    /// If it cannot be started at all.
    pub(crate) fn finish_by(&self, deadline: Instant) -> Result<Finished> {
        Running::start(self)?.finish_by(deadline)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(in_target_folder(&self.program));
        for (key, _) in env::vars_os() {
            let leaks = |name: &str| OURS_ALONE.iter().any(|ours| name.starts_with(ours));
            if key.to_str().is_some_and(leaks) {
                command.env_remove(key);
            }
        }
        command
            .args(self.arguments.iter().map(|argument| in_target_folder(argument)))
            .current_dir(place::root())
            .env("CARGO_TERM_COLOR", "never")
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.variables {
            write!(f, "{key}={value} ")?;
        }
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

/// Reads a leading `target/` as the folder cargo really builds into.
fn in_target_folder(word: &str) -> PathBuf {
    match word.strip_prefix("target/") {
        Some(rest) => place::target().join(rest),
        None => Path::new(word).to_owned(),
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// By a signal that was not ours.
    Signal,
    /// By us, because its time was up.
    TimedOut,
}

impl Exit {
    /// The status as a figure: a number, or words where there is none.
    pub(crate) fn to_value(self) -> Value {
        match self {
            Self::Status(status) => Value::from(status),
            Self::Signal => Value::from("ended by a signal"),
            Self::TimedOut => Value::from("timed out"),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal => f.write_str("ended by a signal"),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Whether it ended by itself with status 0.
    pub(crate) fn succeeded(&self) -> bool {
        self.exit == Exit::Status(0)
    }

    /// Standard output as the one JSON document it should be.
    ///
    /// # Errors
    ///
    /// If it is anything else.
    pub(crate) fn document(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).context("standard output is not one JSON document")
    }

    /// The last `lines` lines of each stream, standard output first.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let streams = [tail(&self.stdout, lines), tail(&self.stderr, lines)];
        streams.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

/// The last `lines` lines of `text`.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

/// The moment `length` from now.
pub(crate) fn deadline_in(length: Duration) -> Instant {
    Instant::now() + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_before_the_program() {
        let invocation = Invocation::new("RUSTDOCFLAGS=-Dwarnings cargo doc --for=5s");
        assert_eq!(invocation.variables, [("RUSTDOCFLAGS".to_owned(), "-Dwarnings".to_owned())]);
        assert_eq!(invocation.program, "cargo");
        assert_eq!(invocation.arguments, ["doc", "--for=5s"]);
        assert_eq!(invocation.to_string(), "RUSTDOCFLAGS=-Dwarnings cargo doc --for=5s");
    }

    #[test]
    fn a_tail_of_a_short_text_is_the_text() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
        assert_eq!(tail("", 2), "");
    }

    #[test]
    fn a_document_is_the_whole_of_standard_output() {
        let said = |stdout: &str| Finished {
            exit: Exit::Status(0),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        assert_eq!(said("{\"a\": 1}\n").document().unwrap(), serde_json::json!({"a": 1}));
        assert!(said("{} {}").document().is_err());
        assert!(said("join: x\n{}").document().is_err());
    }
}
