//! The gates of issue 5: measure first.

mod bench;
mod probe;

use super::Gate;

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[probe::GATE, bench::REACH, bench::COMPARISON];
