//! Receivers that share a socket: nothing is left there, a call wakes another, all end.

use std::io;

use super::*;
use crate::{
    crew::{dismiss, receive, send},
    hub::Hub,
    outbox::models::Wire,
    receiver::Pass,
    sender::Sender,
    slot::{Slot, hub},
    socket::DatagramSocket,
    sync::explore::{JoinHandle, Task, orders_with, spawn, together, yield_now},
    work::Job,
};

/// A socket that counts.
#[derive(Default)]
struct Source {
    state: Mutex<Datagrams>,
    changed: Condvar,
}

#[derive(Default)]
struct Datagrams {
    waiting: usize,
    taken: usize,
    stopped: bool,
}

impl Watched for Arc<Source> {
    fn wait(&self) {
        let mut state = lock(&self.state);
        while state.waiting == 0 && !state.stopped {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }
}

impl Source {
    fn put(&self, count: usize) {
        lock(&self.state).waiting += count;
        self.changed.notify_all();
    }

    /// A batch of one.
    fn take(&self) -> io::Result<Pass> {
        let mut state = lock(&self.state);
        if state.waiting == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.waiting -= 1;
        state.taken += 1;
        self.changed.notify_all();
        Ok(Pass { more: true, full: true, many: true, datagrams: 1, bytes: 1 })
    }

    fn until_taken(&self, count: usize) {
        let mut state = lock(&self.state);
        while state.taken < count {
            state = self.changed.wait(state).unwrap();
        }
    }
}

/// An endpoint's receivers.
struct Receivers {
    hub: Arc<Hub>,
    source: Arc<Source>,
    post: Arc<Post<Arc<Source>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Receivers {
    fn new(senders: usize) -> Self {
        let source = Arc::<Source>::default();
        let post = Arc::new(Post::new(Arc::clone(&source)));
        Self { hub: hub(senders).0, source, post, threads: Vec::new() }
    }

    /// Starts one whose passes are these.
    fn start(&mut self, mut pass: impl FnMut(&Source) -> io::Result<Pass> + Send + 'static) {
        let (hub, post) = (Arc::clone(&self.hub), Arc::clone(&self.post));
        let (source, index) = (Arc::clone(&self.source), self.threads.len());
        self.threads.push(spawn(move || receive(|_| pass(&source), &hub, &post, index)));
    }

    fn join(self) {
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn two_receivers_leave_nothing_on_the_socket_and_end_when_they_are_told() {
    orders_with(3, || {
        let mut receivers = Receivers::new(0);
        receivers.start(Source::take);
        receivers.start(Source::take);
        receivers.source.put(1);
        receivers.source.put(1);
        receivers.source.until_taken(2);
        dismiss(&receivers.hub, &receivers.post, 0);
        receivers.join();
    });
}

/// The second receiver stands in for the first, which comes back.
fn standing_in(pass: fn(&Post<Arc<Source>>, &Source) -> io::Result<Pass>) {
    orders_with(3, move || {
        let mut receivers = Receivers::new(0);
        lock(&receivers.post.state).stand_in = Some(1);
        for _ in 0..2 {
            let post = Arc::clone(&receivers.post);
            receivers.start(move |source| pass(&post, source));
        }
        receivers.source.put(1);
        receivers.source.put(1);
        receivers.source.until_taken(2);
        dismiss(&receivers.hub, &receivers.post, 0);
        receivers.join();
    });
}

/// A batch that is not full, so that who takes it waits then.
fn last_of(source: &Source) -> io::Result<Pass> {
    source.take().map(|_| Pass { more: false, full: false, many: false, datagrams: 1, bytes: 1 })
}

#[test]
fn a_leader_that_comes_back_leaves_nothing_on_the_socket() {
    standing_in(|_, source| last_of(source));
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_a_place_that_is_given_back_to_one_who_sleeps_on() {
    standing_in(|post, source| {
        let taken = last_of(source);
        let mut state = lock(&post.state);
        if state.leader == Leader::Back {
            // It is marked as called, and hears nothing.
            state.leader = Leader::Called;
            state.stand_in = None;
            state.watched = true;
        }
        drop(state);
        taken
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_a_stop_that_wakes_no_sleeper() {
    orders_with(3, || {
        let mut receivers = Receivers::new(0);
        receivers.start(Source::take);
        receivers.start(Source::take);
        lock(&receivers.post.state).stopped = true;
        receivers.post.watched.stop();
        receivers.join();
    });
}

/// Two receivers on a socket that holds two datagrams. The one that takes first is held up until
/// the other has taken something; `pass` is what a batch looks like to them.
fn held_up(pass: fn(io::Result<Pass>) -> io::Result<Pass>) {
    orders_with(3, move || {
        let mut receivers = Receivers::new(0);
        for _ in 0..2 {
            let mut held = false;
            receivers.start(move |source| {
                if held {
                    source.until_taken(2);
                }
                let taken = source.take();
                held = taken.is_ok();
                pass(taken)
            });
        }
        receivers.source.put(2);
        receivers.source.until_taken(2);
        dismiss(&receivers.hub, &receivers.post, 0);
        receivers.join();
    });
}

#[test]
fn a_full_batch_brings_another_receiver() {
    held_up(|pass| pass);
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_a_receiver_that_stays_away_and_called_nobody() {
    held_up(|pass| {
        pass.map(|_| Pass { more: false, full: false, many: false, datagrams: 1, bytes: 1 })
    });
}

/// Two receivers wait and take a batch each, after `batches` before. Who takes first stays away
/// while time passes, until the other has taken something.
fn stays_away(batches: u64) {
    orders_with(3, move || {
        let source = Arc::<Source>::default();
        source.put(2);
        let mut post = Post::new(Arc::clone(&source));
        post.batches = AtomicU64::new(batches);
        lock(&post.state).counted_since = Some(clock::now());
        let post = Arc::new(post);
        let receiver = |me: usize| -> Task {
            let (source, post) = (Arc::clone(&source), Arc::clone(&post));
            Box::new(move || {
                post.wait(me);
                source.take().unwrap();
                post.took_batch(clock::now(), 1);
                while lock(&source.state).taken < 2 {
                    // Time passes: who is on watch looks.
                    post.called.notify_all();
                    yield_now();
                }
            })
        };
        let (one, other) = (receiver(0), receiver(1));
        together([one, other]);
    });
}

#[test]
fn under_traffic_a_receiver_that_stays_away_is_replaced() {
    stays_away(limits::WATCH_BATCHES - 1);
}

#[test]
#[should_panic(expected = "maximum number of branches")]
fn canary_a_receiver_that_stays_away_while_nobody_is_on_watch() {
    stays_away(0);
}

/// Two datagrams come for a caller and a receiver; the caller takes in what it finds, and `goes`, with
/// how many that were and more on the socket or not.
fn called_on(goes: fn(Lead<'_, Arc<Source>>, u64)) {
    orders_with(3, move || {
        let source = Arc::<Source>::default();
        let post = Arc::new(Post::new(Arc::clone(&source)));
        source.put(1);
        let receiver: Task = {
            let (source, post) = (Arc::clone(&source), Arc::clone(&post));
            Box::new(move || {
                while lock(&source.state).taken < 2 {
                    if source.take().is_err() {
                        post.wait(0);
                    }
                }
            })
        };
        let caller: Task = Box::new(move || {
            if let Some(lead) = post.lead(clock::now()) {
                let taken = source.take().map_or(0, |pass| pass.datagrams);
                goes(lead, taken);
            }
            source.put(1);
            while lock(&source.state).taken < 2 {
                // Time passes: who is on watch looks.
                post.called.notify_all();
                yield_now();
            }
            post.stop();
        });
        together([receiver, caller]);
    });
}

#[test]
fn what_comes_when_a_caller_has_gone_is_taken_in() {
    called_on(|lead, taken| assert!(lead.took_batch(clock::now(), taken, false)));
}

#[test]
fn what_comes_when_a_caller_is_behind_is_taken_in() {
    called_on(|lead, taken| {
        let much = taken * (limits::CALLER_DATAGRAMS + 1);
        assert_eq!(lead.took_batch(clock::now(), much, true), much == 0);
    });
}

#[test]
#[should_panic(expected = "maximum number of branches")]
fn canary_a_caller_that_goes_and_tells_nobody() {
    called_on(|lead, _| {
        lock(&lead.0.state).callers.leave();
        core::mem::forget(lead);
    });
}

/// An endpoint with a receiver and a sender ends as `end` says while somebody asks for a session to
/// be served; another was to be served before.
fn shutdown(end: fn(&Receivers)) {
    orders_with(3, move || {
        let mut receivers = Receivers::new(1);
        let wire = Arc::new(Wire::default());
        let slot = Slot::modelled(1, &receivers.hub);
        slot.queue_message();
        slot.with(|now, session| session.flush(now));
        receivers.start(Source::take);
        let hub = Arc::clone(&receivers.hub);
        let socket = Arc::clone(&wire) as Arc<dyn DatagramSocket>;
        receivers
            .threads
            .push(spawn(move || send(Sender::new(socket, Arc::clone(&hub), 0), &hub, 0)));
        let (hub, late) = (Arc::clone(&receivers.hub), Slot::modelled(2, &receivers.hub));
        let asks = spawn(move || hub.serve_later(late));
        end(&receivers);
        receivers.join();
        asks.join().unwrap();
        assert!(!wire.numbers().is_empty(), "what was in the list was not done");
        assert!(!slot.has_unsent(), "what was in the list was not done");
    });
}

#[test]
fn at_the_end_what_is_in_the_list_is_done_and_every_worker_ends() {
    shutdown(|crew| dismiss(&crew.hub, &crew.post, 1));
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_a_sender_that_is_not_told() {
    shutdown(|crew| crew.post.stop());
}

#[test]
#[should_panic(expected = "was not done")]
fn canary_jobs_that_are_thrown_away() {
    shutdown(|crew| {
        while crew.hub.work().take().is_some() {}
        crew.hub.work().add(Job::Stop);
        crew.post.stop();
    });
}
