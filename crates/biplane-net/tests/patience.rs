//! How long tests wait for what is to come.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Everything here happens in milliseconds; a machine that is busy may take longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until there is something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        thread::yield_now();
    }
}

/// Asks until it is so.
pub(crate) fn until(what: &str, mut look: impl FnMut() -> bool) {
    eventually(what, || look().then_some(()));
}
