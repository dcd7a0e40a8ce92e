//! An endpoint's statistics in the words of the reports.

use biplane::EndpointStats;

use crate::report::{ByReason, Datagrams, Dropped, Sessions, Worker};

/// Why sessions end; all of them stand in a report, most with 0.
const REASONS: [&str; 12] = [
    "closed_here",
    "closed",
    "dropped",
    "violation",
    "accused",
    "connection_lost",
    "timed_out",
    "too_slow",
    "peer_limit",
    "keys_exhausted",
    "resume_refused",
    "data_plane_lost",
];

/// Datagrams, without those dropped.
pub(crate) fn datagrams(stats: &EndpointStats) -> Datagrams {
    Datagrams {
        sent: stats.datagrams.sent,
        received: stats.datagrams.received,
        delivered: stats.datagrams.delivered,
        kernel_dropped: stats.datagrams.kernel_dropped,
        unsent: stats.datagrams.unsent,
    }
}

/// Datagrams dropped, by every reason there is.
pub(crate) fn drops(stats: &EndpointStats) -> ByReason {
    stats.datagrams.drops.iter().map(|(reason, count)| (reason.name(), count)).collect()
}

/// Datagrams with those dropped.
pub(crate) fn dropped(stats: &EndpointStats) -> Dropped {
    Dropped { all: datagrams(stats), dropped: drops(stats) }
}

/// Sessions, and why they ended.
pub(crate) fn sessions(stats: &EndpointStats) -> Sessions {
    let mut left: ByReason = REASONS.into_iter().map(|reason| (reason, 0)).collect();
    left.extend(stats.sessions.left.iter().map(|(reason, count)| (*reason, *count)));
    Sessions {
        peak: stats.sessions.peak,
        admitted: stats.sessions.admitted,
        refused: stats.sessions.refused,
        timed_out: stats.sessions.timed_out,
        resumed: stats.sessions.resumed,
        left,
    }
}

/// The threads that receive.
pub(crate) fn receivers(stats: &EndpointStats) -> Vec<Worker> {
    workers(&stats.receivers)
}

/// The threads that send.
pub(crate) fn senders(stats: &EndpointStats) -> Vec<Worker> {
    workers(&stats.senders)
}

fn workers(stats: &[biplane::WorkerStats]) -> Vec<Worker> {
    let worker = |stats: &biplane::WorkerStats| Worker {
        datagrams: stats.datagrams,
        batches: stats.batches,
        wakeups: stats.wakeups,
    };
    stats.iter().map(worker).collect()
}
