//! What workers count, and how it is read.
//!
//! Each worker writes counters of its own; whoever reads adds them up, so a total is always the sum
//! of the shares that stand beside it.

use core::sync::atomic::{AtomicU64, Ordering};

use biplane_proto::{CloseReason, Drops};

use crate::{
    locks::lock,
    stats::{ConnectionStats, DatagramStats, EndpointStats, SessionCounts, WorkerStats},
    sync::Mutex,
};

/// Every counter of an endpoint.
#[derive(Debug)]
pub(crate) struct Counters {
    panics: AtomicU64,
    sessions: Mutex<SessionCounts>,
    connections: Mutex<ConnectionStats>,
    receivers: Vec<ReceiverCounters>,
    senders: Vec<SenderCounters>,
    /// What left on another thread than a sender's.
    inline: SenderCounters,
}

/// What became of the datagrams of one batch. It is added as a whole, so that whoever reads finds
/// that what was received is what was delivered and what was dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    pub(crate) bytes: u64,
    pub(crate) delivered: u64,
    pub(crate) drops: Drops,
}

/// What became of the datagrams of one fill.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
    pub(crate) unsent: u64,
    pub(crate) runs: u64,
    pub(crate) split: u64,
}

/// One receiver's share.
#[derive(Debug, Default)]
pub(crate) struct ReceiverCounters {
    taken: Mutex<(Tally, u64)>,
    wakeups: AtomicU64,
}

/// One sender's share.
#[derive(Debug, Default)]
pub(crate) struct SenderCounters {
    sent: Mutex<Sent>,
    wakeups: AtomicU64,
}

impl Counters {
    pub(crate) fn new(receivers: usize, senders: usize) -> Self {
        Self {
            panics: AtomicU64::new(0),
            sessions: Mutex::default(),
            connections: Mutex::default(),
            receivers: (0..receivers).map(|_| ReceiverCounters::default()).collect(),
            senders: (0..senders).map(|_| SenderCounters::default()).collect(),
            inline: SenderCounters::default(),
        }
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn admitted(&self, current: usize) {
        let mut sessions = lock(&self.sessions);
        sessions.admitted += 1;
        sessions.peak = sessions.peak.max(current as u64);
    }

    pub(crate) fn resumed(&self) {
        lock(&self.sessions).resumed += 1;
    }

    pub(crate) fn refused(&self) {
        lock(&self.sessions).refused += 1;
    }

    pub(crate) fn left(&self, reason: &CloseReason) {
        let mut sessions = lock(&self.sessions);
        sessions.timed_out += u64::from(*reason == CloseReason::TimedOut);
        *sessions.left.entry(reason.name()).or_default() += 1;
    }

    /// Changes what is counted of connections.
    pub(crate) fn connections(&self, change: impl FnOnce(&mut ConnectionStats)) {
        change(&mut lock(&self.connections));
    }

    pub(crate) fn receiver(&self, index: usize) -> Option<&ReceiverCounters> {
        self.receivers.get(index)
    }

    /// Those of a sender, or of all who send beside them.
    pub(crate) fn sender(&self, index: Option<usize>) -> &SenderCounters {
        index.and_then(|index| self.senders.get(index)).unwrap_or(&self.inline)
    }

    /// All of it; what others know is left at zero.
    pub(crate) fn read(&self) -> EndpointStats {
        let mut datagrams = DatagramStats::default();
        let receivers = self.receivers.iter().map(|worker| worker.read(&mut datagrams)).collect();
        let senders = self.senders.iter().map(|worker| worker.read(&mut datagrams)).collect();
        let sent_inline = self.inline.read(&mut datagrams).datagrams;
        EndpointStats {
            datagrams,
            receivers,
            senders,
            sent_inline,
            sessions: lock(&self.sessions).clone(),
            connections: *lock(&self.connections),
            panics: self.panics.load(Ordering::Relaxed),
            ..EndpointStats::default()
        }
    }
}

impl ReceiverCounters {
    /// One batch.
    pub(crate) fn took(&self, tally: &Tally) {
        let (taken, batches) = &mut *lock(&self.taken);
        taken.received += tally.received;
        taken.bytes += tally.bytes;
        taken.delivered += tally.delivered;
        taken.drops.add(&tally.drops);
        *batches += 1;
    }

    pub(crate) fn woke(&self) {
        self.wakeups.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self, total: &mut DatagramStats) -> WorkerStats {
        let (taken, batches) = *lock(&self.taken);
        total.received += taken.received;
        total.bytes_received += taken.bytes;
        total.delivered += taken.delivered;
        total.drops.add(&taken.drops);
        let wakeups = self.wakeups.load(Ordering::Relaxed);
        WorkerStats {
            datagrams: taken.received,
            delivered: taken.delivered,
            dropped: taken.drops.total(),
            batches,
            wakeups,
        }
    }
}

impl SenderCounters {
    /// One fill.
    pub(crate) fn sent(&self, more: &Sent) {
        let mut sent = lock(&self.sent);
        sent.datagrams += more.datagrams;
        sent.bytes += more.bytes;
        sent.unsent += more.unsent;
        sent.runs += more.runs;
        sent.split += more.split;
    }

    pub(crate) fn woke(&self) {
        self.wakeups.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self, total: &mut DatagramStats) -> WorkerStats {
        let sent = *lock(&self.sent);
        total.sent += sent.datagrams;
        total.bytes_sent += sent.bytes;
        total.unsent += sent.unsent;
        total.runs_split += sent.split;
        let wakeups = self.wakeups.load(Ordering::Relaxed);
        WorkerStats {
            datagrams: sent.datagrams,
            batches: sent.runs,
            wakeups,
            ..WorkerStats::default()
        }
    }
}
