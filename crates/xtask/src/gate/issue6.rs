//! The gates of issue 6: either wing can be shot away.

mod bytes;
mod dead_peers;
mod frozen;
pub(super) mod moving;
mod planes;
mod price;
mod restart;
mod stopped;
pub(super) mod timeline;

use super::Gate;

/// The lines in their order, then the promises.
pub(super) const GATES: &[Gate] = &[
    planes::GATE,
    bytes::GATE,
    frozen::GATE,
    moving::GATE,
    restart::GATE,
    price::GATE,
    restart::PROMISE,
    dead_peers::PROMISE,
    stopped::PROMISE,
];
