//! Who still has something to say when the endpoint closes.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use tokio::sync::Notify;

/// Counts connections whose writer has not finished.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence(Arc<State>);

#[derive(Debug, Default)]
struct State {
    present: AtomicUsize,
    left: Notify,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Present(Presence);

impl Presence {
    pub(crate) fn enter(&self) -> Present {
        self.0.present.fetch_add(1, Ordering::SeqCst);
        Present(self.clone())
    }

    /// Waits until nobody is there.
    pub(crate) async fn nobody(&self) {
        while self.0.present.load(Ordering::SeqCst) > 0 {
            // A permit is kept for one who is not waiting yet, and nobody else waits.
            self.0.left.notified().await;
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let state = &self.0.0;
        if state.present.fetch_sub(1, Ordering::SeqCst) == 1 {
            state.left.notify_one();
        }
    }
}
