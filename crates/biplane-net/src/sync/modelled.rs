//! Loom's locks and atomics, and a list as flume's is to those who use it.
//!
//! Loom knows no time. A list has a time of its own instead, which moves when a model says so
//! ([`Receiver::reach`]); a wait with a deadline ends when it has come. A timed wait on a `Condvar`
//! ends when somebody notifies, which a model does in the clock's place.

use std::{collections::VecDeque, sync::Arc, time::Instant};

pub(crate) use loom::sync::{
    Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic,
};

use crate::locks::lock;

/// The end of a list at which things are put in.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<List<T>>);

/// The end at which they are taken.
#[expect(unnameable_types, reason = "an endpoint's interface names it, as it names flume's")]
#[derive(Debug)]
pub struct Receiver<T>(Arc<List<T>>);

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Why something was not put in.
#[derive(Debug)]
pub(crate) enum TrySendError<T> {
    /// There is no room.
    Full(T),
    /// Nobody takes any more; does not happen here, as in an endpoint that lives.
    #[expect(dead_code, reason = "whoever tells them apart must see both")]
    Disconnected(T),
}

/// There was nothing, or not in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Nothing;

#[derive(Debug)]
struct List<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    room: usize,
    reached: Option<Instant>,
}

/// A list with so much room.
pub(crate) fn bounded<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { items: VecDeque::new(), room, reached: None };
    let list = Arc::new(List { state: Mutex::new(state), changed: Condvar::new() });
    (Sender(Arc::clone(&list)), Receiver(list))
}

impl<T> Sender<T> {
    pub(crate) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let mut state = lock(&self.0.state);
        if state.items.len() >= state.room {
            return Err(TrySendError::Full(item));
        }
        state.items.push_back(item);
        self.0.changed.notify_one();
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.0.state).items.len()
    }
}

impl<T> Receiver<T> {
    pub(crate) fn len(&self) -> usize {
        lock(&self.0.state).items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who puts in lives as long as who takes.
    pub(crate) const fn is_disconnected(&self) -> bool {
        false
    }

    pub(crate) fn try_recv(&self) -> Result<T, Nothing> {
        lock(&self.0.state).items.pop_front().ok_or(Nothing)
    }

    pub(crate) fn recv(&self) -> Result<T, Nothing> {
        self.wait(None)
    }

    pub(crate) fn recv_deadline(&self, deadline: Instant) -> Result<T, Nothing> {
        self.wait(Some(deadline))
    }

    fn wait(&self, deadline: Option<Instant>) -> Result<T, Nothing> {
        let mut state = lock(&self.0.state);
        loop {
            if let Some(item) = state.items.pop_front() {
                return Ok(item);
            }
            if deadline.is_some_and(|deadline| state.reached >= Some(deadline)) {
                return Err(Nothing);
            }
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// It is `now`; ends the waits that were for no longer.
    pub(crate) fn reach(&self, now: Instant) {
        lock(&self.0.state).reached = Some(now);
        self.0.changed.notify_all();
    }
}
