//! Every number of receivers with every number of senders: is each datagram there once, in one
//! piece, and at what cost?

use std::{io, time::Duration};

use super::{
    flow::{self, Outcome, Plan},
    wires::Fault,
};

/// Receivers, and senders, that are tried.
pub(super) const COUNTS: [usize; 3] = [1, 2, 4];
/// Bytes of a datagram: an input or a small command of a game.
const SIZE: usize = 64;

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Those the kernel took.
    pub sent: u64,
    /// Those that came whole; each counts once.
    pub delivered_once: u64,
    /// Those that came with bytes that nobody sent together.
    pub torn: u64,
    /// Those that came again.
    pub duplicated: u64,
    /// Those that did not come.
    pub lost: u64,
    /// Those that some reader took after a later one of their sender's had been taken by any.
    pub reordered: u64,
    /// Those that a reader took after a later one of their sender's had been taken by itself.
    pub reordered_within_reader: u64,
    /// By how many numbers the worst of the reordered came behind the newest.
    pub worst_displacement: u64,
}

/// One number of receivers with one of senders.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Threads that received.
    pub receivers: usize,
    /// Threads that sent.
    pub senders: usize,
    /// Whether each receiver had a socket of its own at the one port.
    pub reuseport: bool,
    /// Datagrams that came, a second.
    pub datagrams_per_second: f64,
    /// Processor time of sender and receiver together for each, making and checking it included;
    /// where the system tells.
    pub cpu_ns_per_datagram: Option<f64>,
    /// Datagrams of each receiver.
    pub shares: Vec<u64>,
    /// Those of the lost that the kernel counted as dropped for want of room, where it tells.
    pub kernel_dropped: Option<u64>,
    /// What became of them.
    pub counts: Counts,
}

/// How long a cell is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) warm_up: Duration,
    pub(super) measured: Duration,
}

impl Cell {
    /// How evenly the receivers shared: Jain's index, (Σx)² ÷ nΣx². 1 when all took the same, 1 ÷ n
    /// when one took all.
    #[must_use]
    pub fn fairness(&self) -> f64 {
        let shares = self.shares.iter().map(|share| *share as f64);
        let (sum, squares) = shares.fold((0.0, 0.0), |(a, b), x| (a + x, x.mul_add(x, b)));
        if squares > 0.0 { sum * sum / (self.shares.len() as f64 * squares) } else { 1.0 }
    }
}

impl Counts {
    /// Per cent of those delivered that were reordered, across all readers.
    #[must_use]
    pub fn reordered_percent(&self) -> f64 {
        self.reordered as f64 * 100.0 / self.delivered_once.max(1) as f64
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            delivered_once: self.delivered_once + other.delivered_once,
            torn: self.torn + other.torn,
            duplicated: self.duplicated + other.duplicated,
            lost: self.lost + other.lost,
            reordered: self.reordered + other.reordered,
            reordered_within_reader: self.reordered_within_reader + other.reordered_within_reader,
            worst_displacement: self.worst_displacement.max(other.worst_displacement),
        }
    }

    pub(super) fn of(outcome: &Outcome) -> Self {
        let found = &outcome.findings;
        Self {
            sent: outcome.sent,
            delivered_once: found.once,
            torn: found.torn,
            duplicated: found.duplicated,
            lost: outcome.sent.saturating_sub(found.once + found.torn),
            reordered: found.behind_any,
            reordered_within_reader: found.behind_here,
            worst_displacement: found.worst,
        }
    }
}

/// Runs one cell.
pub(super) fn cell(
    (receivers, senders, reuseport): (usize, usize, bool),
    pace: Pace,
    (run, fault): (u32, Option<&Fault>),
) -> io::Result<Cell> {
    let plan = Plan {
        receivers,
        senders,
        reuseport,
        size: SIZE,
        segments: 1,
        warm_up: pace.warm_up,
        measured: pace.measured,
    };
    let outcome = flow::run(&plan, run, fault)?;
    Ok(Cell {
        receivers,
        senders,
        reuseport,
        datagrams_per_second: outcome.pace.per_second,
        cpu_ns_per_datagram: outcome.pace.cpu_ns,
        counts: Counts::of(&outcome),
        kernel_dropped: outcome.kernel_dropped,
        shares: outcome.shares,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(shares: &[u64]) -> f64 {
        let cell = Cell {
            receivers: shares.len(),
            senders: 1,
            reuseport: false,
            datagrams_per_second: 0.0,
            cpu_ns_per_datagram: None,
            shares: shares.to_vec(),
            kernel_dropped: None,
            counts: Counts::default(),
        };
        cell.fairness()
    }

    #[test]
    fn fairness_is_1_when_all_took_the_same_and_a_share_when_one_took_all() {
        assert!((shared(&[7, 7, 7, 7]) - 1.0).abs() < 1e-9);
        assert!((shared(&[9, 0, 0, 0]) - 0.25).abs() < 1e-9);
        assert!((shared(&[0, 0]) - 1.0).abs() < 1e-9);
    }
}
