//! Reads what `cargo test` says: how many tests, and what the failed ones said.

/// The sum over all test binaries and doc tests of one run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct TestCounts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl TestCounts {
    /// Sums the `test result:` lines of `stdout`.
    pub(crate) fn read(stdout: &str) -> Self {
        let mut sum = Self::default();
        for line in stdout.lines().filter(|line| line.starts_with(RESULT)) {
            sum.passed += number_before(line, " passed");
            sum.failed += number_before(line, " failed");
            sum.ignored += number_before(line, " ignored");
        }
        sum
    }

    /// How many ran, whatever came of it.
    pub(crate) fn ran(self) -> u64 {
        self.passed + self.failed
    }
}

/// How every binary's last line starts.
const RESULT: &str = "test result:";

fn number_before(line: &str, word: &str) -> u64 {
    let number = line.split_once(word).and_then(|(before, _)| before.split(' ').next_back());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// What the failed tests said, over all binaries; empty if none failed.
pub(crate) fn failures(stdout: &str) -> String {
    let mut said = Vec::new();
    let mut inside = false;
    for line in stdout.lines() {
        inside |= line == "failures:";
        if inside {
            said.push(line);
        }
        inside &= !line.starts_with(RESULT);
    }
    said.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 2 tests
test a ... ok
test b ... FAILED

failures:

---- b stdout ----
thread 'b' panicked at src/x.rs:1:1: left is not right

failures:
    b

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 31 tests
test result: ok. 30 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s
";

    #[test]
    fn results_of_all_binaries_are_summed() {
        let counts = TestCounts::read(OUTPUT);
        assert_eq!(counts, TestCounts { passed: 31, failed: 1, ignored: 1 });
        assert_eq!(counts.ran(), 32);
    }

    #[test]
    fn no_result_line_is_no_test() {
        assert_eq!(TestCounts::read("error: could not compile `x`"), TestCounts::default());
    }

    #[test]
    fn failures_are_what_failed_tests_said_and_nothing_else() {
        let said = failures(OUTPUT);
        assert!(said.contains("left is not right"), "{said}");
        assert!(!said.contains("running 31 tests"), "{said}");
        assert_eq!(failures("test result: ok. 3 passed; 0 failed;"), "");
    }
}
