//! The one place that reads the clock. Everything else is told the time.

use std::time::Instant;

/// The time now.
pub(crate) fn now() -> Instant {
    Instant::now()
}
