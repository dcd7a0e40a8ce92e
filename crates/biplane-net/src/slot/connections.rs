//! Which control connection is the session's, and who waits for what becomes of it; and what its
//! attached one carries.
//!
//! Each control connection of a session has a number, which is given under the session's lock. Its
//! tasks come to the session with that number, and are nothing to it any more once another
//! connection has taken the place of theirs, or it is lost. They need not be told one by one: all
//! who wait are woken, and look.

use std::sync::OnceLock;

use tokio::sync::{Notify, futures::Notified};

use biplane_proto::Session;

use super::bulk::Bulk;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The control connections of a session.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// How many there have been: the number of the last. Under the session's lock.
    count: AtomicU64,
    /// That number and the session's [`Standing`], as they were when its lock was let go of last.
    state: AtomicU64,
    /// For the writer: there may be something to write.
    output: Notify,
    /// For all others: the state is another.
    changed: Notify,
    /// What an attached connection carries; most sessions never have any.
    bulk: OnceLock<Box<Bulk>>,
}

/// How a session stands with its control connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u64)]
pub(crate) enum Standing {
    /// It has one, or never had any.
    Served,
    /// It has one that takes nothing: another shall be opened beside it.
    Stuck,
    /// It has lost it, and another can take its place.
    Bereft,
    /// It has none, and none will be its own any more.
    Done,
}

impl Standing {
    /// Bits that tell them apart.
    const BITS: u32 = 2;
    const ALL: [Self; 4] = [Self::Served, Self::Stuck, Self::Bereft, Self::Done];

    fn of(session: &Session) -> Self {
        match (session.control_is_lost(), session.is_resumable()) {
            (true, true) => Self::Bereft,
            (true, false) => Self::Done,
            (false, _) if session.is_over() => Self::Done,
            (false, true) if session.wants_replacement() => Self::Stuck,
            (false, _) => Self::Served,
        }
    }

    fn read(state: u64) -> Self {
        let is_it = |standing: &Self| *standing as u64 == state & ((1 << Self::BITS) - 1);
        Self::ALL.into_iter().find(is_it).unwrap_or(Self::Done)
    }
}

impl Connections {
    /// Another one is the session's, whose lock is held; its number.
    pub(super) fn attach(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Says what `session` says now, whose lock is held; whether that is news to those who wait.
    pub(super) fn follow(&self, session: &Session) -> bool {
        let number = self.count.load(Ordering::Relaxed);
        let state = (number << Standing::BITS) | Standing::of(session) as u64;
        // Mostly it is the same, and looking is cheaper than taking.
        self.state.load(Ordering::Relaxed) != state && {
            self.state.store(state, Ordering::Release);
            true
        }
    }

    pub(super) fn bulk(&self) -> &Bulk {
        self.bulk.get_or_init(Box::default)
    }

    /// How the session stands.
    pub(crate) fn standing(&self) -> Standing {
        Standing::read(self.state.load(Ordering::Acquire))
    }

    /// Whether the connection with this number is the session's.
    pub(super) fn is_current(&self, number: u64) -> bool {
        let state = self.state.load(Ordering::Acquire);
        let has_one = matches!(Standing::read(state), Standing::Served | Standing::Stuck);
        has_one && state >> Standing::BITS == number
    }

    /// Resolves once there may be something to write, as of this call: who makes it, looks, and
    /// waits then, misses nothing.
    pub(crate) fn output(&self) -> Notified<'_> {
        self.output.notified()
    }

    /// Resolves once `look`, which is asked anew with every change, finds something.
    async fn once<T>(&self, look: impl Fn() -> Option<T>) -> T {
        loop {
            // Before the look, so that nothing comes between the two unseen.
            let changed = self.changed.notified();
            match look() {
                Some(found) => return found,
                None => changed.await,
            }
        }
    }

    /// Resolves once the session lacks a connection that does; false if none will ever do.
    pub(crate) async fn lacks_one(&self) -> bool {
        self.once(|| match self.standing() {
            Standing::Served => None,
            Standing::Stuck | Standing::Bereft => Some(true),
            Standing::Done => Some(false),
        })
        .await
    }

    /// Resolves once no connection will be the session's any more.
    pub(crate) async fn done(&self) {
        self.once(|| (self.standing() == Standing::Done).then_some(())).await;
    }

    /// Resolves once the connection with this number is not the session's.
    pub(super) async fn left(&self, number: u64) {
        self.once(|| (!self.is_current(number)).then_some(())).await;
    }

    /// There may be something to write.
    pub(super) fn wake_writer(&self) {
        self.output.notify_waiters();
    }

    /// The state is another.
    pub(super) fn wake_all(&self) {
        self.output.notify_waiters();
        self.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standing_is_read_as_it_was_written() {
        for (number, standing) in (0..).zip(Standing::ALL) {
            let state = (number << Standing::BITS) | standing as u64;
            assert_eq!(Standing::read(state), standing);
        }
    }
}
