//! A6.2, its part in virtual time: TCP is killed after any byte, and every command, request and reply
//! comes exactly once.

use std::time::Duration;

use super::super::{Gate, Seeds, promises};

pub(super) const GATE: Gate = Gate {
    id: "A6.2",
    title: "TCP is killed after any byte: every command, request and reply once",
    seeds: Seeds { full: 2_000, quick: 60 },
    needs: None,
    builds: &["cargo build --release --locked -p biplane-sim"],
    timeout: Duration::from_secs(1800),
    measure: promises::resumes::cuts,
};
