//! What came of a check, and the count over all of them.

use std::fmt;

use crate::test_output::TestCounts;

/// What came of one check.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// Ignored is what was skipped.
    counts: TestCounts,
    said: String,
}

impl Verdict {
    pub(super) fn passed() -> Self {
        Self::of_tests(TestCounts { passed: 1, ..TestCounts::default() }, String::new())
    }

    /// With the tail of what the check said.
    pub(super) fn failed(said: String) -> Self {
        Self::of_tests(TestCounts { failed: 1, ..TestCounts::default() }, said)
    }

    /// With the reason.
    pub(super) fn skipped(reason: String) -> Self {
        Self::of_tests(TestCounts { ignored: 1, ..TestCounts::default() }, reason)
    }

    /// Of a check that stands for many.
    pub(super) fn of_tests(counts: TestCounts, said: String) -> Self {
        Self { counts, said }
    }

    pub(super) fn counts(&self) -> TestCounts {
        self.counts
    }

    /// What a person needs to know; empty if all is well.
    pub(super) fn said(&self) -> &str {
        &self.said
    }

    pub(super) fn word(&self) -> &'static str {
        match (self.counts.failed, self.counts.passed) {
            (0, 0) => "skipped",
            (0, _) => "ok",
            _ => "FAILED",
        }
    }
}

/// The count over all checks; its last line is the one scripts read.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: TestCounts,
    remarks: Vec<String>,
}

impl Tally {
    /// Adds what came of the check `name`.
    pub(super) fn add(&mut self, name: &str, verdict: &Verdict) {
        let TestCounts { passed, failed, ignored } = verdict.counts();
        self.counts.passed += passed;
        self.counts.failed += failed;
        self.counts.ignored += ignored;
        match (failed, ignored) {
            (0, 0) => {}
            (0, _) if passed == 0 => {
                self.remarks.push(format!("skipped {name}: {}", verdict.said()))
            }
            (0, _) => self.remarks.push(format!("skipped {ignored} of {name}")),
            (_, _) => self.remarks.push(format!("failed {name}")),
        }
    }

    /// Whether nothing failed.
    pub(super) fn is_clean(&self) -> bool {
        self.counts.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TestCounts { passed, failed, ignored } = self.counts;
        writeln!(f)?;
        self.remarks.iter().try_for_each(|remark| writeln!(f, "{remark}"))?;
        write!(f, "{passed} passed, {failed} failed")?;
        if ignored > 0 {
            write!(f, ", {ignored} skipped")?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(verdicts: &[Verdict]) -> String {
        let mut tally = Tally::default();
        verdicts.iter().for_each(|verdict| tally.add("x", verdict));
        tally.to_string()
    }

    #[test]
    fn the_last_line_counts_checks_and_tests_alike() {
        let tests = TestCounts { passed: 30, failed: 2, ignored: 0 };
        let tests = Verdict::of_tests(tests, "b failed".to_owned());
        let all = told(&[Verdict::passed(), tests, Verdict::failed(String::new())]);
        assert_eq!(all.lines().last(), Some("31 passed, 3 failed"));
        assert_eq!(told(&[Verdict::passed()]), "\n1 passed, 0 failed\n");
    }

    #[test]
    fn what_was_skipped_is_counted_and_named_in_the_last_lines() {
        let all = told(&[Verdict::passed(), Verdict::skipped("strace is missing".to_owned())]);
        assert_eq!(all, "\nskipped x: strace is missing\n1 passed, 0 failed, 1 skipped\n");
        let tests = TestCounts { passed: 30, failed: 0, ignored: 2 };
        let all = told(&[Verdict::of_tests(tests, String::new())]);
        assert_eq!(all, "\nskipped 2 of x\n30 passed, 0 failed, 2 skipped\n");
    }

    #[test]
    fn one_word_says_what_came_of_it() {
        assert_eq!(Verdict::passed().word(), "ok");
        assert_eq!(Verdict::failed(String::new()).word(), "FAILED");
        assert_eq!(Verdict::skipped(String::new()).word(), "skipped");
        let tests = TestCounts { passed: 30, failed: 1, ignored: 1 };
        assert_eq!(Verdict::of_tests(tests, String::new()).word(), "FAILED");
    }
}
