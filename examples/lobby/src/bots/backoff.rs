//! How long a bot waits before it tries to join again: longer each time, and not all bots at once.

use std::time::Duration;

/// The first wait, about: long enough that the bots of a server that is back do not all knock in
/// the same moment.
const FIRST: Duration = Duration::from_millis(50);
/// Waits double up to this, about: who waits for a server to come back finds it soon.
const LONGEST: Duration = Duration::from_millis(1_600);
/// The longest wait that a server may ask for.
const ASKED_MAX: Duration = Duration::from_secs(8);

/// The waits of one bot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It failed: how long to wait now. `chance`, from 0 to 1, spreads the bots over half to one
    /// and a half times the wait; `asked` is what the server asked for at least.
    pub(super) fn next(&mut self, chance: f32, asked: Option<Duration>) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait.mul_f32(0.5 + chance.clamp(0.0, 1.0)).max(asked.unwrap_or_default().min(ASKED_MAX))
    }

    /// It worked: the next failure is a first one.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_start_over() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..8).map(|_| backoff.next(0.5, None).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 1600, 1600]);
        backoff.reset();
        assert_eq!(backoff.next(0.0, None), FIRST / 2);
        assert_eq!(backoff.next(0.0, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(backoff.next(0.0, Some(Duration::from_secs(600))), ASKED_MAX);
    }
}
