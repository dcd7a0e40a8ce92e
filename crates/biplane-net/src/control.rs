//! The control plane: TCP and TLS, on one thread of its own, `biplane-control`.
//!
//! A tokio runtime of one thread runs there: the listener, a task for every connection, and the
//! application's admission. Nothing of it runs on a runtime of the caller's.

mod attached;
mod attacher;
mod attaching;
mod backlog;
mod block;
mod connection;
mod crowd;
mod dialer;
mod door;
mod greeting;
mod house;
mod listener;
mod metered;
mod presence;
mod resumer;
mod returning;
mod terms;
mod tls;
mod turns;

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};
use std::{
    io,
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::{runtime, sync::Notify, time::timeout};

use crate::{
    BindError, DialConfig, ListenConfig, clock,
    crank::{self, Inline},
    crew,
    hub::Hub,
    limits,
};

use house::House;
use presence::Presence;

/// The control thread, from outside.
#[derive(Debug)]
pub(crate) struct Control {
    handle: runtime::Handle,
    stop: Arc<Notify>,
    /// Connections that still have something to say.
    presence: Presence,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("biplane-resolve")
            // Names are looked up there, and what is transferred is read; nothing else blocks.
            .max_blocking_threads(limits::RESOLVERS + limits::TRANSFER_READERS)
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, presence) = (Arc::new(Notify::new()), Presence::default());
        let until = (Arc::clone(&stop), presence.clone());
        let run = move || {
            runtime.block_on(run_until(until));
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("biplane-control".to_owned()).spawn(run)?;
        Ok(Self { handle, stop, presence, thread: Some(thread) })
    }

    /// Accepts connections on `tcp`.
    pub(crate) fn listen(
        &self,
        hub: &Arc<Hub>,
        tcp: TcpListener,
        config: ListenConfig,
    ) -> Result<(), BindError> {
        let house = House::new(hub, config, self.presence.clone())?;
        let listener = {
            let _context = self.handle.enter();
            tokio::net::TcpListener::from_std(tcp).map_err(BindError::Workers)?
        };
        drop(self.handle.spawn(listener::listen(listener, Arc::new(house))));
        Ok(())
    }

    /// Begins a session with the server `dial` names, and tells `done`.
    pub(crate) fn connect(&self, hub: &Arc<Hub>, dial: DialConfig, done: dialer::Done) {
        let (hub, presence) = (Arc::clone(hub), self.presence.clone());
        let pending = dialer::Pending::new(done);
        drop(self.handle.spawn(dialer::connect(hub, dial, pending, presence)));
    }

    /// Stands in for the application that does not turn the crank.
    pub(crate) fn keep(&self, inline: &Arc<Inline>) {
        drop(self.handle.spawn(crank::keep(Arc::downgrade(inline))));
    }

    /// Does not wait for the last session for ever.
    pub(crate) fn end_closing_later(&self, hub: &Arc<Hub>) {
        let hub = Arc::downgrade(hub);
        drop(self.handle.spawn(async move {
            clock::rest(limits::CLOSE_DEADLINE).await;
            if let Some(hub) = hub.upgrade() {
                hub.end_closing();
            }
        }));
    }

    /// Ends the thread, and with it every connection, after a moment for last words.
    pub(crate) fn stop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            crew::join(thread);
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn run_until((stop, presence): (Arc<Notify>, Presence)) {
    stop.notified().await;
    // A peer that does not read would hold us up.
    drop(timeout(limits::FAREWELL, presence.nobody()).await);
}

/// Runs `future` as a task of its own; it ends if it panics, which is counted.
fn spawn(hub: &Arc<Hub>, future: impl Future<Output = ()> + Send + 'static) {
    // In a box it is held once: an async block holds what it was given and what it made of that.
    let (hub, mut future) = (Arc::clone(hub), Box::pin(future));
    drop(tokio::spawn(poll_fn(move |context| contain(&hub, || future.as_mut().poll(context)))));
}

/// Runs `future`; `None` if it panics, which is counted.
async fn contained<T>(hub: &Hub, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| contain(hub, || future.as_mut().poll(context))).await
}

fn contain<T>(hub: &Hub, poll: impl FnOnce() -> Poll<T>) -> Poll<Option<T>> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(poll) => poll.map(Some),
        Err(_) => {
            hub.counters().panicked();
            // The application's own, most of the time: its admission, or who waits for a dial.
            tracing::warn!("a task of the control thread panicked");
            Poll::Ready(None)
        }
    }
}
