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
//!
//! A caller who waits for the application leads: what comes for it need not be handed on by another
//! thread, whose waking is most of what a message takes. The receivers sleep then. When the caller
//! goes, the one that led before it is on watch, and stands in as above. Where much comes, the place
//! is only for a caller that keeps up: for whom nobody stood in lately, and who found no more than it
//! can take at a time.

mod callers;

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

use self::callers::Callers;

/// Where the receivers of one endpoint wait: for `W`, or for each other.
#[derive(Debug)]
pub(super) struct Post<W> {
    watched: W,
    /// Batches that anybody took.
    batches: AtomicU64,
    /// Datagrams in them.
    datagrams: AtomicU64,
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// A receiver waits on the socket.
    watched: bool,
    /// The receiver that did so last.
    last: usize,
    callers: Callers,
    /// This receiver is to take its place at once.
    summoned: Option<usize>,
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

impl State {
    /// The receiver `me` waits on the socket.
    fn take_place(&mut self, me: usize) {
        (self.watched, self.last) = (true, me);
        self.summoned = self.summoned.filter(|other| *other != me);
        if self.watch == Watch::Wanted(Some(me)) {
            self.watch = Watch::Nobody;
        }
    }

    /// Whether some who sleep are free to look after the socket, and nobody does.
    fn lacks_watch(&self) -> bool {
        self.watch == Watch::Nobody && self.asleep > self.calls
    }
}

/// Whether one of the sleepers looks now and then.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Watch {
    #[default]
    Nobody,
    /// One was woken for it and has not looked yet: this one, or any.
    Wanted(Option<usize>),
    Kept,
}

/// A caller's place on the socket, until it is dropped.
#[derive(Debug)]
pub(super) struct Lead<'a, W: Watched>(&'a Post<W>);

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
            datagrams: AtomicU64::new(0),
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

    /// A batch of so many datagrams was taken. If many batches come, a sleeper goes on watch.
    pub(super) fn took_batch(&self, now: Instant, datagrams: u64) {
        self.datagrams.fetch_add(datagrams, Ordering::Relaxed);
        let taken = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
        // Seldom enough that the lock costs nothing.
        if !taken.is_multiple_of(limits::WATCH_BATCHES) {
            return;
        }
        let mut state = lock(&self.state);
        let since = state.counted_since.replace(now);
        let many = |since| now.saturating_duration_since(since) <= limits::WATCH_SPAN;
        if state.lacks_watch() && since.is_some_and(many) {
            let leads = state.callers.lead().then_some(state.last);
            self.want_watch(&mut state, leads);
        }
    }

    /// One who sleeps goes on watch: this one, whose place it is, or any.
    fn want_watch(&self, state: &mut State, who: Option<usize>) {
        state.watch = Watch::Wanted(who);
        // Any of them might be woken, and it may be one's alone to look.
        self.called.notify_all();
    }

    fn datagrams(&self) -> u64 {
        self.datagrams.load(Ordering::Relaxed)
    }

    /// A caller, of which there is one at a time, leads from now on; `None` where so much comes that
    /// receivers had better do.
    pub(super) fn lead(&self, now: Instant) -> Option<Lead<'_, W>> {
        let mut state = lock(&self.state);
        let may = !state.stopped && state.callers.take_place(now, self.datagrams());
        may.then(|| Lead(self))
    }

    /// The receiver `me` waits on the socket, or, if another does, to be called. At any time somebody
    /// waits on the socket or is awake and will look whether somebody does.
    pub(super) fn wait(&self, me: usize) {
        let mut state = lock(&self.state);
        if state.watched || state.callers.lead() {
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
        state.take_place(me);
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
            if state.summoned == Some(me) {
                state.summoned = None;
                break;
            }
            if watch.is_some_and(|seen| self.is_deserted(&state, seen)) {
                state.callers.stood_in(clock::now());
                // Who led last takes its own place again, from a caller.
                state.stand_in = (!is_back && state.last != me).then_some(me);
                break;
            }
            watch = self.keep_watch(&mut state, watch, me);
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
        let is_attended = state.watched || state.callers.lead();
        !is_attended && self.batches.load(Ordering::Relaxed) == seen.batches
    }

    /// What a sleeper has seen by now, if it is to be on watch.
    fn keep_watch(&self, state: &mut State, seen: Option<Seen>, me: usize) -> Option<Seen> {
        let is_meant = |who: Option<usize>| who.is_none_or(|who| who == me);
        if seen.is_none() && !matches!(state.watch, Watch::Wanted(who) if is_meant(who)) {
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

impl<W: Watched> Lead<'_, W> {
    /// A batch of so many datagrams was taken, after which the caller is behind or not. Whether it may
    /// go on, and has not called a receiver in its place because more comes than one thread should
    /// take beside its own work.
    pub(super) fn took_batch(&self, now: Instant, datagrams: u64, is_behind: bool) -> bool {
        let Self(post) = self;
        post.took_batch(now, datagrams);
        let mut state = lock(&post.state);
        if is_behind {
            state.callers.fall_behind(now);
        }
        let goes_on = !state.stopped && state.callers.keep_place(now, post.datagrams());
        if !goes_on {
            state.summoned = Some(state.last);
            post.called.notify_all();
        }
        goes_on
    }
}

impl<W: Watched> Drop for Lead<'_, W> {
    /// The caller has something else to do: a receiver looks whether it comes back.
    fn drop(&mut self) {
        let Self(post) = self;
        let mut state = lock(&post.state);
        state.callers.leave();
        if !state.watched && state.summoned.is_none() && state.lacks_watch() {
            let last = state.last;
            post.want_watch(&mut state, Some(last));
        }
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
mod tests;
