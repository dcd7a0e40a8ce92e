//! An endpoint's work without a thread for each part of it: a receiver's and a sender's turns, by
//! turns, on whichever thread turns the crank.

use core::time::Duration;
use std::{
    io,
    sync::{Arc, Weak},
    time::Instant,
};

use crate::{
    Fault, clock,
    crew::contained,
    hub::Hub,
    limits,
    locks::try_lock,
    os,
    receiver::{Pass, Receiver},
    sender::Sender,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// One receiver's and one sender's work.
#[derive(Debug)]
pub(crate) struct Crank {
    receiver: Receiver,
    sender: Sender,
    /// The last pass left nothing in the socket, and nobody has slept there since.
    is_drained: bool,
}

impl Crank {
    pub(crate) const fn new(receiver: Receiver, sender: Sender) -> Self {
        Self { receiver, sender, is_drained: false }
    }

    /// A pass of each. What it says is the receiver's: nobody may sleep while jobs wait, see
    /// [`sleep`].
    pub(crate) fn duty_cycle(&mut self, now: Instant) -> io::Result<Pass> {
        self.is_drained = false;
        let pass = self.receiver.duty_cycle(now);
        self.is_drained = match &pass {
            Ok(pass) => !pass.more,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        self.sender.duty_cycle(now);
        pass
    }

    /// Does what is in the senders' list.
    pub(crate) fn finish(&mut self, now: Instant) {
        self.sender.duty_cycle(now);
    }
}

/// Sleeps until there may be something to do for who turns a crank, until `end` or until somebody
/// `is_wanted`; one at a time. Whether the socket may hold something.
pub(crate) fn sleep(hub: &Hub, end: Option<Instant>, is_wanted: impl FnOnce() -> bool) -> bool {
    let work = hub.work();
    let watch = work.before_sleep();
    let end = end.into_iter().chain(work.due(&watch)).min();
    let holds = work.alarm().sleep(end, || work.has_job() || is_wanted());
    work.after_sleep(&watch, false);
    holds
}

/// The crank of an endpoint whose application turns it.
#[derive(Debug)]
pub(crate) struct Inline {
    hub: Arc<Hub>,
    crank: Mutex<Crank>,
    /// When the application did so last, in microseconds of the endpoint; the highest number while it
    /// sleeps there.
    turned: AtomicU64,
    begun: Instant,
}

impl Inline {
    pub(crate) fn new(hub: Arc<Hub>, crank: Crank) -> Self {
        let begun = clock::now();
        Self { hub, crank: Mutex::new(crank), turned: AtomicU64::new(0), begun }
    }

    /// Turns it, unless another thread does or the application did within `apart`.
    pub(crate) fn turn(&self, apart: Duration) {
        let now = clock::now();
        if !apart.is_zero() && self.idle(now) < apart {
            return;
        }
        self.note(now);
        if let Some(mut crank) = try_lock(&self.crank) {
            self.work(&mut crank, now);
        }
    }

    /// Turns it until `is_done`, or for `timeout`; sleeps while there is nothing to do. Whether it
    /// is done; `None` if another thread turns it.
    pub(crate) fn turn_until(&self, timeout: Duration, is_done: &dyn Fn() -> bool) -> Option<bool> {
        let mut crank = try_lock(&self.crank)?;
        let end = clock::now().checked_add(timeout);
        loop {
            let now = clock::now();
            self.note(now);
            // To go to sleep costs less than to find that nothing has come since, and what has
            // come ends it at once.
            let may_sleep = crank.is_drained && !timeout.is_zero() && !self.hub.work().has_job();
            let more = !may_sleep && self.work(&mut crank, now);
            if is_done() {
                return Some(true);
            }
            if end.is_some_and(|end| end <= now) {
                return Some(false);
            }
            if !more {
                // Who sleeps here neglects nothing.
                self.turned.store(u64::MAX, Ordering::Relaxed);
                if sleep(&self.hub, end, is_done) {
                    crank.is_drained = false;
                } else {
                    // A timer has come, or a call: the socket is as it was.
                    contained(&self.hub, || crank.finish(clock::now()));
                }
            }
        }
    }

    /// Does what is left.
    pub(crate) fn finish(&self) {
        if let Some(mut crank) = try_lock(&self.crank) {
            crank.finish(clock::now());
        }
    }

    /// Turns it if the application has not for a while.
    fn turn_neglected(&self) {
        let now = clock::now();
        if self.idle(now) >= limits::INLINE_PATIENCE
            && let Some(mut crank) = try_lock(&self.crank)
        {
            self.work(&mut crank, now);
        }
    }

    /// A few passes; whether there may be more to do.
    fn work(&self, crank: &mut Crank, now: Instant) -> bool {
        for _ in 0..limits::INLINE_PASSES {
            let more = match contained(&self.hub, || crank.duty_cycle(now)) {
                Some(Ok(Pass { more, .. })) => more,
                Some(Err(error)) if os::is_fatal(&error) => {
                    self.hub.report(Fault::Socket(error));
                    return false;
                }
                // There is nothing, or there will be a better moment.
                Some(Err(_)) => false,
                None => true,
            };
            if !more && !self.hub.work().has_job() {
                return false;
            }
        }
        true
    }

    fn note(&self, now: Instant) {
        let turned = now.saturating_duration_since(self.begun).as_micros();
        self.turned.store(u64::try_from(turned).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long the application has not turned it.
    fn idle(&self, now: Instant) -> Duration {
        let turned = Duration::from_micros(self.turned.load(Ordering::Relaxed));
        now.saturating_duration_since(self.begun).saturating_sub(turned)
    }
}

/// Turns the crank while the application does not: acks, keep-alives and timers go on through a load
/// screen. Until the endpoint is gone.
pub(crate) async fn keep(inline: Weak<Inline>) {
    loop {
        clock::rest(limits::INLINE_PATIENCE).await;
        let Some(inline) = inline.upgrade() else { return };
        inline.turn_neglected();
    }
}
