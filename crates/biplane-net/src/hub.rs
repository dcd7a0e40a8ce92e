//! What the workers, the control thread and the application's calls share of an endpoint.

use core::time::Duration;
use std::{net::SocketAddr, sync::Arc, time::Instant};

use biplane_proto::{CloseReason, SessionConfig};
use biplane_wire::PacketNumber;
use tokio::sync::Semaphore;

use crate::{
    Fault, Threading,
    announcements::{self, Announcements, Announcer},
    clock,
    counters::Counters,
    limits,
    locks::lock,
    slot::Slot,
    slots::SlotTable,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    wheel::Tick,
    work::{Job, Work},
};

/// The middle of an endpoint. Slots hold it weakly: they may outlive it in the application's hands.
#[derive(Debug)]
pub(crate) struct Hub {
    /// The UDP socket's own address.
    own: SocketAddr,
    session: SessionConfig,
    first_packet: PacketNumber,
    slots: Arc<SlotTable>,
    work: Work,
    counters: Counters,
    announcer: Announcer,
    dirty: Dirty,
    closing: Closing,
    /// The application may sleep on the socket while it waits for what is ready.
    is_inline: bool,
    /// Nobody joins; when they may try again.
    maintenance: Mutex<Option<Duration>>,
    blocking: Blocking,
}

/// How many threads may block at a time, for each that needs some.
#[derive(Debug)]
pub(crate) struct Blocking {
    /// To look names up.
    pub(crate) names: Arc<Semaphore>,
    /// To read what is transferred.
    pub(crate) sources: Semaphore,
}

/// Sizes of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) receivers: usize,
    pub(crate) senders: usize,
    pub(crate) sessions: usize,
    pub(crate) threading: Threading,
}

impl Sizes {
    /// How many may sleep on the senders' list, or for all of them, at a time.
    const fn sleepers(&self) -> usize {
        match self.threading {
            Threading::Dedicated => self.senders,
            Threading::Shared | Threading::Inline => 1,
        }
    }
}

/// Sessions that queued something since the last flush, each once.
#[derive(Debug, Default)]
struct Dirty {
    /// Read without the lock: a flush with nothing to do must cost nothing.
    count: AtomicUsize,
    queue: Mutex<Queue>,
}

/// Who waits for the next flush.
#[derive(Debug, Default)]
struct Queue {
    slots: Vec<Arc<Slot>>,
    /// When the one that waits longest has waited as long as it may.
    by: Tick,
}

/// Those who wait until every session is over.
#[derive(Default)]
struct Closing {
    begun: AtomicBool,
    waiting: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Hub {
    pub(crate) fn new(
        now: Instant,
        own: SocketAddr,
        sizes: Sizes,
        session: SessionConfig,
        first_packet: PacketNumber,
    ) -> (Arc<Self>, Announcements) {
        // Each session stands in it once. Those that are over stand there until the application
        // takes them; while there are many of those, nobody joins (see `has_room`).
        let ready = 2 * sizes.sessions + limits::LIST_SLACK;
        let work = Work::new(now, sizes.sleepers(), sizes.sessions);
        let is_inline = sizes.threading == Threading::Inline;
        // Who does an endpoint's work while it waits sleeps once for both.
        let alarm = if is_inline { Arc::clone(work.alarm()) } else { Arc::default() };
        let (announcer, announcements) = announcements::lists(ready, limits::FAULTS, alarm);
        let hub = Self {
            own,
            session,
            first_packet,
            slots: Arc::new(SlotTable::new(sizes.sessions)),
            work,
            counters: Counters::new(sizes.receivers, sizes.senders),
            announcer,
            dirty: Dirty::default(),
            closing: Closing::default(),
            is_inline,
            maintenance: Mutex::default(),
            blocking: Blocking {
                names: Arc::new(Semaphore::new(limits::RESOLVERS)),
                sources: Semaphore::new(limits::TRANSFER_READERS),
            },
        };
        (Arc::new(hub), announcements)
    }

    pub(crate) const fn own(&self) -> SocketAddr {
        self.own
    }

    pub(crate) const fn blocking(&self) -> &Blocking {
        &self.blocking
    }

    pub(crate) const fn session_config(&self) -> &SessionConfig {
        &self.session
    }

    /// The longest datagram that is looked at.
    pub(crate) fn longest_datagram(&self) -> usize {
        self.session.max_datagram.max(limits::DATAGRAM)
    }

    /// The number that sessions begin with.
    pub(crate) const fn first_packet(&self) -> PacketNumber {
        self.first_packet
    }

    pub(crate) const fn slots(&self) -> &Arc<SlotTable> {
        &self.slots
    }

    pub(crate) const fn work(&self) -> &Work {
        &self.work
    }

    pub(crate) const fn announcer(&self) -> &Announcer {
        &self.announcer
    }

    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether one more session may begin.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_closing()
            && !self.slots.is_full()
            && self.announcer.waiting() <= self.slots.limit() + limits::LIST_SLACK / 2
    }

    /// Tells the application of a session that is not in its list.
    pub(crate) fn add_ready(&self, slot: Arc<Slot>) {
        if let Err(slot) = self.announcer.ready(slot) {
            debug_assert!(false, "the ready list is full");
            slot.clear_ready();
        }
    }

    /// Has a sender look at `slot`.
    pub(crate) fn serve_later(&self, slot: Arc<Slot>) {
        if slot.claim_service() {
            self.work.add(Job::Serve(slot));
        }
    }

    /// Notes a session for the next flush, unless it is noted. If none comes in time, a sender does
    /// what it would have.
    pub(crate) fn add_dirty(&self, slot: &Arc<Slot>) {
        let mut queue = lock(&self.dirty.queue);
        if slot.is_dirty() {
            return;
        }
        queue.slots.push(Arc::clone(slot));
        self.dirty.count.store(queue.slots.len(), Ordering::SeqCst);
        let unseen = queue.slots.len() == 1 && {
            queue.by = self.work.epoch().not_before(clock::now() + self.session.max_send_delay);
            self.work.look_at_flush(queue.by)
        };
        // Last: another thread that finds the mark flushes, and must find the session.
        slot.mark_dirty();
        drop(queue);
        if unseen {
            self.work.add(Job::Look);
        }
    }

    /// The session to flush, or the sessions, where there are several: for one alone the list need
    /// not be made anew.
    pub(crate) fn take_dirty(&self) -> (Option<Arc<Slot>>, Vec<Arc<Slot>>) {
        if self.dirty.count.load(Ordering::SeqCst) == 0 {
            return (None, Vec::new());
        }
        let mut queue = lock(&self.dirty.queue);
        if self.is_inline {
            // Who sleeps on the socket is to sleep on. A sender may as well look for nothing: while
            // the application sends often, it need not be woken for each first message.
            self.work.forget_flush();
        }
        self.take_from(&mut queue)
    }

    /// The same if they have waited as long as they may; a sender's, when it is time to look.
    pub(crate) fn take_overdue(&self, now: Instant) -> (Option<Arc<Slot>>, Vec<Arc<Slot>>) {
        let mut queue = lock(&self.dirty.queue);
        if queue.by > self.work.epoch().reached(now) {
            // Whoever looked is awake, so nobody is woken.
            let _is_unseen = self.work.look_at_flush(queue.by);
            return (None, Vec::new());
        }
        self.take_from(&mut queue)
    }

    fn take_from(&self, queue: &mut Queue) -> (Option<Arc<Slot>>, Vec<Arc<Slot>>) {
        self.dirty.count.store(0, Ordering::SeqCst);
        match queue.slots.len() {
            1 => (queue.slots.pop(), Vec::new()),
            _ => (None, core::mem::take(&mut queue.slots)),
        }
    }

    /// Has the senders flush these.
    pub(crate) fn flush_later(&self, slots: &[Arc<Slot>]) {
        for chunk in slots.chunks(limits::FLUSH_CHUNK) {
            self.work.add(Job::Flush(chunk.to_vec()));
        }
    }

    /// Tells the application what broke, if it still listens.
    pub(crate) fn report(&self, fault: Fault) {
        tracing::warn!(%fault, "the endpoint has a fault");
        self.announcer.fault(fault);
    }

    /// A session is over.
    pub(crate) fn retire(&self, slot: &Slot, reason: Option<&CloseReason>) {
        self.slots.remove(slot);
        if let Some(reason) = reason {
            self.counters.left(reason);
        }
        tracing::info!(session = %slot.id(), reason = reason.map(tracing::field::display), "session left");
        self.end_closing_if_empty();
    }

    /// Refuses new sessions from now on, or takes them again.
    pub(crate) fn set_maintenance(&self, retry_after: Option<Duration>) {
        *lock(&self.maintenance) = retry_after;
    }

    /// When those who want to join may try again, while nobody may.
    pub(crate) fn maintenance(&self) -> Option<Duration> {
        *lock(&self.maintenance)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.begun.load(Ordering::SeqCst)
    }

    /// No session begins any more; `done` runs when the last is over.
    pub(crate) fn begin_closing(&self, done: Box<dyn FnOnce() + Send>) {
        self.closing.begun.store(true, Ordering::SeqCst);
        lock(&self.closing.waiting).push(done);
    }

    /// Runs those who wait for the last session, if there is none.
    pub(crate) fn end_closing_if_empty(&self) {
        if self.is_closing() && self.slots.len() == 0 {
            self.end_closing();
        }
    }

    /// Runs those who wait for the last session.
    pub(crate) fn end_closing(&self) {
        let waiting = core::mem::take(&mut *lock(&self.closing.waiting));
        for done in waiting {
            done();
        }
        self.announcer.alarm().ring();
    }
}

impl core::fmt::Debug for Closing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Closing").field("begun", &self.begun).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
