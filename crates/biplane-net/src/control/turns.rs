//! Whose handshake is computed next.
//!
//! The control thread computes one handshake at a time, and a thousand of them in a row would hold
//! up every control connection. So each takes one of few permits, computes, and keeps the permit
//! until everybody else had a turn.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tokio::sync::Semaphore;

/// Permits to compute.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

impl Turns {
    /// As many handshakes are computed before everybody else has a turn.
    pub(super) fn new(permits: usize) -> Self {
        Self(Semaphore::new(permits.max(1)))
    }

    /// Runs `handshake`, whose first step is what costs: the rest waits for the peer.
    pub(super) async fn take<F: Future>(&self, handshake: F) -> F::Output {
        let mut handshake = pin!(handshake);
        // Nobody closes it.
        let permit = self.0.acquire().await;
        let first = poll_fn(|context| Poll::Ready(handshake.as_mut().poll(context))).await;
        tokio::task::yield_now().await;
        drop(permit);
        match first {
            Poll::Ready(output) => output,
            Poll::Pending => handshake.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use std::rc::Rc;

    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;

    async fn compute(computed: Rc<Cell<usize>>, turns: Rc<Turns>) {
        turns.take(async { computed.set(computed.get() + 1) }).await;
    }

    /// The most that were computed between two turns of another task.
    async fn most_in_a_row(handshakes: usize, turns: Rc<Turns>) -> usize {
        let computed = Rc::new(Cell::new(0));
        for _ in 0..handshakes {
            drop(spawn_local(compute(Rc::clone(&computed), Rc::clone(&turns))));
        }
        let mut most = 0;
        while computed.get() < handshakes {
            let before = computed.get();
            yield_now().await;
            most = most.max(computed.get() - before);
        }
        most
    }

    #[test]
    fn so_many_are_computed_between_two_turns_of_the_others() {
        const EACH: usize = 64;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let turns = Rc::new(Turns::new(EACH));
        let most = LocalSet::new().block_on(&runtime, most_in_a_row(1_000, turns));
        assert!((1..=2 * EACH).contains(&most), "{most} in a row");
    }
}
