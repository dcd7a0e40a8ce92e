//! What workers count, and how it is read.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

use biplane_proto::{CloseReason, Drops};

use crate::{
    locks::lock,
    stats::{DatagramStats, EndpointStats, SessionCounts, WorkerStats},
};

/// Every counter of an endpoint.
#[derive(Debug)]
pub(crate) struct Counters {
    taken: Mutex<Tally>,
    sent: AtomicU64,
    unsent: AtomicU64,
    runs_split: AtomicU64,
    panics: AtomicU64,
    sessions: Mutex<SessionCounts>,
    receivers: Vec<WorkerCounters>,
    senders: Vec<WorkerCounters>,
}

/// What became of the datagrams of one batch. It is added as a whole, so that whoever reads finds
/// that what was received is what was delivered and what was dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    pub(crate) delivered: u64,
    pub(crate) drops: Drops,
}

/// One worker's share of the work.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    datagrams: AtomicU64,
    batches: AtomicU64,
    wakeups: AtomicU64,
}

impl Counters {
    pub(crate) fn new(receivers: usize, senders: usize) -> Self {
        let crew = |count| (0..count).map(|_| WorkerCounters::default()).collect();
        Self {
            taken: Mutex::default(),
            sent: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            runs_split: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            sessions: Mutex::default(),
            receivers: crew(receivers),
            senders: crew(senders),
        }
    }

    pub(crate) fn took(&self, tally: &Tally) {
        let mut taken = lock(&self.taken);
        taken.received += tally.received;
        taken.delivered += tally.delivered;
        taken.drops.add(&tally.drops);
    }

    pub(crate) fn sent(&self, sent: u64, unsent: u64, runs_split: u64) {
        self.sent.fetch_add(sent, Ordering::Relaxed);
        self.unsent.fetch_add(unsent, Ordering::Relaxed);
        self.runs_split.fetch_add(runs_split, Ordering::Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn admitted(&self, current: usize) {
        let mut sessions = lock(&self.sessions);
        sessions.admitted += 1;
        sessions.peak = sessions.peak.max(current as u64);
    }

    pub(crate) fn refused(&self) {
        lock(&self.sessions).refused += 1;
    }

    pub(crate) fn left(&self, reason: &CloseReason) {
        let mut sessions = lock(&self.sessions);
        sessions.timed_out += u64::from(*reason == CloseReason::TimedOut);
        *sessions.left.entry(reason.name()).or_default() += 1;
    }

    pub(crate) fn receiver(&self, index: usize) -> Option<&WorkerCounters> {
        self.receivers.get(index)
    }

    pub(crate) fn sender(&self, index: usize) -> Option<&WorkerCounters> {
        self.senders.get(index)
    }

    /// All of it, with what others know.
    pub(crate) fn read(&self, current: usize, kernel_dropped: Option<u64>) -> EndpointStats {
        let Tally { received, delivered, drops } = *lock(&self.taken);
        let crew = |workers: &[WorkerCounters]| workers.iter().map(WorkerCounters::read).collect();
        EndpointStats {
            datagrams: DatagramStats {
                sent: self.sent.load(Ordering::Relaxed),
                received,
                delivered,
                drops,
                kernel_dropped,
                unsent: self.unsent.load(Ordering::Relaxed),
                runs_split: self.runs_split.load(Ordering::Relaxed),
            },
            receivers: crew(&self.receivers),
            senders: crew(&self.senders),
            sessions: SessionCounts { current: current as u64, ..lock(&self.sessions).clone() },
            panics: self.panics.load(Ordering::Relaxed),
        }
    }
}

impl WorkerCounters {
    pub(crate) fn moved(&self, datagrams: u64, batches: u64) {
        self.datagrams.fetch_add(datagrams, Ordering::Relaxed);
        self.batches.fetch_add(batches, Ordering::Relaxed);
    }

    pub(crate) fn woke(&self) {
        self.wakeups.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> WorkerStats {
        WorkerStats {
            datagrams: self.datagrams.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            wakeups: self.wakeups.load(Ordering::Relaxed),
        }
    }
}
