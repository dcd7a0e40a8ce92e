//! The one place that reads the clock or sleeps. Everything else is told the time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The time now.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Gives the kernel a moment: for back-off after it said that it is out of something.
pub(crate) fn pause(length: Duration) {
    thread::sleep(length);
}

/// The same on the control thread, where others go on meanwhile.
pub(crate) async fn rest(length: Duration) {
    tokio::time::sleep(length).await;
}
