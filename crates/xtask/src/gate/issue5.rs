//! The gates of issue 5: measure first.

mod bench;
mod doctor;
mod probe;

use super::Gate;

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[doctor::GATE, probe::GATE, bench::REACH, bench::COMPARISON];
