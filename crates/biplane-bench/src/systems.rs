//! Everything that can be compared, by name.

#[cfg(test)]
mod conformance;

use biplane_load::System;

/// All of them, in the order of the tables.
pub(crate) const ALL: &[&dyn System] = &[];
