//! What an endpoint has to tell of itself in numbers.
//!
//! Counters count since the endpoint opened and only rise; what is a figure of this moment says so.
//! Taking them costs a copy of the counters and one system call.

use std::collections::BTreeMap;

use biplane_proto::Drops;

/// Figures of one endpoint since it opened, or as they are now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// UDP datagrams of all sessions and of strangers.
    pub datagrams: DatagramStats,
    /// Each receiver's share; their `datagrams` make `datagrams.received`.
    pub receivers: Vec<WorkerStats>,
    /// Each sender's share; their `datagrams` and `sent_inline` make `datagrams.sent`.
    pub senders: Vec<WorkerStats>,
    /// Datagrams that left on another thread than a sender's: that of a flush, or of a receiver
    /// which answers for an idle session.
    pub sent_inline: u64,
    /// Sessions and who wanted to be one.
    pub sessions: SessionCounts,
    /// TCP connections until they are a session's.
    pub connections: ConnectionStats,
    /// Room for datagrams that wait to be read, in bytes, as the system accounts it now. Linux
    /// says twice what it granted, since it charges its own overhead to it.
    pub recv_buffer_bytes: u64,
    /// Room for datagrams that wait to be sent, in bytes; likewise.
    pub send_buffer_bytes: u64,
    /// Workers' passes, tasks and callbacks that panicked and were contained.
    pub panics: u64,
}

/// UDP datagrams of an endpoint. `received` is always `delivered` and all `drops` together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct DatagramStats {
    /// Datagrams given to the kernel, and taken.
    pub sent: u64,
    /// Their payload in bytes.
    pub bytes_sent: u64,
    /// Datagrams read off the socket.
    pub received: u64,
    /// Their payload in bytes.
    pub bytes_received: u64,
    /// Datagrams taken in by a session.
    pub delivered: u64,
    /// Datagrams that went no further, by reason: those of all sessions that there were
    /// ([`biplane_proto::SessionStats::drops`]), and those of no session.
    pub drops: Drops,
    /// Datagrams that the kernel dropped for want of room (Linux: the `drops` of `/proc/net/udp`);
    /// `None` where the system does not tell.
    pub kernel_dropped: Option<u64>,
    /// Datagrams that the kernel refused on the way out: no route, no room, too long for the path.
    pub unsent: u64,
    /// Runs that the kernel refused whole and took as single datagrams.
    pub runs_split: u64,
}

/// One worker's share of the work.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Datagrams it moved. Of a receiver, always `delivered` and `dropped` together.
    pub datagrams: u64,
    /// Of a receiver: those that a session took in.
    pub delivered: u64,
    /// Of a receiver: those that went no further.
    pub dropped: u64,
    /// System calls that moved some.
    pub batches: u64,
    /// How often it woke from waiting.
    pub wakeups: u64,
}

/// Sessions of an endpoint, and who wanted to be one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionCounts {
    /// Sessions there are now.
    pub current: u64,
    /// The most there were at a time.
    pub peak: u64,
    /// Sessions that began.
    pub admitted: u64,
    /// Control connections that took the place of another, on either side.
    pub resumed: u64,
    /// Clients refused: by admission, a limit, maintenance, because they speak another protocol, or
    /// because there is no such session to resume or to attach a connection to.
    pub refused: u64,
    /// Sessions that ended because the peer fell silent.
    pub timed_out: u64,
    /// Sessions that ended, by the name of the reason.
    pub left: BTreeMap<&'static str, u64>,
}

/// TCP connections that a listener accepted, until they are a session's. Each that became none is
/// counted once: below, from `timed_out` to `attach_refused`, or only in [`SessionCounts::refused`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that wait for the peer's bytes now; at most 2,048.
    pub waiting: u64,
    /// Connections that wait now until their address has fewer that are not admitted; at most
    /// 1,024.
    pub parked: u64,
    /// Connections that missed the deadline of TLS or of the hello, or waited too long for a turn.
    pub timed_out: u64,
    /// Connections that made room for another.
    pub evicted: u64,
    /// Connections that ended before they said what they are.
    pub broken: u64,
    /// Connections whose first 16 KiB held no hello.
    pub too_long: u64,
    /// Connections that speak something else than Biplane.
    pub not_biplane: u64,
    /// Clients that speak another protocol of the application's; they are `refused` too.
    pub mismatched: u64,
    /// Clients whose resume did not hold, or whose session is gone; they are `refused` too.
    pub resume_refused: u64,
    /// Clients that would attach a connection and whose claim did not hold, or whose session is
    /// gone; they are `refused` too.
    pub attach_refused: u64,
    /// Failed calls of accept: each is tried again.
    pub accept_failures: u64,
}
