//! Everything that can be compared, by name.

#[cfg(test)]
mod conformance;
mod enet;
#[cfg(test)]
mod flow;
mod laminar;
mod node;
mod renet;
mod rusty_enet;
mod versions;

use biplane_load::System;

/// All of them, in the order of the tables.
pub(crate) const ALL: &[&dyn System] =
    &[&enet::Enet, &rusty_enet::RustyEnet, &renet::Renet, &laminar::Laminar];
