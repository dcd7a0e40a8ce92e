//! What an endpoint has to tell of itself in numbers.

use std::collections::BTreeMap;

use biplane_proto::Drops;

/// Figures of one endpoint since it opened, or as they are now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// UDP datagrams of all sessions and of strangers.
    pub datagrams: DatagramStats,
    /// Each receiver's share.
    pub receivers: Vec<WorkerStats>,
    /// Each sender's share.
    pub senders: Vec<WorkerStats>,
    /// Sessions and who wanted to be one.
    pub sessions: SessionCounts,
    /// Workers' passes, tasks and callbacks that panicked and were contained.
    pub panics: u64,
}

/// UDP datagrams of an endpoint. `received` is always `delivered` and all `drops` together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct DatagramStats {
    /// Given to the kernel, and taken.
    pub sent: u64,
    /// Read off the socket.
    pub received: u64,
    /// Taken in by a session.
    pub delivered: u64,
    /// Gone no further, by reason.
    pub drops: Drops,
    /// Dropped by the kernel for want of room; `None` where the system does not tell.
    pub kernel_dropped: Option<u64>,
    /// Refused by the kernel on the way out: no route, no room, too long for the path.
    pub unsent: u64,
    /// Runs that the kernel refused whole and took as single datagrams.
    pub runs_split: u64,
}

/// One worker's share of the work.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Datagrams it moved.
    pub datagrams: u64,
    /// System calls that moved some.
    pub batches: u64,
    /// How often it woke from waiting.
    pub wakeups: u64,
}

/// Sessions of an endpoint, and who wanted to be one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionCounts {
    /// Sessions there are.
    pub current: u64,
    /// The most there were at a time.
    pub peak: u64,
    /// Sessions that began.
    pub admitted: u64,
    /// Clients refused: by admission, a limit, or because they speak another protocol.
    pub refused: u64,
    /// Sessions that ended because the peer fell silent.
    pub timed_out: u64,
    /// Sessions that ended, by the name of the reason.
    pub left: BTreeMap<&'static str, u64>,
}
