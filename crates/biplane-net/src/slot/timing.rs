//! When a session wants to be looked at, and where it stands in the wheel.

use crate::{
    sync::atomic::{AtomicU64, Ordering},
    wheel::Tick,
};

const NEVER: Tick = Tick::MAX;

/// A session stands in the wheel once: where `standing` says. What it wants may be later; then the
/// firing looks at `wanted` and puts it in anew, and nobody had to take a lock to move it.
#[derive(Debug)]
pub(crate) struct Timing {
    wanted: AtomicU64,
    standing: AtomicU64,
    /// The first tick after the one in which its timers acted last.
    earliest: AtomicU64,
}

impl Default for Timing {
    fn default() -> Self {
        let [wanted, standing] = [NEVER, NEVER].map(AtomicU64::new);
        Self { wanted, standing, earliest: AtomicU64::new(0) }
    }
}

impl Timing {
    /// Notes what the session wants; under its lock, so that the last word counts. A deadline that
    /// does not move when its timer acts would spin: so its timers act once a tick.
    pub(crate) fn want(&self, tick: Option<Tick>) {
        let wanted = tick.map_or(NEVER, |tick| tick.max(self.earliest.load(Ordering::SeqCst)));
        self.wanted.store(wanted, Ordering::SeqCst);
    }

    /// Its timers act now; before they do.
    pub(crate) fn act(&self, now: Tick) {
        self.earliest.store(now + 1, Ordering::SeqCst);
    }

    /// What it wants, if anything.
    pub(crate) fn wanted(&self) -> Option<Tick> {
        Some(self.wanted.load(Ordering::SeqCst)).filter(|tick| *tick != NEVER)
    }

    /// Whether the session must be put into the wheel for `tick`: it stands nowhere, or later.
    pub(crate) fn stand(&self, tick: Tick) -> bool {
        self.standing.fetch_min(tick, Ordering::SeqCst) > tick
    }

    /// Whether the entry for `tick` is the one that counts; it has fired now.
    pub(crate) fn fire(&self, tick: Tick) -> bool {
        self.standing.compare_exchange(tick, NEVER, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdue_is_wanted_at_once_but_once_a_tick() {
        let timing = Timing::default();
        timing.want(Some(40));
        assert_eq!(timing.wanted(), Some(40), "however late it is");
        timing.act(50);
        timing.want(Some(40));
        assert_eq!(timing.wanted(), Some(51));
        timing.want(Some(60));
        assert_eq!(timing.wanted(), Some(60));
    }

    #[test]
    fn a_later_tick_does_not_move_it_and_an_earlier_one_does() {
        let timing = Timing::default();
        assert!(timing.stand(50));
        assert!(!timing.stand(60));
        assert!(timing.stand(40));
        assert!(!timing.fire(50), "stale");
        assert!(timing.fire(40));
        assert!(!timing.fire(40), "fires once");
        assert!(timing.stand(60));
    }
}
