//! Everything that can be compared, by name.

mod bare;
#[cfg(test)]
mod conformance;
mod enet;
#[cfg(test)]
mod flow;
mod frames;
mod identity;
mod laminar;
mod node;
mod poller;
mod quinn;
mod raw;
mod renet;
mod rusty_enet;
mod tls;
mod udp;
mod versions;

use biplane_load::{Biplane, System};

/// All of them, in the order of the tables: Biplane, and what it is compared with.
pub(crate) const ALL: &[&dyn System] = &[
    &Biplane,
    &raw::RAW,
    &raw::RAW_GSO,
    &raw::RAW_GSO_COALESCED,
    &bare::Bare,
    &tls::Tls,
    &enet::Enet,
    &rusty_enet::RustyEnet,
    &renet::Renet,
    &quinn::Quinn,
    &laminar::Laminar,
];

/// What Biplane is compared with.
pub(crate) fn peers() -> impl Iterator<Item = &'static dyn System> {
    ALL.iter().copied().skip(1)
}
