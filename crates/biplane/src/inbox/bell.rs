//! Wakes those who wait for an event that another took in.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use flume::r#async::RecvFut;

pub(crate) struct Bell {
    over: AtomicBool,
    waiting: AtomicUsize,
    /// `None` once it is over: that wakes all.
    ringer: Mutex<Option<flume::Sender<()>>>,
    ears: flume::Receiver<()>,
}

impl Default for Bell {
    fn default() -> Self {
        let (ringer, ears) = flume::bounded(1);
        Self {
            over: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            ringer: Mutex::new(Some(ringer)),
            ears,
        }
    }
}

impl Bell {
    /// Wakes one of those who wait, if there are any. Costs no system call if there are none.
    pub(super) fn ring(&self) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(ringer) = &*self.ringer.lock().unwrap_or_else(PoisonError::into_inner) {
            // Full: somebody is being woken already, and rings again if there is more.
            ringer.try_send(()).ok();
        }
    }

    /// Wakes all, now and for ever.
    pub(crate) fn close(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.ringer.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn rung(&self) -> RecvFut<'_, ()> {
        self.ears.recv_async()
    }

    /// Counts as waiting until the guard is dropped.
    pub(super) fn enter(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(self)
    }
}

pub(super) struct Waiting<'a>(&'a Bell);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
