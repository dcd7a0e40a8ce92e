//! One line that says how a run is going: kept up to date on a terminal, written anew now and then
//! elsewhere, or not at all.

use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

/// How often the line changes on a terminal.
const ON_TERMINAL: Duration = Duration::from_millis(250);
/// How often a new line is written elsewhere.
const ELSEWHERE: Duration = Duration::from_secs(5);
/// Cells of a progress bar.
const BAR: usize = 24;

/// A status line on standard error.
#[derive(Debug)]
pub(crate) struct Live {
    mode: Mode,
    next: Instant,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    Terminal,
    Lines,
    Silent,
}

impl Live {
    /// For a command whose output people read; without a terminal it writes a line now and then.
    pub(crate) fn with_lines() -> Self {
        Self::new(Mode::Lines)
    }

    /// For a command whose output may be read by programs; without a terminal it is silent.
    pub(crate) fn on_terminal() -> Self {
        Self::new(Mode::Silent)
    }

    fn new(elsewhere: Mode) -> Self {
        let mode = if stderr().is_terminal() { Mode::Terminal } else { elsewhere };
        Self { mode, next: Instant::now() }
    }

    /// Shows what `line` says, if it is time to.
    pub(crate) fn show(&mut self, now: Instant, line: impl FnOnce() -> String) {
        if self.mode == Mode::Silent || now < self.next {
            return;
        }
        let is_terminal = self.mode == Mode::Terminal;
        self.next = now + if is_terminal { ON_TERMINAL } else { ELSEWHERE };
        let line = line();
        // A status line that cannot be written is no reason to end.
        let mut stderr = stderr().lock();
        if is_terminal {
            write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush()).ok();
        } else {
            writeln!(stderr, "{line}").ok();
        }
    }

    /// Writes a line that stays, whoever reads it.
    pub(crate) fn note(&self, line: &str) {
        let clear = if self.mode == Mode::Terminal { "\r\x1b[2K" } else { "" };
        eprintln!("{clear}{line}");
    }

    /// Takes the line away, so that what follows stands alone.
    pub(crate) fn end(self) {
        if self.mode == Mode::Terminal {
            eprint!("\r\x1b[2K");
        }
    }
}

/// How far a run has come: a bar where its length is known, else the time.
pub(crate) fn progress(elapsed: Duration, length: Option<Duration>) -> String {
    let seconds = elapsed.as_secs_f32();
    let Some(length) = length else { return format!("{seconds:.0} s") };
    let share = elapsed.as_millis().saturating_mul(BAR as u128) / length.as_millis().max(1);
    let full = usize::try_from(share).unwrap_or(BAR).min(BAR);
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR - full));
    format!("[{bar}] {seconds:.0} of {:.0} s", length.as_secs_f32())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_bar_where_the_end_is_known() {
        let (half, whole) = (Duration::from_secs(5), Duration::from_secs(10));
        assert_eq!(progress(half, Some(whole)), "[############............] 5 of 10 s");
        assert_eq!(progress(whole * 2, Some(whole)), format!("[{}] 20 of 10 s", "#".repeat(BAR)));
        assert_eq!(progress(half, None), "5 s");
        assert!(progress(half, Some(Duration::ZERO)).starts_with("[####"));
    }
}
