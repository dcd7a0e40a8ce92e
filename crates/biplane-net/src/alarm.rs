//! Wakes whoever sleeps on an endpoint's socket while it is the only one to do its work.

use core::time::Duration;
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use crate::{
    clock,
    os::Poller,
    socket::UdpDatagrams,
    sync::atomic::{AtomicUsize, Ordering, fence},
};

/// Rung when there is something to do. Nobody hears it where work has threads of its own, and then
/// it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    bed: OnceLock<(Arc<Poller>, Arc<UdpDatagrams>)>,
    sleepers: AtomicUsize,
}

impl Alarm {
    /// From now on somebody may sleep.
    pub(crate) fn set(&self, poller: Arc<Poller>, socket: Arc<UdpDatagrams>) {
        let is_first = self.bed.set((poller, socket)).is_ok();
        debug_assert!(is_first, "an endpoint has one socket");
    }

    /// Wakes who sleeps, after what there is to do was added.
    pub(crate) fn ring(&self) {
        let Some((poller, _)) = self.bed.get() else { return };
        // Who falls asleep counts first and looks then; here what is found comes first.
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            poller.ring();
        }
    }

    /// Sleeps until the socket holds something, until it is rung or until `end`; not at all if there
    /// is something to do. Whether the socket may hold something.
    pub(crate) fn sleep(&self, end: Option<Instant>, is_wanted: impl FnOnce() -> bool) -> bool {
        let Some((poller, socket)) = self.bed.get() else { return true };
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let holds = is_wanted() || {
            let most = |end: Instant| end.saturating_duration_since(clock::now());
            poller.wait_within(socket.socket(), end.map_or(Duration::MAX, most))
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        holds
    }
}
