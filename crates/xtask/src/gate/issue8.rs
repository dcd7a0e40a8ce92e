//! The gates of issue 8: the engine.

mod elastic;
mod table;

use std::time::Duration;

use anyhow::Result;

use super::{Gate, Needs, Run, Seeds, promises};
use crate::tool;

const MEMORY: &str = "cargo test --release --locked -p biplane-proto --test memory --no-run";
const FACE: &str = "cargo test --release --locked -p biplane --test face --no-run";

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[
    table::GATE,
    elastic::GATE,
    Gate {
        id: "A8.3",
        title: "no allocation per packet in steady state",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[MEMORY],
        timeout: Duration::from_secs(60),
        measure: steady,
    },
    Gate {
        id: "A8.4",
        title: "an application that sleeps for 15 s loses neither plane nor session",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[FACE],
        timeout: Duration::from_secs(120),
        measure: asleep,
    },
    Gate {
        id: "A8.5",
        title: "the promises G19, G20 and G21, in full",
        seeds: Seeds::NONE,
        needs: Needs::both(&tool::STRACE),
        builds: &[],
        timeout: Duration::from_secs(2400),
        measure: promised,
    },
];

fn steady(run: &mut Run) -> Result<()> {
    run.tests("cargo test --release --locked -p biplane-proto --test memory steady", 2).map(drop)
}

fn asleep(run: &mut Run) -> Result<()> {
    run.tests("cargo test --release --locked -p biplane --test face threading", 4).map(drop)
}

/// Each promise as its own gate has it.
fn promised(run: &mut Run) -> Result<()> {
    ["G19", "G20", "G21"].iter().try_for_each(|id| promises::keep(run, id).map(drop))
}
