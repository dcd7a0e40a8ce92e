//! How far the examination is: a bar on a terminal, and nothing elsewhere.

use std::io::{IsTerminal, stderr};

use biplane_net::doctor::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn on_terminal() -> Self {
        if !stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        // The template is checked by a test; without it the bar looks as it comes.
        if let Ok(style) = style() {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn show(&self, progress: &Progress) {
        // Sealing is the step after the last.
        self.0.set_length(progress.of as u64 + 1);
        self.0.set_position(progress.done as u64);
        self.0.set_message(progress.step.to_string());
    }

    pub(super) fn last(&self, what: &'static str) {
        self.0.inc(1);
        self.0.set_message(what);
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

fn style() -> Result<ProgressStyle, indicatif::style::TemplateError> {
    ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
}

#[test]
fn the_bar_has_a_style() {
    assert!(style().is_ok());
}
