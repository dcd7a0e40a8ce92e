//! The gates of issue 5: measure first.

mod bench;

use super::Gate;

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[bench::REACH, bench::COMPARISON];
