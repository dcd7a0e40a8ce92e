//! Why a system did not use all of its processor in work as fast as it goes, where that is known.

use biplane_load::Tuning;

use crate::workload::Workload;

/// What limits it, in words.
pub(crate) const fn known(
    _workload: Workload,
    _system: &str,
    tuning: Tuning,
) -> Option<&'static str> {
    match tuning {
        Tuning::Documented => None,
        Tuning::Tuned => None,
    }
}
