//! What an endpoint has for its application, and who waits for it.

use core::pin::pin;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::{
    Fault,
    alarm::Alarm,
    slot::Slot,
    sync::{Receiver, Sender, TrySendError, bounded},
};

/// Where the application takes from: sessions that are new, or have events or messages to take (see
/// [`Slot::clear_ready`]), and what broke for the endpoint as a whole. Each goes to one taker.
#[derive(Clone, Debug)]
pub struct Announcements {
    pub(crate) ready: Receiver<Arc<Slot>>,
    faults: Receiver<Fault>,
    bell: Arc<Notify>,
    alarm: Arc<Alarm>,
}

/// The endpoint's end.
#[derive(Debug)]
pub(crate) struct Announcer {
    ready: Sender<Arc<Slot>>,
    faults: Sender<Fault>,
    /// For who sleeps on the socket while it waits.
    alarm: Arc<Alarm>,
    /// Last, so that who it wakes when all this is dropped finds the lists ended.
    bell: Ringer,
}

/// Wakes who waits. It is rung with no lock of a list held: who wakes goes there at once.
#[derive(Debug, Default)]
struct Ringer(Arc<Notify>);

/// Lists with room for so many; `alarm` wakes who sleeps on the socket while it waits for what is
/// put in.
pub(crate) fn lists(ready: usize, faults: usize, alarm: Arc<Alarm>) -> (Announcer, Announcements) {
    let (ready, taken) = bounded(ready);
    let (faults, found) = bounded(faults);
    let bell = Ringer::default();
    let announcements = Announcements {
        ready: taken,
        faults: found,
        bell: Arc::clone(&bell.0),
        alarm: Arc::clone(&alarm),
    };
    (Announcer { ready, faults, alarm, bell }, announcements)
}

impl Announcements {
    /// One that is there now.
    #[must_use]
    pub fn try_next(&self) -> Option<Result<Arc<Slot>, Fault>> {
        if let Ok(slot) = self.ready.try_recv() {
            return Some(Ok(slot));
        }
        self.faults.try_recv().ok().map(Err)
    }

    /// One as soon as it is there; `None` once the endpoint is gone. Cancel-safe.
    pub async fn next(&self) -> Option<Result<Arc<Slot>, Fault>> {
        loop {
            let mut rung = pin!(self.bell.notified());
            // What comes from here on rings for this taker.
            rung.as_mut().enable();
            if let Some(announcement) = self.try_next() {
                return Some(announcement);
            }
            if self.ready.is_disconnected() {
                return None;
            }
            rung.await;
        }
    }

    /// Wakes who waits in [`crate::Endpoint::turn_until`], to look again.
    pub fn nudge(&self) {
        self.alarm.ring();
    }
}

impl Announcer {
    /// How many sessions wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// Puts in a session; gives it back if there is no room. After the endpoint's end nobody takes.
    pub(crate) fn ready(&self, slot: Arc<Slot>) -> Result<(), Arc<Slot>> {
        if let Err(TrySendError::Full(slot)) = self.ready.try_send(slot) {
            return Err(slot);
        }
        self.ring();
        Ok(())
    }

    /// Puts in what broke, if there is room.
    pub(crate) fn fault(&self, fault: Fault) {
        drop(self.faults.try_send(fault));
        self.ring();
    }

    pub(crate) const fn alarm(&self) -> &Arc<Alarm> {
        &self.alarm
    }

    fn ring(&self) {
        self.bell.0.notify_one();
        self.alarm.ring();
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

#[cfg(test)]
#[cfg(not(biplane_loom))]
mod tests {
    use core::{
        future::Future,
        pin::Pin,
        sync::atomic::{AtomicBool, Ordering},
        task::{Context, Poll, Waker},
    };
    use std::task::Wake;

    use super::*;
    use crate::wheel::Epoch;

    type Next = Option<Result<Arc<Slot>, Fault>>;

    /// One who waits for the next announcement, and whether it was called.
    struct Taker<'a> {
        next: Pin<Box<dyn Future<Output = Next> + 'a>>,
        called: Arc<Called>,
    }

    #[derive(Default)]
    struct Called(AtomicBool);

    impl Wake for Called {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    impl<'a> Taker<'a> {
        /// One that has looked and found nothing.
        fn waiting(announcements: &'a Announcements) -> Self {
            let mut taker = Self { next: Box::pin(announcements.next()), called: Arc::default() };
            assert!(taker.look().is_pending());
            taker
        }

        fn look(&mut self) -> Poll<Next> {
            let waker = Waker::from(Arc::clone(&self.called));
            self.next.as_mut().poll(&mut Context::from_waker(&waker))
        }

        fn is_called(&self) -> bool {
            self.called.0.load(Ordering::SeqCst)
        }
    }

    fn slot() -> Arc<Slot> {
        Slot::bare(Epoch(crate::clock::now()))
    }

    #[test]
    fn each_calls_one_taker_and_the_end_calls_all() {
        let (announcer, announcements) = lists(4, 1, Arc::default());
        let mut takers: Vec<_> = (0..4).map(|_| Taker::waiting(&announcements)).collect();
        announcer.ready(slot()).unwrap();
        announcer.fault(Fault::Socket(std::io::Error::other("gone")));
        assert_eq!(takers.iter().filter(|taker| taker.is_called()).count(), 2);
        drop(announcer);
        assert!(takers.iter().all(Taker::is_called));
        let mut got = takers.iter_mut().map(|taker| match taker.look() {
            Poll::Ready(next) => next.map(|what| what.is_ok()),
            Poll::Pending => panic!("it was called for nothing"),
        });
        assert!(got.by_ref().take(2).eq([Some(true), Some(false)]));
        assert!(got.eq([None, None]));
    }

    #[test]
    fn a_taker_that_gives_up_leaves_its_call_to_another() {
        let (announcer, announcements) = lists(4, 1, Arc::default());
        let hasty = Taker::waiting(&announcements);
        let mut patient = Taker::waiting(&announcements);
        announcer.ready(slot()).unwrap();
        assert!(hasty.is_called() && !patient.is_called());
        drop(hasty);
        assert!(patient.is_called());
        assert!(matches!(patient.look(), Poll::Ready(Some(Ok(_)))));
    }

    #[test]
    fn a_full_list_gives_back_what_it_does_not_take() {
        let (announcer, _announcements) = lists(1, 1, Arc::default());
        announcer.ready(slot()).unwrap();
        assert!(announcer.ready(slot()).is_err());
    }
}
