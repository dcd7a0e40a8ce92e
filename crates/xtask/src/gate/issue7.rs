//! The gates of issue 7: recovery, rate and priority that hold up.

mod beside;
mod links;
mod reliable;
mod shares;

use std::time::Duration;

use anyhow::Result;

use super::{Gate, Needs, Run, Seeds, promises, told};
use crate::tool;

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[
    Gate {
        id: "A7.1",
        title: "the promises G22, G23 and G27, in full",
        seeds: Seeds::NONE,
        needs: Needs::both(&tool::NAMESPACES),
        builds: &[told::SIM],
        timeout: Duration::from_secs(3600),
        measure: promised,
    },
    links::GATE,
    beside::GATE,
    shares::GATE,
    reliable::GATE,
];

/// Each promise as its own gate has it.
fn promised(run: &mut Run) -> Result<()> {
    ["G22", "G23", "G27"].iter().try_for_each(|id| promises::keep(run, id).map(drop))
}
