//! What will be there later: awaited, asked for, or waited for.

use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use flume::r#async::RecvFut;

/// A value that is on its way.
///
/// One type for three ways to program: `.await` it on any executor, [`Pending::try_take`] it once a
/// frame, or [`Pending::wait`] for it on a thread of one's own. It needs none of them to make
/// progress. Awaiting is cancel-safe by `(&mut pending).await`. Dropping it gives the value up.
/// There is one value: asked again after it was taken, `try_take` has none and `.await` never ends.
#[must_use = "dropping it gives the value up"]
pub struct Pending<T>(Box<dyn Source<T> + Send + Sync>);

impl<T: 'static> Pending<T> {
    /// Becomes what `finish` makes of what comes through `receiver`; of `None` if nothing ever will.
    /// `finish` runs where the value is taken.
    pub(crate) fn new<R: Send + 'static>(
        receiver: flume::Receiver<R>,
        finish: impl FnOnce(Option<R>) -> T + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(Awaited { receiver, waiting: None, finish: Some(finish) }))
    }

    /// Is there already, or as soon as `make` has made it.
    pub(crate) fn at_once(make: impl FnOnce() -> T + Send + Sync + 'static) -> Self {
        let (_, never) = flume::bounded::<()>(0);
        Self::new(never, |_| make())
    }

    /// Takes the value if it is there; never blocks.
    #[must_use]
    pub fn try_take(&mut self) -> Option<T> {
        self.0.try_take()
    }

    /// Blocks this thread until the value is there.
    ///
    /// # Panics
    ///
    /// If it was taken already.
    #[expect(clippy::must_use_candidate, reason = "`server.close(text).wait()` has nothing to use")]
    pub fn wait(self) -> T {
        self.0.wait()
    }
}

impl<T> Future for Pending<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.poll(context)
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

/// Where a value comes from, whatever it is made of on the way.
trait Source<T> {
    fn try_take(&mut self) -> Option<T>;
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<T>;
    fn wait(self: Box<Self>) -> T;
}

struct Awaited<R: 'static, F> {
    receiver: flume::Receiver<R>,
    /// The same receiver as a future, made when it is first polled.
    waiting: Option<RecvFut<'static, R>>,
    /// `None` once the value was taken.
    finish: Option<F>,
}

impl<R, F> Awaited<R, F> {
    fn finish<T>(&mut self, raw: Option<R>) -> Option<T>
    where
        F: FnOnce(Option<R>) -> T,
    {
        self.waiting = None;
        self.finish.take().map(|finish| finish(raw))
    }
}

// The closure and the futures inside are moved freely; nothing refers into them.
impl<R, F> Unpin for Awaited<R, F> {}

impl<T, R: Send, F: FnOnce(Option<R>) -> T> Source<T> for Awaited<R, F> {
    fn try_take(&mut self) -> Option<T> {
        match self.receiver.try_recv() {
            Ok(raw) => self.finish(Some(raw)),
            Err(flume::TryRecvError::Empty) => None,
            Err(flume::TryRecvError::Disconnected) => self.finish(None),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<T> {
        if self.finish.is_none() {
            return Poll::Pending;
        }
        let receiver = &self.receiver;
        let waiting = self.waiting.get_or_insert_with(|| receiver.clone().into_recv_async());
        match Pin::new(waiting).poll(context) {
            Poll::Ready(raw) => self.finish(raw.ok()).map_or(Poll::Pending, Poll::Ready),
            Poll::Pending => Poll::Pending,
        }
    }

    #[expect(clippy::expect_used, reason = "a documented panic: the value was taken before")]
    fn wait(mut self: Box<Self>) -> T {
        // A task that polled it is woken no more: what it waited by would take the wake-up.
        self.waiting = None;
        let raw = if self.finish.is_some() { self.receiver.recv().ok() } else { None };
        self.finish(raw).expect("the value was taken already")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::{Wake, Waker},
        thread,
    };

    use super::*;

    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    fn doubled(receiver: flume::Receiver<u32>) -> Pending<Option<u32>> {
        Pending::new(receiver, |raw| raw.map(|raw| raw * 2))
    }

    #[test]
    fn who_polled_it_first_takes_no_wake_up_from_who_waits() {
        let (sender, receiver) = flume::unbounded();
        let mut pending = doubled(receiver);
        let waker = Waker::from(Arc::new(Flag(AtomicBool::new(false))));
        let polled = Pin::new(&mut pending).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let waiting = thread::spawn(move || pending.wait());
        // Time for it to come so far; too little, and nothing is shown.
        thread::sleep(core::time::Duration::from_millis(50));
        sender.send(1).unwrap();
        let begun = std::time::Instant::now();
        while !waiting.is_finished() {
            assert!(begun.elapsed() < core::time::Duration::from_secs(9), "it sleeps on");
            thread::yield_now();
        }
        assert_eq!(waiting.join().unwrap(), Some(2));
    }

    #[test]
    fn is_asked_for_without_blocking() {
        let (sender, receiver) = flume::bounded(1);
        let mut pending = doubled(receiver);
        assert_eq!(pending.try_take(), None);
        sender.send(21).unwrap();
        assert_eq!(pending.try_take(), Some(Some(42)));
        assert_eq!(pending.try_take(), None, "taken once");
    }

    #[test]
    fn is_waited_for_on_a_thread() {
        let (sender, receiver) = flume::bounded(1);
        let waiting = thread::spawn(|| doubled(receiver).wait());
        sender.send(1).unwrap();
        assert_eq!(waiting.join().unwrap(), Some(2));
    }

    #[test]
    fn is_awaited_and_wakes_its_task() {
        let (sender, receiver) = flume::bounded(1);
        let mut pending = doubled(receiver);
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut pending).poll(&mut context).is_pending());
        sender.send(3).unwrap();
        assert!(flag.0.load(Ordering::SeqCst), "woken");
        assert_eq!(Pin::new(&mut pending).poll(&mut context), Poll::Ready(Some(6)));
        assert!(Pin::new(&mut pending).poll(&mut context).is_pending(), "taken once");
    }

    #[test]
    fn is_not_lost_when_an_await_is_cancelled() {
        let (sender, receiver) = flume::bounded(1);
        let mut pending = doubled(receiver);
        let mut context = Context::from_waker(Waker::noop());
        let mut once = Box::pin(async { (&mut pending).await });
        assert!(once.as_mut().poll(&mut context).is_pending());
        sender.send(4).unwrap();
        drop(once);
        assert_eq!(pollster::block_on(pending), Some(8));
    }

    #[test]
    fn ends_when_the_value_will_never_come() {
        let (sender, receiver) = flume::bounded::<u32>(1);
        drop(sender);
        assert_eq!(doubled(receiver.clone()).try_take(), Some(None));
        assert_eq!(pollster::block_on(doubled(receiver.clone())), None);
        assert_eq!(doubled(receiver).wait(), None);
    }

    #[test]
    fn may_be_there_at_once() {
        assert_eq!(Pending::at_once(|| 5).wait(), 5);
        assert_eq!(Pending::at_once(|| 5).try_take(), Some(5));
    }

    #[test]
    #[should_panic(expected = "taken already")]
    fn waiting_for_what_was_taken_panics() {
        let mut pending = Pending::at_once(|| 5);
        assert_eq!(pending.try_take(), Some(5));
        pending.wait();
    }

    #[test]
    fn dropping_it_gives_the_value_up() {
        let (sender, receiver) = flume::bounded(1);
        drop(doubled(receiver));
        assert!(sender.send(1).is_err());
    }
}
