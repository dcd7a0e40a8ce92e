//! Everything that can be compared, by name.

mod bare;
#[cfg(test)]
mod conformance;
mod frames;
mod identity;
mod poller;
mod quinn;
mod raw;
mod raw_gso;
mod raw_gso_coalesced;
mod tls;
mod udp;
mod versions;

use biplane_load::System;

/// All of them, in the order of the tables.
pub(crate) const ALL: &[&dyn System] = &[
    &raw::Raw,
    &raw_gso::RawGso,
    &raw_gso_coalesced::RawGsoCoalesced,
    &bare::Bare,
    &tls::Tls,
    &quinn::Quinn,
];
