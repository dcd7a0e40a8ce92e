//! Where receivers wait, and how they share one socket.
//!
//! One of them leads: it waits on the socket. When its batch came back full, or its batches stay
//! large, it calls another, which takes in what it finds and then waits in the first one's place or
//! goes back to sleep.
//!
//! A leader that is preempted between two batches would leave the socket to nobody. So under steady
//! traffic one of the sleepers is on watch: every 5 ms it looks whether anybody waits on the socket
//! or has taken a batch since, and stands in for the leader if not, until that is back: a thread the
//! system held up does not lose its place for good. Without traffic all sleep.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use crate::{
    clock, crank,
    hub::Hub,
    limits,
    locks::lock,
    os::Poller,
    socket::UdpDatagrams,
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// Where the receivers of one endpoint wait: for `W`, or for each other.
#[derive(Debug)]
pub(super) struct Post<W> {
    watched: W,
    /// Batches that anybody took.
    batches: AtomicU64,
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Somebody waits on the socket.
    watched: bool,
    asleep: usize,
    /// Sleepers that were called and have not woken yet.
    calls: usize,
    watch: Watch,
    /// Who took the leader's place while that stayed away.
    stand_in: Option<usize>,
    leader: Leader,
    /// When the batch came from which [`limits::WATCH_BATCHES`] are counted.
    counted_since: Option<Instant>,
    stopped: bool,
}

/// Whether one of the sleepers looks now and then.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Watch {
    #[default]
    Nobody,
    /// One was woken for it and has not looked yet.
    Wanted,
    Kept,
}

/// Where the leader is while another stands in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Leader {
    #[default]
    Away,
    /// Asleep, until there is something to take.
    Back,
    /// It was told to take its place and has not woken yet.
    Called,
}

/// What the one on watch saw when it looked last.
#[derive(Clone, Copy)]
struct Seen {
    batches: u64,
    traffic_at: Instant,
}

/// What the one who leads waits on.
pub(super) trait Watched {
    /// Waits until there may be something to take, or for no reason.
    fn wait(&self);

    /// Ends every wait, now and later.
    fn stop(&self);
}

/// The socket, watched.
#[derive(Debug)]
pub(super) struct WatchedSocket {
    socket: Arc<UdpDatagrams>,
    poller: Arc<Poller>,
    /// Of those who see to jobs and timers too.
    hub: Option<Arc<Hub>>,
}

impl WatchedSocket {
    pub(super) const fn new(
        socket: Arc<UdpDatagrams>,
        poller: Arc<Poller>,
        hub: Option<Arc<Hub>>,
    ) -> Self {
        Self { socket, poller, hub }
    }
}

impl Watched for WatchedSocket {
    fn wait(&self) {
        match &self.hub {
            Some(hub) => drop(crank::sleep(hub, None, || false)),
            None => self.poller.wait(self.socket.socket()),
        }
    }

    fn stop(&self) {
        self.poller.stop();
    }
}

impl<W: Watched> Post<W> {
    pub(super) fn new(watched: W) -> Self {
        Self {
            watched,
            batches: AtomicU64::new(0),
            state: Mutex::default(),
            called: Condvar::new(),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.state).stopped
    }

    /// Ends every wait, now and later.
    pub(super) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.called.notify_all();
        self.watched.stop();
    }

    /// There is more than one receiver takes at a time.
    pub(super) fn call_another(&self) {
        let mut state = lock(&self.state);
        if state.asleep > state.calls {
            state.calls += 1;
            self.called.notify_one();
        }
    }

    /// A batch was taken. If many come, a sleeper goes on watch.
    pub(super) fn took_batch(&self, now: Instant) {
        let taken = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
        // Seldom enough that the lock costs nothing.
        if !taken.is_multiple_of(limits::WATCH_BATCHES) {
            return;
        }
        let mut state = lock(&self.state);
        let since = state.counted_since.replace(now);
        let many = |since| now.saturating_duration_since(since) <= limits::WATCH_SPAN;
        let idle = state.watch == Watch::Nobody && state.asleep > state.calls;
        if idle && since.is_some_and(many) {
            state.watch = Watch::Wanted;
            self.called.notify_one();
        }
    }

    /// The receiver `me` waits on the socket, or, if another does, to be called. At any time somebody
    /// waits on the socket or is awake and will look whether somebody does.
    pub(super) fn wait(&self, me: usize) {
        let mut state = lock(&self.state);
        if state.watched {
            let leads = state.stand_in.is_some_and(|other| other != me);
            let is_back = leads && state.leader == Leader::Away;
            return self.sleep(state, me, is_back);
        }
        if state.leader == Leader::Back {
            self.give_back(&mut state);
            return self.sleep(state, me, false);
        }
        // Who comes back first need not ask for its place.
        state.stand_in = state.stand_in.filter(|other| *other == me);
        state.watched = true;
        drop(state);
        self.watched.wait();
        lock(&self.state).watched = false;
    }

    /// The leader takes its place again.
    fn give_back(&self, state: &mut State) {
        state.leader = Leader::Called;
        state.stand_in = None;
        self.called.notify_all();
    }

    /// Until it is called; or as the leader, who `is_back`, until its place is free.
    fn sleep(&self, mut state: MutexGuard<'_, State>, me: usize, is_back: bool) {
        state.asleep += 1;
        if is_back {
            state.leader = Leader::Back;
        }
        let mut watch = None;
        while state.calls == 0 && !state.stopped {
            if is_back && state.leader == Leader::Called {
                break;
            }
            if watch.is_some_and(|seen| self.is_deserted(&state, seen)) {
                state.stand_in = (!is_back).then_some(me);
                break;
            }
            watch = self.keep_watch(&mut state, watch);
            state = self.doze(state, watch.is_some());
        }
        if is_back {
            state.leader = Leader::Away;
        }
        if watch.is_some() {
            state.watch = Watch::Nobody;
        }
        state.calls = state.calls.saturating_sub(1);
        state.asleep -= 1;
    }

    /// Nobody waits on the socket, and nobody took anything since the last look.
    fn is_deserted(&self, state: &State, seen: Seen) -> bool {
        !state.watched && self.batches.load(Ordering::Relaxed) == seen.batches
    }

    /// What a sleeper has seen by now, if it is to be on watch.
    fn keep_watch(&self, state: &mut State, seen: Option<Seen>) -> Option<Seen> {
        if seen.is_none() && state.watch != Watch::Wanted {
            return None;
        }
        let batches = self.batches.load(Ordering::Relaxed);
        let now = clock::now();
        let seen = match seen {
            Some(seen) if seen.batches == batches => seen,
            Some(_) | None => Seen { batches, traffic_at: now },
        };
        let quiet = now.saturating_duration_since(seen.traffic_at) > limits::WATCH_SPAN;
        state.watch = if quiet { Watch::Nobody } else { Watch::Kept };
        (!quiet).then_some(seen)
    }

    fn doze<'a>(&self, state: MutexGuard<'a, State>, on_watch: bool) -> MutexGuard<'a, State> {
        if on_watch {
            let dozed = self.called.wait_timeout(state, limits::WATCH_INTERVAL);
            dozed.unwrap_or_else(PoisonError::into_inner).0
        } else {
            self.called.wait(state).unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
mod tests;
