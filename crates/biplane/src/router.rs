//! Brings the announcements of a shared socket to the clients they are for.
//!
//! A thread of its own, so that no client waits for another's task to be polled; in a simulated
//! world whoever looks for its own brings everybody's, and time waits.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{
    Session, SessionId,
    engine::{Peer, Signal, Signals},
    waiting::{BoxFuture, Either, block_on, either},
};

type Done = Box<dyn FnOnce() + Send>;

pub(crate) struct Router {
    routes: Arc<Routes>,
    /// Dropped to stop the thread; nothing is sent.
    stop: Option<flume::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Where there is no thread, what it would take from.
    #[cfg(feature = "sim")]
    by_hand: Option<Arc<dyn Signals>>,
}

#[derive(Default)]
struct Routes {
    feeds: Mutex<BTreeMap<SessionId, flume::Sender<Signal>>>,
}

impl Router {
    pub(crate) fn start(signals: Arc<dyn Signals>) -> io::Result<Arc<Self>> {
        let routes = Arc::<Routes>::default();
        let (stop, stopped) = flume::bounded(0);
        let thread = {
            let routes = Arc::clone(&routes);
            let work = move || routes.run(&*signals, &stopped);
            thread::Builder::new().name("biplane-router".to_owned()).spawn(work)?
        };
        Ok(Arc::new(Self {
            routes,
            stop: Some(stop),
            thread: Some(thread),
            #[cfg(feature = "sim")]
            by_hand: None,
        }))
    }

    /// One without a thread.
    #[cfg(feature = "sim")]
    pub(crate) fn by_hand(signals: Arc<dyn Signals>) -> Arc<Self> {
        Arc::new(Self { routes: Arc::default(), stop: None, thread: None, by_hand: Some(signals) })
    }

    #[cfg(feature = "sim")]
    fn bring_by_hand(&self) -> Option<&Arc<dyn Signals>> {
        let signals = self.by_hand.as_ref()?;
        while let Some(signal) = signals.try_signal() {
            self.routes.bring(signal);
        }
        Some(signals)
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It ends by itself, and what it might have panicked of is no concern of a drop.
            thread.join().ok();
        }
    }
}

impl Routes {
    fn run(&self, signals: &dyn Signals, stopped: &flume::Receiver<()>) {
        while let Some(Either::One(Some(signal))) =
            block_on(either(signals.signal(), stopped.recv_async()), None)
        {
            self.bring(signal);
            while let Some(signal) = signals.try_signal() {
                self.bring(signal);
            }
        }
    }

    fn bring(&self, signal: Signal) {
        let feeds = lock(&self.feeds);
        match &signal {
            Signal::Session(peer) => {
                // One without a route is not a client yet, or no more.
                if let Some(feed) = feeds.get(&peer.id()) {
                    feed.send(signal).ok();
                }
            }
            Signal::Fault(_) => {
                for feed in feeds.values() {
                    feed.send(signal.clone()).ok();
                }
            }
        }
    }
}

/// The way of one session's announcements to its client; closed when dropped.
pub(crate) struct Route {
    id: SessionId,
    feed: Arc<Feed>,
    router: Arc<Router>,
}

impl Route {
    pub(crate) fn open(router: Arc<Router>, peer: Arc<dyn Peer>) -> Self {
        let (sender, receiver) = flume::unbounded();
        let id = peer.id();
        lock(&router.routes.feeds).insert(id, sender.clone());
        // What was announced before had no route: this stands for all of it.
        sender.send(Signal::Session(peer)).ok();
        Self { id, feed: Arc::new(Feed(receiver)), router }
    }

    pub(crate) fn signals(&self) -> Arc<dyn Signals> {
        #[cfg(feature = "sim")]
        if self.router.by_hand.is_some() {
            let (feed, router) = (Arc::clone(&self.feed), Arc::clone(&self.router));
            return Arc::new(HandFeed { feed, router });
        }
        Arc::<Feed>::clone(&self.feed)
    }

    /// Closes its session; `done` runs when that is over.
    pub(crate) fn close(&self, session: &Session, text: &str, done: Done) {
        session.close(text);
        session.on_over(done);
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        lock(&self.router.routes.feeds).remove(&self.id);
    }
}

/// Unbounded, and short all the same: a session is announced again only when its client looked.
struct Feed(flume::Receiver<Signal>);

impl Signals for Feed {
    fn try_signal(&self) -> Option<Signal> {
        self.0.try_recv().ok()
    }

    fn signal(&self) -> BoxFuture<'_, Option<Signal>> {
        Box::pin(async { self.0.recv_async().await.ok() })
    }
}

/// The announcements of a session whose router has no thread.
#[cfg(feature = "sim")]
struct HandFeed {
    feed: Arc<Feed>,
    router: Arc<Router>,
}

#[cfg(feature = "sim")]
impl Signals for HandFeed {
    fn try_signal(&self) -> Option<Signal> {
        self.router.bring_by_hand();
        self.feed.try_signal()
    }

    fn signal(&self) -> BoxFuture<'_, Option<Signal>> {
        Box::pin(async {
            loop {
                let signals = self.router.bring_by_hand()?;
                if let Some(signal) = self.feed.try_signal() {
                    return Some(signal);
                }
                let signal = signals.signal().await?;
                self.router.routes.bring(signal);
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
