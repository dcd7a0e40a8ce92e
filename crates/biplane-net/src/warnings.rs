//! Says what an operator should know, and not more often than one reads.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::limits::WARN_INTERVAL;

/// Lets one warning of a kind through in 5 s, and counts the others.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<State>);

#[derive(Debug)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl State {
    const NEW: Self = Self { last: None, suppressed: 0 };
}

impl Default for State {
    fn default() -> Self {
        Self::NEW
    }
}

impl Throttle {
    /// For one kind, of which nothing was said yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(State::NEW))
    }

    /// How many were suppressed since the last one, if one may be said now.
    pub fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
