//! What `biplane-bench` tells: a comparison for each workload, and in it a row for each system.

use serde_json::Value;

use super::document;

pub(super) const BUILD: &str = "cargo build --release --locked --manifest-path \
                     crates/biplane-bench/Cargo.toml --target-dir target/";
pub(super) const BENCH: &str = "target/release/biplane-bench";

/// One comparison, or all of an array.
pub(super) fn comparisons(told: &Value) -> Vec<&Value> {
    told.as_array().map_or_else(|| vec![told], |all| all.iter().collect())
}

/// Its systems.
pub(super) fn rows(comparison: &Value) -> impl Iterator<Item = &Value> {
    comparison.get("rows").and_then(Value::as_array).into_iter().flatten()
}

/// One of them.
pub(super) fn row<'a>(comparison: &'a Value, system: &str) -> Option<&'a Value> {
    rows(comparison).find(|row| document::at(row, "system") == system)
}
