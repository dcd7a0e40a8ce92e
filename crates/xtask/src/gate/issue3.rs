//! The gates of issue 3: a thousand bots on one socket, and nothing a stranger sends can hurt.
//!
//! How its pages look (A3.9) is for a person to see as well.

mod crowd;
mod history;
mod soak;
mod stranger;

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::told::SIM;
use super::{Gate, Needs, Run, Seeds, Wanted, told};
use crate::tool;

const LOBBY: &[&str] = &["cargo build --release --locked -p lobby"];
const MEMORY: &str = "cargo test --release --locked -p biplane-proto --test memory --no-run";
const SCENARIOS: &str = "cargo test --release --locked -p biplane-sim --test scenarios --no-run";
const NET: &[&str] = &["cargo test --release --locked -p biplane-net --test net --no-run"];

/// The bad inputs of this issue, and 18, 20 and 28 of issue 7, as `reliability.md` numbers them.
const INPUTS: [u8; 31] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 25, 26, 28, 29, 32, 33, 34,
    35, 36, 37, 38, 40,
];

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[
    Gate {
        id: "A3.1",
        title: "1,000 bots on one socket, also where few files may be open at first",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: LOBBY,
        timeout: Duration::from_secs(180),
        measure: crowd::thousand,
    },
    Gate {
        id: "A3.2",
        title: "1,000 bots with two receivers and senders, and with one of each",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[
            "cargo build --release --locked -p lobby",
            "cargo test --release --locked -p biplane-net --test net --no-run",
        ],
        timeout: Duration::from_secs(240),
        measure: workers,
    },
    Gate {
        id: "A3.3",
        title: "1,000 bots are killed, another 1,000 come; the server is killed",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: LOBBY,
        timeout: Duration::from_secs(360),
        measure: crowd::killed,
    },
    Gate {
        id: "A3.4",
        title: "what the kernel drops is told as the kernel tells it",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: NET,
        timeout: Duration::from_secs(60),
        measure: kernel_drops,
    },
    Gate {
        id: "A3.5",
        title: "100 key updates each way at 20 % loss",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[SCENARIOS],
        timeout: Duration::from_secs(120),
        measure: key_updates,
    },
    Gate {
        id: "A3.6",
        title: "seeded sweep with fragments and credit; memory within its caps",
        seeds: Seeds { full: 200, quick: 8 },
        needs: Needs::NONE,
        builds: &[SIM, MEMORY],
        timeout: Duration::from_secs(1200),
        measure: sweep,
    },
    Gate {
        id: "A3.7",
        title: "a server on [::] answers from the address that was spoken to",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: NET,
        timeout: Duration::from_secs(60),
        measure: dual_stack,
    },
    Gate {
        id: "A3.8",
        title: "bad inputs over real sockets; random bytes beside bots leave memory flat",
        seeds: Seeds::NONE,
        needs: Needs::in_full(&tool::NAMESPACES),
        builds: &[
            "cargo build --release --locked -p lobby",
            "cargo test --release --locked -p biplane-net --test bad_input --test apart --no-run",
        ],
        timeout: Duration::from_secs(1200),
        measure: bad_inputs,
    },
    Gate {
        id: "A3.9",
        title: "the book is built, its links lead somewhere, its pages fit",
        seeds: Seeds::NONE,
        needs: Needs { full: Some(&tool::PAGES), quick: Some(&tool::MDBOOK) },
        builds: &[],
        timeout: Duration::from_secs(600),
        measure: book,
    },
];

fn workers(run: &mut Run) -> Result<()> {
    crowd::workers(run)?;
    run.tests("cargo test --release --locked -p biplane-net --test net saturating", 1).map(drop)
}

fn kernel_drops(run: &mut Run) -> Result<()> {
    run.tests("cargo test --release --locked -p biplane-net --test net kernel_drop", 1).map(drop)
}

fn key_updates(run: &mut Run) -> Result<()> {
    run.tests("cargo test --release --locked -p biplane-sim --test scenarios key_update", 1)
        .map(drop)
}

fn dual_stack(run: &mut Run) -> Result<()> {
    run.tests("cargo test --release --locked -p biplane-net --test net families", 3).map(drop)
}

fn sweep(run: &mut Run) -> Result<()> {
    let seeds = run.seeds();
    // One message in two hundred is long, up to 1 MiB, and channels run out of credit now and then.
    let sweep = run.finish(&format!("target/release/biplane-sim sweep --seeds {seeds} --json"))?;
    let told = run.document("sweep", &sweep)?;
    judge_sweep(run, &told, seeds);
    run.tests("cargo test --release --locked -p biplane-proto --test memory", 4).map(drop)
}

fn judge_sweep(run: &mut Run, told: &Value, seeds: u64) {
    told::judge(run, told, seeds);
    run.judge_at(told, "replayed_identically", Wanted::Exactly(true.into()));
    told::canaries(run, told, &["withholds", "swaps", "repeats"]);
}

fn bad_inputs(run: &mut Run) -> Result<()> {
    // In short the inputs of one digit: those of two hold sessions for longer than a short gate, and
    // some take a network of their own.
    let line = "cargo test --release --locked -p biplane-net --test bad_input";
    let line = run.form(format!("{line} --test apart"), format!("{line} bad_input_0"));
    let wanted: Vec<u8> =
        INPUTS.iter().copied().filter(|input| run.form(true, *input < 10)).collect();
    let tests = run.finish(&line)?;
    run.exit(&line, &tests);
    run.judge_tests(&tests, 1);
    judge_inputs(run, &tests.stdout, &wanted);
    soak::beside_a_stranger(run)
}

/// Every input has a test that passed.
fn judge_inputs(run: &mut Run, stdout: &str, wanted: &[u8]) {
    let passed = |input: &&u8| {
        let name = format!("bad_input_{input:02}_");
        stdout.lines().any(|line| line.contains(&name) && line.ends_with("... ok"))
    };
    let missing: Vec<u8> = wanted.iter().filter(|input| !passed(input)).copied().collect();
    run.judge(
        "inputs without a test that passed",
        Wanted::Exactly(Value::Array(Vec::new())),
        missing,
    );
}

fn book(run: &mut Run) -> Result<()> {
    let docs = run.finish(run.form("cargo xtask docs --check-pages", "cargo xtask docs"))?;
    run.exit("docs", &docs);
    Ok(())
}

#[cfg(test)]
mod tests;
