//! One check: what it runs and how it is judged.

use std::time::Duration;

use anyhow::Result;

use super::verdict::Verdict;
use crate::child::{Finished, Invocation, deadline_in, tail};
use crate::gate::{self, Gate, Settings};
use crate::test_output::{self, TestCounts};
use crate::tool::{Lack, Tool};

/// Long enough for a build from nothing on a small machine; nothing hangs for ever.
const TIMEOUT: Duration = Duration::from_secs(1800);
/// How much of what a failing check said is shown.
const TAIL: usize = 40;
/// Failed tests say more, and all of it matters.
const TESTS_TAIL: usize = 120;

/// A line of `cargo xtask ci`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) name: &'static str,
    /// Without it the check is skipped; where `CI` is set it is installed first, or the check fails.
    pub(super) needs: Option<&'static Tool>,
    pub(super) action: Action,
}

/// What a check does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Runs a command that must end with status 0.
    Command(&'static str),
    /// Runs a command that counts tests.
    Tests(&'static str),
    /// Looks for breaches of a rule; there must be none.
    Rules(fn() -> Result<Vec<String>>),
    /// Runs a gate in its short form.
    Gate(&'static Gate),
}

impl Check {
    /// The check that runs `gate`.
    pub(super) const fn of_gate(gate: &'static Gate) -> Self {
        Self { name: gate.id, needs: gate.needs.quick, action: Action::Gate(gate) }
    }

    /// Runs the check, unless its tool is missing.
    pub(super) fn run(&self) -> Verdict {
        if let Some(lack) = self.needs.and_then(Tool::lack) {
            return of_lack(lack);
        }
        let verdict = match self.action {
            Action::Command(line) => finish(line).map(|finished| of_command(&finished)),
            Action::Tests(line) => finish(line).map(|finished| of_tests(&finished)),
            Action::Rules(violations) => violations().map(|found| of_rules(&found)),
            Action::Gate(gate) => Ok(of_gate(gate)),
        };
        verdict.unwrap_or_else(|error| Verdict::failed(format!("{error:#}")))
    }
}

fn finish(line: &str) -> Result<Finished> {
    Invocation::new(line).finish_by(deadline_in(TIMEOUT))
}

fn of_lack(lack: Lack) -> Verdict {
    match lack {
        Lack::Missing(reason) => Verdict::skipped(reason),
        Lack::NotInstalled(reason) => Verdict::failed(reason),
    }
}

fn of_command(finished: &Finished) -> Verdict {
    if finished.succeeded() { Verdict::passed() } else { Verdict::failed(last_words(finished)) }
}

fn last_words(finished: &Finished) -> String {
    format!("{}\n{}", finished.tail(TAIL), finished.exit)
}

fn of_rules(found: &[String]) -> Verdict {
    if found.is_empty() { Verdict::passed() } else { Verdict::failed(found.join("\n")) }
}

fn of_tests(finished: &Finished) -> Verdict {
    let counts = TestCounts::read(&finished.stdout);
    if finished.succeeded() && counts.ran() > 0 {
        return Verdict::of_tests(counts, String::new());
    }
    let failures = test_output::failures(&finished.stdout);
    let said = if failures.is_empty() { last_words(finished) } else { tail(&failures, TESTS_TAIL) };
    // A build that fails, a binary that dies and a run without tests fail no test by name.
    let failed = counts.failed.max(1);
    Verdict::of_tests(TestCounts { failed, ..counts }, said)
}

fn of_gate(gate: &Gate) -> Verdict {
    let outcome = gate::run_one(gate, Settings { quick: true, ..Settings::default() });
    if let Some(reason) = outcome.skipped {
        return Verdict::skipped(reason);
    }
    if outcome.passed() == Some(true) {
        return Verdict::passed();
    }
    let unmet = outcome.figures.iter().filter(|figure| !figure.is_met());
    let said: Vec<String> = unmet.map(ToString::to_string).chain(outcome.notes).collect();
    Verdict::failed(said.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Exit;
    use crate::tool;

    fn finished(status: i32, stdout: &str, stderr: &str) -> Finished {
        Finished {
            exit: Exit::Status(status),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        }
    }

    fn counts(verdict: &Verdict) -> (u64, u64, u64) {
        (verdict.counts().passed, verdict.counts().failed, verdict.counts().ignored)
    }

    #[test]
    fn a_failing_command_shows_its_last_words() {
        let verdict = of_command(&finished(101, "", "error: it does not build"));
        assert_eq!(counts(&verdict), (0, 1, 0));
        assert_eq!(verdict.said(), "error: it does not build\nexit status 101");
        assert_eq!(counts(&of_command(&finished(0, "much", "ado"))), (1, 0, 0));
    }

    #[test]
    fn every_test_counts_as_one() {
        let output = "test result: ok. 30 passed; 0 failed; 1 ignored;\n\
                      test result: FAILED. 4 passed; 2 failed; 0 ignored;\n";
        assert_eq!(counts(&of_tests(&finished(101, output, ""))), (34, 2, 1));
    }

    #[test]
    fn a_test_run_that_fails_without_a_failed_test_still_fails() {
        let died = "test result: ok. 30 passed; 0 failed; 0 ignored;\n";
        assert_eq!(counts(&of_tests(&finished(101, died, "signal: 6"))), (30, 1, 0));
        let broken = of_tests(&finished(101, "", "could not compile"));
        assert_eq!(counts(&broken), (0, 1, 0));
        assert!(broken.said().contains("could not compile"));
    }

    #[test]
    fn a_test_run_without_tests_is_no_success() {
        assert_eq!(counts(&of_tests(&finished(0, "", ""))), (0, 1, 0));
    }

    #[test]
    fn a_missing_tool_skips_the_check_and_one_that_was_not_installed_fails_it() {
        assert_eq!(counts(&of_lack(Lack::Missing("no strace".to_owned()))), (0, 0, 1));
        let failed = of_lack(Lack::NotInstalled("no network".to_owned()));
        assert_eq!((counts(&failed), failed.said()), ((0, 1, 0), "no network"));
        let check =
            Check { name: "x", needs: Some(&tool::NOWHERE), action: Action::Command("true") };
        assert_eq!(check.run().counts().passed, 0);
    }

    #[test]
    fn a_command_that_cannot_start_fails_its_check() {
        let check = Check { name: "x", needs: None, action: Action::Command("no-such-program") };
        assert_eq!(counts(&check.run()), (0, 1, 0));
    }
}
