//! What an application is told next, and by which session.
//!
//! Events stay in their sessions until an application asks; here stand the sessions that have some, in
//! turn, so that a session with much to tell does not silence the others. Any number of threads
//! and tasks may ask at a time, and each gets something else.

mod bell;
mod turn;

use core::{future::Future, pin::pin, task::Poll, time::Duration};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::bell::Bell;
use self::turn::Turn;
use biplane_wire::limits;

use crate::{
    Event, Session,
    engine::{Engine, Signal, Signals, now},
    protocol::Tables,
    waiting::block_on,
};

pub(crate) struct Inbox {
    signals: Arc<dyn Signals>,
    tables: Tables,
    turn: Mutex<Turn>,
    bell: Arc<Bell>,
}

impl Inbox {
    pub(crate) fn new(signals: Arc<dyn Signals>, tables: Tables) -> Self {
        Self { signals, tables, turn: Mutex::default(), bell: Arc::default() }
    }

    /// The inbox of a client, whose one session is known: it ends with that.
    pub(crate) fn of(session: &Session, signals: Arc<dyn Signals>, tables: Tables) -> Self {
        Self { turn: Mutex::new(Turn::of(session)), ..Self::new(signals, tables) }
    }

    /// Ends the waiting, once there is nothing left to tell.
    pub(crate) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    /// The next event; `None` when none will ever come. `flush` runs before it waits.
    pub(crate) async fn next(&self, flush: impl Fn()) -> Option<Event> {
        self.forget_departed();
        loop {
            // In this order: what came before the end is still told.
            let over = self.bell.is_over();
            if let Some(event) = self.take() {
                return Some(event);
            }
            if over {
                return None;
            }
            flush();
            self.listen().await;
        }
    }

    /// Every event that is there now, but `Readable`.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        self.forget_departed();
        core::iter::from_fn(|| self.take())
            .filter(|event| !matches!(event, Event::Readable(_)))
            .take(limits::EVENTS_AT_ONCE)
    }

    /// Blocks until there is an event; false when there is none after `timeout`, or none will come.
    /// Meanwhile it may do the work of `engine`, if what that tells comes here at once.
    pub(crate) fn wait(
        &self,
        timeout: Duration,
        engine: Option<&dyn Engine>,
        flush: impl Fn(),
    ) -> bool {
        let found = self.wait_for_event(timeout, engine, flush);
        if found {
            // It was only looked at, and another that waits may be the one who takes it.
            self.ring();
        }
        found
    }

    fn wait_for_event(
        &self,
        timeout: Duration,
        engine: Option<&dyn Engine>,
        flush: impl Fn(),
    ) -> bool {
        if self.has_event() {
            return true;
        }
        flush();
        let is_done = || self.has_event() || self.bell.is_over();
        let begun_at = now();
        if engine.is_some_and(|engine| engine.turn_until(timeout, &is_done).is_some()) {
            return self.has_event();
        }
        // Others may have come to do that work meanwhile.
        let timeout = timeout.saturating_sub(now().saturating_duration_since(begun_at));
        let found = async {
            while !self.has_event() {
                if self.bell.is_over() {
                    return false;
                }
                self.listen().await;
            }
            true
        };
        block_on(found, Some(timeout)).unwrap_or(false)
    }

    /// The sessions that joined and did not leave, as far as the application was told.
    pub(crate) fn sessions(&self) -> Arc<[Session]> {
        self.lock().sessions()
    }

    /// The sessions that left, as far as the application was told since it asked before.
    pub(crate) fn departed(&self) -> Vec<Session> {
        self.lock().departed()
    }

    fn forget_departed(&self) {
        // Dropped without the lock: an application's own data may go with a session.
        let forgotten = self.lock().forget_departed();
        drop(forgotten);
    }

    fn take(&self) -> Option<Event> {
        let mut turn = self.lock();
        let event = loop {
            self.fill(&mut turn);
            if turn.is_empty() {
                break None;
            }
            // Of those who stand there none may have anything left to tell.
            if let Some(event) = turn.next() {
                break Some(event);
            }
        };
        let (more, spent) = (!turn.is_empty(), turn.is_spent());
        drop(turn);
        if spent {
            self.close();
        }
        if more {
            self.ring();
        }
        event
    }

    fn has_event(&self) -> bool {
        let mut turn = self.lock();
        self.fill(&mut turn);
        !turn.is_empty()
    }

    /// Takes in one announcement, so that newcomers get their turn, and more while there is nothing
    /// to tell.
    fn fill(&self, turn: &mut Turn) {
        while let Some(signal) = self.signals.try_signal() {
            turn.admit(signal, &self.tables);
            if !turn.is_empty() {
                break;
            }
        }
    }

    /// Ends when there may be something to tell.
    async fn listen(&self) {
        let _waiting = self.bell.enter();
        let mut signal = self.signals.signal();
        let mut rung = pin!(self.bell.rung());
        core::future::poll_fn(|context| {
            if let Poll::Ready(signal) = signal.as_mut().poll(context) {
                self.heard(signal);
                return Poll::Ready(());
            }
            if rung.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            // Another thread may have taken in more than it told before this one stood here.
            if self.has_event() || self.bell.is_over() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn heard(&self, signal: Option<Signal>) {
        match signal {
            Some(signal) => self.lock().admit(signal, &self.tables),
            None => self.close(),
        }
    }

    /// Wakes one of those who wait, if there are any.
    fn ring(&self) {
        self.bell.ring();
        self.signals.nudge();
    }

    /// Wakes all who wait, now and for ever.
    fn close(&self) {
        self.bell.close();
        self.signals.nudge();
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
