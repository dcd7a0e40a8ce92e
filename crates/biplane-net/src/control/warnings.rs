//! Says what an operator should know, and not more often than one reads.

use std::time::Instant;

use crate::{limits::WARN_INTERVAL, locks::lock, sync::Mutex};

/// Lets one warning of a kind through in a while, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl Throttle {
    /// How many were suppressed since the last one, if one may be said now.
    pub(crate) fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = lock(&self.0);
        let soon = |last| now.saturating_duration_since(last) < WARN_INTERVAL;
        if state.last.is_some_and(soon) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(core::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_while_with_the_count_of_the_others() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!(throttle.pass(now), Some(0));
        assert_eq!(throttle.pass(now), None);
        assert_eq!(throttle.pass(now + WARN_INTERVAL / 2), None);
        assert_eq!(throttle.pass(now + WARN_INTERVAL), Some(2));
    }
}
