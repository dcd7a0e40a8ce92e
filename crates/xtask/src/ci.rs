//! Every check, one after another, whatever came of the one before.
//!
//! The last line on standard output counts them: each test of `cargo test` as one, each other
//! check and each gate as one.

mod check;
mod verdict;

use std::io::{self, Write};
use std::time::Instant;

use crate::{docs, gate, tidy, tool};
use check::{Action, Check};
use verdict::{Tally, Verdict};

/// What is checked, in this order; the gates follow.
const CHECKS: &[Check] = &[
    Check {
        name: "format",
        needs: Some(&tool::RUSTFMT),
        action: Action::Command("cargo fmt --all --check"),
    },
    Check {
        name: "lints",
        needs: Some(&tool::CLIPPY),
        action: Action::Command("cargo clippy --workspace --all-targets --locked -- -D warnings"),
    },
    Check { name: "tidy", needs: None, action: Action::Rules(tidy::violations) },
    Check {
        name: "tests",
        needs: None,
        action: Action::Tests("cargo test --workspace --locked --no-fail-fast"),
    },
    Check {
        name: "fuzz corpora",
        needs: None,
        // A workspace of its own; the target folder is shared, so that it builds little anew.
        action: Action::Tests(
            "cargo test --manifest-path crates/fuzz/Cargo.toml --target-dir target --locked",
        ),
    },
    // Another workspace of its own: what Biplane is compared with.
    Check {
        name: "bench format",
        needs: Some(&tool::RUSTFMT),
        action: Action::Command(
            "cargo fmt --manifest-path crates/biplane-bench/Cargo.toml --check",
        ),
    },
    Check {
        name: "bench lints",
        needs: Some(&tool::CLIPPY),
        action: Action::Command(
            "cargo clippy --manifest-path crates/biplane-bench/Cargo.toml --target-dir target/ \
             --all-targets --locked -- -D warnings",
        ),
    },
    Check {
        name: "bench tests",
        needs: None,
        action: Action::Tests(
            "cargo test --release --manifest-path crates/biplane-bench/Cargo.toml \
             --target-dir target/ --locked",
        ),
    },
    Check {
        name: "bench",
        needs: None,
        action: Action::Command(
            "cargo run --release --manifest-path crates/biplane-bench/Cargo.toml \
             --target-dir target/ --locked -- all --quick --json",
        ),
    },
    Check {
        name: "rustdoc",
        needs: None,
        action: Action::Command("RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked"),
    },
    Check { name: "docs", needs: Some(&tool::MDBOOK), action: Action::Rules(docs::violations) },
    Check { name: "spelling", needs: Some(&tool::TYPOS), action: Action::Command(docs::SPELLING) },
    Check {
        name: "demo",
        needs: None,
        action: Action::Command("cargo run --release --locked -p lobby -- demo --for 5s --json"),
    },
];

/// Runs every check and prints what came of it; whether all held.
pub(crate) fn run() -> bool {
    let mut tally = Tally::default();
    let gates = gate::all().iter().map(Check::of_gate);
    let checks: Vec<Check> = CHECKS.iter().copied().chain(gates).collect();
    for check in &checks {
        announce(check.name);
        let start = Instant::now();
        let verdict = check.run();
        conclude(&verdict, start);
        tally.add(check.name, &verdict);
    }
    print!("{tally}");
    tally.is_clean()
}

/// Begins the check's line, so that it shows what is under way.
fn announce(name: &str) {
    print!("{name:<15}");
    // A closed pipe must not end the checks.
    io::stdout().flush().ok();
}

fn conclude(verdict: &Verdict, start: Instant) {
    println!("{:<8}{:>7.1} s", verdict.word(), start.elapsed().as_secs_f64());
    for line in verdict.said().lines() {
        println!("    {line}");
    }
}
