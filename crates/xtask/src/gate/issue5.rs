//! The gates of issue 5: measure first.

mod bench;

use std::time::Duration;

use super::{Gate, Seeds};

const BENCH: &str = "cargo build --release --locked --manifest-path crates/biplane-bench/Cargo.toml \
                     --target-dir target/";

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[
    Gate {
        id: "A5.3",
        title: "what Biplane is compared with reaches what it is known to reach",
        seeds: Seeds::NONE,
        needs: None,
        builds: &[BENCH],
        timeout: Duration::from_secs(1800),
        measure: bench::reach,
    },
    Gate {
        id: "A5.4",
        title: "the comparison: quick within 5 minutes, every key in every row, twice the same",
        seeds: Seeds::NONE,
        needs: None,
        builds: &[BENCH],
        timeout: Duration::from_secs(1200),
        measure: bench::comparison,
    },
];
