//! One line that says how a run is going: kept up to date on a terminal, and nowhere else.

use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(500);

/// A status line on standard error.
#[derive(Debug)]
pub(crate) struct Live {
    is_shown: bool,
    next: Instant,
}

impl Live {
    /// Nothing is shown where nobody looks.
    pub(crate) fn on_terminal() -> Self {
        Self { is_shown: stderr().is_terminal(), next: Instant::now() + EVERY }
    }

    /// Shows what `line` says, if it is time to.
    pub(crate) fn show(&mut self, now: Instant, line: impl FnOnce() -> String) {
        if !self.is_shown || now < self.next {
            return;
        }
        self.next = now + EVERY;
        let line = line();
        // A status line that cannot be written is no reason to end.
        let mut stderr = stderr().lock();
        write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush()).ok();
    }

    /// Takes the line away, so that what follows stands alone.
    pub(crate) fn end(self) {
        self.clear();
    }

    /// Takes the line away until the next.
    pub(crate) fn clear(&self) {
        if self.is_shown {
            write!(stderr(), "\r\x1b[2K").ok();
        }
    }
}
