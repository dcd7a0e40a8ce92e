//! The threads of the data plane, and how they wait.
//!
//! Receivers are elastic: light load costs one thread, and heavy load has them all. How they share
//! the socket is `post`'s affair.

mod caller;
mod linger;
mod post;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use crate::{
    Fault, Threading, clock,
    crank::{Crank, Inline},
    hub::{Hub, Sizes},
    limits,
    os::{self, Poller},
    receiver::{Pass, Receiver},
    sender::Sender,
    socket::{DatagramSocket, UdpDatagrams},
    work::Job,
};

use self::{
    caller::Caller,
    linger::Linger,
    post::{Post, Watched, WatchedSocket},
};

/// Receivers and senders of one endpoint.
#[derive(Debug)]
pub(crate) struct Crew {
    hub: Arc<Hub>,
    post: Arc<Post<WatchedSocket>>,
    threads: Vec<JoinHandle<()>>,
    /// Senders that sleep on their list.
    senders: usize,
    inline: Option<Arc<Inline>>,
    caller: Option<Caller>,
}

impl Crew {
    /// Starts its threads on `socket`.
    pub(crate) fn start(
        hub: &Arc<Hub>,
        socket: &Arc<UdpDatagrams>,
        sizes: Sizes,
    ) -> io::Result<Self> {
        let poller = Arc::new(Poller::new(socket.socket())?);
        let is_dedicated = sizes.threading == Threading::Dedicated;
        let alarm = if is_dedicated { hub.announcer().alarm() } else { hub.work().alarm() };
        alarm.set(Arc::clone(&poller), Arc::clone(socket));
        let sleeper = (!is_dedicated).then(|| Arc::clone(hub));
        let watched = WatchedSocket::new(Arc::clone(socket), poller, sleeper);
        let mut crew = Self {
            hub: Arc::clone(hub),
            post: Arc::new(Post::new(watched)),
            threads: Vec::new(),
            senders: if is_dedicated { sizes.senders } else { 0 },
            inline: None,
            caller: None,
        };
        let started = match sizes.threading {
            Threading::Dedicated => {
                crew.caller = Some(Caller::of(&crew, socket, sizes.receivers));
                crew.start_receivers(socket, sizes.receivers)
                    .and_then(|()| crew.start_senders(socket))
            }
            Threading::Shared => crew.start_both(socket, sizes.receivers),
            Threading::Inline => {
                let crank = crew.crank(socket, 0);
                crew.inline = Some(Arc::new(Inline::new(Arc::clone(hub), crank)));
                Ok(())
            }
        };
        match started {
            Ok(()) => Ok(crew),
            Err(error) => {
                crew.stop();
                Err(error)
            }
        }
    }

    /// What the application turns, where it does.
    pub(crate) const fn inline(&self) -> Option<&Arc<Inline>> {
        self.inline.as_ref()
    }

    /// What a caller may receive with, beside the receivers.
    pub(crate) const fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    fn receiver(&self, socket: &Arc<UdpDatagrams>, index: usize) -> Receiver {
        let socket = Arc::clone(socket) as Arc<dyn DatagramSocket>;
        Receiver::new(index, socket, Arc::clone(&self.hub), UdpDatagrams::BATCH)
    }

    fn crank(&self, socket: &Arc<UdpDatagrams>, index: usize) -> Crank {
        let shared = Arc::clone(socket) as Arc<dyn DatagramSocket>;
        let sender = Sender::new(shared, Arc::clone(&self.hub), index);
        Crank::new(self.receiver(socket, index), sender)
    }

    fn start_both(&mut self, socket: &Arc<UdpDatagrams>, count: usize) -> io::Result<()> {
        for index in 0..count {
            let mut crank = self.crank(socket, index);
            let (hub, post) = (Arc::clone(&self.hub), Arc::clone(&self.post));
            self.spawn(format!("biplane-work-{index}"), move || {
                receive(|now| crank.duty_cycle(now), &hub, &post, index);
                contained(&hub, || crank.finish(clock::now()));
            })?;
        }
        Ok(())
    }

    fn start_receivers(&mut self, socket: &Arc<UdpDatagrams>, count: usize) -> io::Result<()> {
        for index in 0..count {
            let (hub, post) = (Arc::clone(&self.hub), Arc::clone(&self.post));
            let mut receiver = self.receiver(socket, index);
            // No longer than the system tells names apart by.
            let name = format!("biplane-recv-{index}");
            self.spawn(name, move || {
                receive(|now| receiver.duty_cycle(now), &hub, &post, index);
            })?;
        }
        Ok(())
    }

    fn start_senders(&mut self, socket: &Arc<UdpDatagrams>) -> io::Result<()> {
        for index in 0..self.senders {
            let hub = Arc::clone(&self.hub);
            let socket = Arc::clone(socket) as Arc<dyn DatagramSocket>;
            let sender = Sender::new(socket, Arc::clone(&hub), index);
            self.spawn(format!("biplane-send-{index}"), move || send(sender, &hub, index))?;
        }
        Ok(())
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(thread::Builder::new().name(name).spawn(run)?);
        Ok(())
    }

    /// Ends the threads and waits for them. Senders do what is in their list first.
    pub(crate) fn stop(&mut self) {
        dismiss(&self.hub, &self.post, self.senders);
        for thread in self.threads.drain(..) {
            join(thread);
        }
        if let Some(inline) = &self.inline {
            contained(&self.hub, || inline.finish());
        }
    }
}

/// Tells the workers to end.
fn dismiss(hub: &Hub, post: &Post<impl Watched>, senders: usize) {
    post.stop();
    for _ in 0..senders {
        hub.work().add(Job::Stop);
    }
}

/// Waits for `thread` to end, unless it is the one that asks: an endpoint may be let go of in a
/// callback.
pub(crate) fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        // What panicked was counted where it did.
        drop(thread.join());
    }
}

/// Runs one pass; a panic ends the pass and not the thread.
pub(crate) fn contained<R>(hub: &Hub, pass: impl FnOnce() -> R) -> Option<R> {
    let result = catch_unwind(AssertUnwindSafe(pass));
    if result.is_err() {
        hub.counters().panicked();
        tracing::error!("a worker's pass panicked");
    }
    result.ok()
}

/// A receiver's life: passes and waits until the post is stopped.
fn receive(
    mut duty_cycle: impl FnMut(Instant) -> io::Result<Pass>,
    hub: &Hub,
    post: &Post<impl Watched>,
    index: usize,
) {
    let (mut in_a_row, mut linger) = (0, Linger::default());
    while !post.is_stopped() {
        let now = clock::now();
        linger.begin(now);
        let is_drained = match contained(hub, || duty_cycle(now)) {
            Some(Ok(pass)) => {
                post.took_batch(now, pass.datagrams);
                linger.took(pass.datagrams);
                in_a_row = if pass.many { in_a_row + 1 } else { 0 };
                if pass.full || in_a_row >= limits::LARGE_BATCHES {
                    in_a_row = 0;
                    post.call_another();
                }
                !(pass.more || pass.many)
            }
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => true,
            Some(Err(error)) if os::is_fatal(&error) => return hub.report(Fault::Socket(error)),
            Some(Err(error)) => {
                tracing::debug!(%error, "a receive failed");
                clock::pause(limits::BACK_OFF);
                false
            }
            None => false,
        };
        if !is_drained {
            continue;
        }
        if linger.looks_again(now) {
            thread::yield_now();
        } else {
            wait(hub, post, index);
        }
    }
}

fn wait(hub: &Hub, post: &Post<impl Watched>, index: usize) {
    post.wait(index);
    hub.counters().receiver(index).inspect(|counters| counters.woke());
}

fn send(mut sender: Sender, hub: &Hub, index: usize) {
    loop {
        let now = clock::now();
        let Some(pass) = contained(hub, || sender.duty_cycle(now)) else { continue };
        if pass.stop {
            return;
        }
        if pass.done == 0 {
            sender.wait();
            hub.counters().sender(Some(index)).woke();
        }
    }
}
