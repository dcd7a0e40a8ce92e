//! Counts system calls in what `strace -f -o FILE` wrote, between two marks a thread made.
//!
//! The marks are writes of the program under test. Only the calls of the thread that made them
//! count: the others are not the caller's business.

/// Calls of one thread between its write that begins with `begin` and the one with `end`, the
/// marks not counted. `None` if either is missing.
pub(super) fn between(trace: &str, begin: &str, end: &str) -> Option<u64> {
    let mut lines = trace.lines().filter_map(Line::parse);
    let thread = lines.find(|line| line.writes(begin))?.thread;
    let mut calls = 0;
    for line in lines.filter(|line| line.thread == thread) {
        if line.writes(end) {
            return Some(calls);
        }
        calls += u64::from(line.is_call());
    }
    None
}

/// `1234  write(1, "…", 12) = 12`
struct Line<'a> {
    thread: &'a str,
    what: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (thread, what) = line.split_once(char::is_whitespace)?;
        Some(Self { thread, what: what.trim_start() })
    }

    /// Whether a write of `mark` starts here, finished or not.
    fn writes(&self, mark: &str) -> bool {
        let written = self.what.strip_prefix("write(").and_then(|rest| rest.split_once(", \""));
        written.is_some_and(|(_, text)| text.starts_with(mark))
    }

    /// Not a signal, not an exit, not the second half of a call that was interrupted in the log.
    fn is_call(&self) -> bool {
        self.what.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"
100 write(1, "ready\n", 6)            = 6
100 futex(0x1, FUTEX_WAKE, 1)         = 0
100 write(1, "ticks begin\n", 12 <unfinished ...>
101 epoll_wait(5,  <unfinished ...>
100 <... write resumed>)              = 12
100 clock_nanosleep(CLOCK_MONOTONIC, 0, {tv_sec=0}, NULL) = 0
100 sendmmsg(3,  <unfinished ...>
101 <... epoll_wait resumed>[], 16, 1) = 0
100 <... sendmmsg resumed>[], 0, 0)   = 0
101 write(7, "\1\0\0\0", 8)           = 8
100 --- SIGALRM {si_signo=SIGALRM} ---
100 write(1, "ticks end\n", 10)       = 10
100 exit_group(0)                     = ?
100 +++ exited with 0 +++
"#;

    #[test]
    fn only_whole_calls_of_the_marking_thread_between_its_marks_count() {
        assert_eq!(between(TRACE, "ticks begin", "ticks end"), Some(2));
    }

    #[test]
    fn a_missing_mark_is_no_count() {
        assert_eq!(between(TRACE, "ticks begin", "ticks over"), None);
        assert_eq!(between(TRACE, "never", "ticks end"), None);
        assert_eq!(between("", "ticks begin", "ticks end"), None);
    }

    #[test]
    fn another_threads_mark_is_not_ours() {
        let trace = "1 write(1, \"a\\n\", 2) = 2\n2 write(1, \"b\\n\", 2) = 2\n";
        assert_eq!(between(trace, "a", "b"), None);
    }
}
