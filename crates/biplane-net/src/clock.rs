//! The one place that reads the clock or sleeps. Everything else is told the time.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

/// The time now, as every session of this process is told it.
#[cfg(not(all(test, biplane_loom)))]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// In a model time stands still: the same order of steps must be the same run.
#[cfg(all(test, biplane_loom))]
#[must_use]
pub fn now() -> Instant {
    static NOW: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *NOW.get_or_init(Instant::now)
}

/// The wall clock, since 1970. It may be set at any time: for comparing with the kernel's stamps.
pub(crate) fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Gives the kernel a moment: for back-off after it said that it is out of something.
pub(crate) fn pause(length: Duration) {
    thread::sleep(length);
}

/// The same on the control thread, where others go on meanwhile.
pub(crate) async fn rest(length: Duration) {
    tokio::time::sleep(length).await;
}

/// What the threads of this process have used of the processors so far, where the system tells.
pub(crate) fn processor_time() -> Option<Duration> {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let used = clock_gettime(ClockId::ProcessCPUTime);
        Duration::try_from(used).ok()
    }
    #[cfg(not(unix))]
    None
}
