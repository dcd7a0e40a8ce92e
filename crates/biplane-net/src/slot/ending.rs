//! Who waits for the end of a session.

use crate::{locks::lock, sync::Mutex};

/// Whether a session is over, and who wants to know.
#[derive(Default)]
pub(crate) struct Ending {
    /// `None` once it is over.
    waiting: Mutex<Waiting>,
}

struct Waiting(Option<Vec<Box<dyn FnOnce() + Send>>>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Some(Vec::new()))
    }
}

impl Ending {
    /// Runs `then` when it is over; at once if it is.
    pub(crate) fn wait(&self, then: Box<dyn FnOnce() + Send>) {
        if let Some(waiting) = &mut lock(&self.waiting).0 {
            return waiting.push(then);
        }
        then();
    }

    /// It is over.
    pub(crate) fn come(&self) {
        let waiting = lock(&self.waiting).0.take();
        for then in waiting.into_iter().flatten() {
            then();
        }
    }
}

impl core::fmt::Debug for Ending {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let waiting = lock(&self.waiting).0.as_ref().map(Vec::len);
        f.debug_struct("Ending").field("waiting", &waiting).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn all_are_told_once_before_and_after() {
        let (ending, told) = (Ending::default(), Arc::new(AtomicUsize::new(0)));
        let tell = || {
            let told = Arc::clone(&told);
            Box::new(move || {
                told.fetch_add(1, Ordering::SeqCst);
            })
        };
        ending.wait(tell());
        ending.wait(tell());
        assert_eq!(told.load(Ordering::SeqCst), 0);
        ending.come();
        ending.come();
        assert_eq!(told.load(Ordering::SeqCst), 2);
        ending.wait(tell());
        assert_eq!(told.load(Ordering::SeqCst), 3);
    }
}
