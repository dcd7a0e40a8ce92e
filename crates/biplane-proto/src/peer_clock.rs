//! What the peer's session clock shows, as far as this side can tell.
//!
//! A stamp of the peer's, held against the own clock when it comes, says by how much the two clocks
//! differ, plus how long it took to come. The least of that which was seen lately belongs to what
//! came fastest, so whatever differs by more is older by at least the rest.

use core::time::Duration;
use std::time::Instant;

use crate::limits;

/// What an own clock that began at `epoch` shows at `at`, in microseconds; wraps after 71 minutes.
#[expect(clippy::cast_possible_truncation, reason = "the stamp wraps by design")]
pub(crate) fn stamp(epoch: Instant, at: Instant) -> u32 {
    at.saturating_duration_since(epoch).as_micros() as u32
}

/// The fastest stamps of this window and of the one before, so that clocks that drift and paths that
/// change are followed.
#[derive(Debug)]
pub(crate) struct PeerClock {
    /// Own clock minus the peer's, in microseconds that wrap.
    fastest: [Option<u32>; 2],
    began: Instant,
}

impl PeerClock {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { fastest: [None; 2], began: now }
    }

    /// Takes in a stamp `theirs` of the peer's clock that came when the own clock showed `own`.
    pub(crate) fn on_stamp(&mut self, now: Instant, own: u32, theirs: u32) {
        self.turn(now);
        let apart = own.wrapping_sub(theirs);
        let [fastest, _] = &mut self.fastest;
        *fastest = Some(fastest.map_or(apart, |known| least(known, apart)));
    }

    /// How much longer than the fastest it took what was stamped `theirs` and comes when the own
    /// clock shows `own`.
    pub(crate) fn delay(&self, own: u32, theirs: u32) -> Duration {
        let fastest = match self.fastest {
            [Some(this), Some(before)] => least(this, before),
            [Some(only), None] | [None, Some(only)] => only,
            [None, None] => return Duration::ZERO,
        };
        let longer = own.wrapping_sub(theirs).wrapping_sub(fastest).cast_signed();
        Duration::from_micros(u64::from(longer.max(0).cast_unsigned()))
    }

    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.began);
        if age < limits::PEER_CLOCK_WINDOW {
            return;
        }
        let [this, _] = self.fastest;
        let before = this.filter(|_| age < limits::PEER_CLOCK_WINDOW * 2);
        *self = Self { fastest: [None, before], began: now };
    }
}

/// The lesser of two differences, which wrap.
const fn least(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b).cast_signed() < 0 { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u32 = 1_000;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_took_longer_than_the_fastest_is_older_by_the_rest() {
        let now = Instant::now();
        let mut clock = PeerClock::new(now);
        assert_eq!(clock.delay(70 * MS, 0), ms(0), "nothing is known yet");
        clock.on_stamp(now, 70 * MS, 0);
        clock.on_stamp(now, 150 * MS, 100 * MS);
        assert_eq!(clock.delay(250 * MS, 200 * MS), ms(0));
        assert_eq!(clock.delay(290 * MS, 200 * MS), ms(40));
        assert_eq!(clock.delay(240 * MS, 200 * MS), ms(0), "faster than ever");
    }

    #[test]
    fn clocks_may_wrap_and_either_may_be_ahead() {
        let now = Instant::now();
        for (own, theirs) in [(5, u32::MAX - 5), (u32::MAX - 5, 5), (1 << 31, 0), (0, 1 << 31)] {
            let mut clock = PeerClock::new(now);
            clock.on_stamp(now, own, theirs);
            let (own, theirs) = (own.wrapping_add(30 * MS), theirs.wrapping_add(10 * MS));
            assert_eq!(clock.delay(own, theirs), ms(20), "{own} {theirs}");
        }
    }

    #[test]
    fn a_path_that_became_slower_is_believed_after_two_windows_and_no_stall_of_seconds_is() {
        let now = Instant::now();
        let mut clock = PeerClock::new(now);
        clock.on_stamp(now, 10 * MS, 0);
        let later = now + limits::PEER_CLOCK_WINDOW;
        clock.on_stamp(later, 3_010 * MS, 0);
        assert_eq!(clock.delay(3_010 * MS, 0), ms(3_000));
        let later = later + limits::PEER_CLOCK_WINDOW;
        clock.on_stamp(later, 3_010 * MS, 0);
        assert_eq!(clock.delay(3_010 * MS, 0), ms(0));
    }
}
