//! A future driven on the thread that needs its value, for a while or for as long as it takes.

use core::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::Wake,
    time::Instant,
};

use crate::engine::now;

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Blocks until `future` is done, or `None` when it is not after `timeout`.
pub(crate) fn block_on<F: Future>(future: F, timeout: Option<Duration>) -> Option<F::Output> {
    let mut future = pin!(future);
    let parked = Arc::new(Parked::default());
    let waker = Waker::from(Arc::clone(&parked));
    let mut context = Context::from_waker(&waker);
    // None too for a time that no clock reaches.
    let deadline = timeout.and_then(|timeout| now().checked_add(timeout));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let woken = parked.park(deadline);
        if !woken || deadline.is_some_and(|deadline| now() >= deadline) {
            return match future.as_mut().poll(&mut context) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            };
        }
    }
}

/// The value of whichever future has one first.
pub(crate) enum Either<A, B> {
    One(A),
    Other(B),
}

/// Waits for two futures; the other is dropped.
pub(crate) async fn either<A: Future, B: Future>(one: A, other: B) -> Either<A::Output, B::Output> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    core::future::poll_fn(|context| {
        if let Poll::Ready(value) = one.as_mut().poll(context) {
            return Poll::Ready(Either::One(value));
        }
        other.as_mut().poll(context).map(Either::Other)
    })
    .await
}

/// Where a thread sleeps until its future is woken.
#[derive(Default)]
struct Parked {
    woken: Mutex<bool>,
    bell: Condvar,
}

impl Parked {
    /// Whether it was woken before the time was over.
    fn park(&self, deadline: Option<Instant>) -> bool {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let asleep = |woken: &mut bool| !*woken;
        let mut woken = match deadline {
            Some(deadline) => {
                let timeout = deadline.saturating_duration_since(now());
                let slept = self.bell.wait_timeout_while(woken, timeout, asleep);
                slept.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.bell.wait_while(woken, asleep).unwrap_or_else(PoisonError::into_inner),
        };
        core::mem::take(&mut *woken)
    }
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_there_comes_at_once() {
        assert_eq!(block_on(async { 5 }, Some(Duration::ZERO)), Some(5));
    }

    #[test]
    fn what_never_comes_is_given_up() {
        assert_eq!(block_on(core::future::pending::<()>(), Some(Duration::from_millis(1))), None);
    }

    #[test]
    fn being_woken_for_nothing_takes_no_time_off_or_on() {
        let timeout = Duration::from_millis(50);
        let begun = now();
        let restless = core::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(block_on(restless, Some(timeout)), None);
        let took = now().saturating_duration_since(begun);
        assert!(took >= timeout && took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn what_another_thread_brings_is_waited_for() {
        let (sender, receiver) = flume::bounded(1);
        let bringer = thread::spawn(move || sender.send(7));
        assert_eq!(block_on(receiver.recv_async(), None), Some(Ok(7)));
        bringer.join().unwrap().unwrap();
    }
}
