//! Whether a receiver that has nothing more to take looks once more before it sleeps.
//!
//! Where much comes, more comes soon, and to sleep and be woken costs the receiver, and who wakes
//! it, more than a look. It gives way before that, for what it took is handled by a thread that may
//! wait for this processor. Where others compute on every processor, though, who gives way is away
//! for milliseconds, and who sleeps is woken at once: who was away for long sleeps as ever, for a
//! while.

use std::time::Instant;

use crate::limits;

#[derive(Debug, Default)]
pub(super) struct Linger {
    /// Before it sleeps.
    looks: u32,
    /// The pass after which it gave way.
    gave_way: Option<Instant>,
    crowded_at: Option<Instant>,
}

impl Linger {
    /// A pass begins.
    pub(super) fn begin(&mut self, now: Instant) {
        let gave_way = self.gave_way.take();
        if gave_way.is_some_and(|at| now.saturating_duration_since(at) > limits::LINGER_AWAY) {
            self.crowded_at = Some(now);
        }
    }

    /// The pass took so many datagrams.
    pub(super) const fn took(&mut self, datagrams: u64) {
        if datagrams >= limits::LINGER_DATAGRAMS {
            self.looks = limits::LINGER_LOOKS;
        }
    }

    /// Whether it gives way and looks again, after the pass that began at `now` left nothing.
    pub(super) fn looks_again(&mut self, now: Instant) -> bool {
        let rests = |at| now.saturating_duration_since(at) < limits::LINGER_REST;
        if self.looks == 0 || self.crowded_at.is_some_and(rests) {
            return false;
        }
        self.looks -= 1;
        self.gave_way = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// How often it looks in vain before it sleeps, if each time it is away for so long.
    fn looks(linger: &mut Linger, now: &mut Instant, away: Duration) -> u32 {
        let mut looks = 0;
        while linger.looks_again(*now) {
            *now += away;
            linger.begin(*now);
            looks += 1;
        }
        looks
    }

    #[test]
    fn who_took_much_looks_again_a_few_times_and_who_took_little_does_not() {
        let (mut linger, mut now, soon) = (Linger::default(), Instant::now(), limits::LINGER_AWAY);
        linger.took(limits::LINGER_DATAGRAMS - 1);
        assert_eq!(looks(&mut linger, &mut now, soon), 0);
        linger.took(limits::LINGER_DATAGRAMS);
        assert_eq!(looks(&mut linger, &mut now, soon), limits::LINGER_LOOKS);
        assert_eq!(looks(&mut linger, &mut now, soon), 0);
    }

    #[test]
    fn who_was_away_for_long_sleeps_as_ever_for_a_while() {
        let (mut linger, mut now) = (Linger::default(), Instant::now());
        linger.took(limits::LINGER_DATAGRAMS);
        assert_eq!(looks(&mut linger, &mut now, 2 * limits::LINGER_AWAY), 1);
        now += limits::LINGER_REST / 2;
        linger.took(limits::LINGER_DATAGRAMS);
        assert_eq!(looks(&mut linger, &mut now, Duration::ZERO), 0);
        now += limits::LINGER_REST / 2;
        assert_eq!(looks(&mut linger, &mut now, Duration::ZERO), limits::LINGER_LOOKS);
    }
}
