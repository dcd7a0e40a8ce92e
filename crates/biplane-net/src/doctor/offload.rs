//! Segmentation offload: runs of datagrams in one call, sent and received by two threads each.

use std::io;

use super::{
    flow::{self, Plan},
    matrix::{Counts, Pace},
    wires::{Fault, Wires},
};

/// Bytes of a datagram: 64 of them fit one call.
const SIZE: usize = 1_000;
/// The most that Linux takes in one call.
const SEGMENTS: usize = 64;

/// What offload does here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Offload {
    /// Datagrams that one send may hold; 1 where the system sends them one by one.
    pub gso_segments: usize,
    /// The most datagrams that came in one piece; 1 where the system hands them over one by one.
    pub gro_segments: u64,
    /// Datagrams in runs that were refused, so that they have to go one by one.
    pub refused: u64,
    /// Datagrams of 1,000 bytes that came, a second.
    pub datagrams_per_second: f64,
    /// What became of them.
    pub counts: Counts,
}

/// Sends runs as long as they may be, and looks at what comes.
pub(super) fn examine(pace: Pace, run: u32, fault: Option<&Fault>) -> io::Result<Offload> {
    let offered = longest()?;
    let segments = offered.clamp(1, SEGMENTS);
    let plan = Plan {
        receivers: 2,
        senders: 2,
        reuseport: false,
        size: SIZE,
        segments,
        warm_up: pace.warm_up,
        measured: pace.measured,
    };
    let outcome = flow::run(&plan, run, fault)?;
    Ok(Offload {
        gso_segments: if outcome.refused > 0 { 1 } else { offered },
        gro_segments: outcome.longest_run,
        refused: outcome.refused,
        datagrams_per_second: outcome.pace.per_second,
        counts: Counts::of(&outcome),
    })
}

/// Datagrams that a send on a socket of this system may hold.
fn longest() -> io::Result<usize> {
    let wires = Wires::plain(None)?;
    Ok(wires.sources.iter().map(|socket| socket.max_segments()).min().unwrap_or(1))
}
