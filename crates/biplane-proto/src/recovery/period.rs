//! The latest recovery period, for as long as the losses that began it may turn out to be none.
//!
//! A period begins with the loss of a packet that was sent after the last one began (RFC 9002,
//! section 7.3.2). When every packet lost in it has been acknowledged after all, nothing was lost,
//! and the controller takes its answer back (RFC 9438, section 4.9; RFC 4015).

use std::time::Instant;

/// Which losses are of the latest period, and how many of them still stand.
#[derive(Debug, Default)]
pub(super) struct Period {
    /// When the one before began: losses of what was sent up to then are of that one.
    before: Option<Instant>,
    /// When it began: a loss of what was sent later begins another.
    since: Option<Instant>,
    /// Packets lost in it and not acknowledged; `None` if it stays whatever comes.
    open: Option<u64>,
}

/// How many of the packets that were just lost are of which period.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    /// Sent after the latest began: they begin another.
    pub(super) next: u64,
    /// Of the latest.
    pub(super) latest: u64,
}

impl Period {
    /// Whether the loss of a packet sent at `at` begins another period.
    fn begins(&self, at: Instant) -> bool {
        self.since.is_none_or(|since| at > since)
    }

    fn has(&self, at: Instant) -> bool {
        !self.begins(at) && self.before.is_none_or(|before| at > before)
    }

    /// Counts a packet that was just lost, and that was sent at `at`.
    pub(super) fn count(&self, at: Instant, share: &mut Share) {
        if self.begins(at) {
            share.next += 1;
        } else if self.has(at) {
            share.latest += 1;
        }
    }

    /// Packets were lost. Returns whether that begins another period.
    pub(super) fn on_lost(&mut self, now: Instant, share: Share) -> bool {
        if share.next > 0 {
            *self = Self { before: self.since, since: Some(now), open: Some(share.next) };
        } else {
            self.open = self.open.map(|open| open + share.latest);
        }
        share.next > 0
    }

    /// Packets met congestion and were not lost, the newest of them sent at `newest`. Returns whether
    /// that begins another period.
    pub(super) fn on_marked(&mut self, now: Instant, newest: Instant) -> bool {
        let begins = self.begins(newest);
        if begins {
            *self = Self { before: self.since, since: Some(now), open: None };
        }
        begins
    }

    /// Losses went on for so long that they were no accident.
    pub(super) fn on_persistent(&mut self, now: Instant) {
        *self = Self { before: Some(now), since: Some(now), open: None };
    }

    /// A lost packet, sent at `at`, was acknowledged after all. Returns when the period began if it
    /// was the last one that stood: there was no loss.
    pub(super) fn on_late(&mut self, at: Instant) -> Option<Instant> {
        if !self.has(at) {
            return None;
        }
        let open = self.open?.saturating_sub(1);
        if open > 0 {
            self.open = Some(open);
            return None;
        }
        core::mem::take(self).since
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// Packets are sent each millisecond, and lost 40 ms later.
    fn at(start: Instant, packet: u64) -> Instant {
        start + Duration::from_millis(packet)
    }

    fn lose(period: &mut Period, start: Instant, packets: &[u64]) -> bool {
        let mut share = Share::default();
        packets.iter().for_each(|packet| period.count(at(start, *packet), &mut share));
        period.on_lost(at(start, packets.last().unwrap() + 40), share)
    }

    #[test]
    fn it_is_taken_back_by_the_last_of_its_losses() {
        let start = Instant::now();
        let mut period = Period::default();
        assert!(lose(&mut period, start, &[0, 1]));
        assert!(!lose(&mut period, start, &[30]), "sent before it began");
        assert_eq!(period.on_late(at(start, 1)), None);
        assert_eq!(period.on_late(at(start, 0)), None);
        assert_eq!(period.on_late(at(start, 30)), Some(at(start, 41)));
        assert_eq!(period.on_late(at(start, 30)), None, "once");
    }

    #[test]
    fn losses_of_one_period_say_nothing_of_the_next() {
        let start = Instant::now();
        let mut period = Period::default();
        assert!(lose(&mut period, start, &[0, 1]));
        assert!(lose(&mut period, start, &[30, 50]), "the second was sent after it began");
        assert_eq!(period.on_late(at(start, 0)), None);
        assert_eq!(period.on_late(at(start, 30)), None);
        assert_eq!(period.on_late(at(start, 50)), Some(at(start, 90)));
    }

    #[test]
    fn a_period_that_a_mark_began_is_not_taken_back() {
        let start = Instant::now();
        let mut period = Period::default();
        assert!(period.on_marked(at(start, 40), at(start, 1)));
        assert!(!period.on_marked(at(start, 41), at(start, 2)), "one answer a round trip");
        assert!(!lose(&mut period, start, &[2]));
        assert_eq!(period.on_late(at(start, 2)), None);
    }

    #[test]
    fn persistent_congestion_is_not_taken_back() {
        let start = Instant::now();
        let mut period = Period::default();
        assert!(lose(&mut period, start, &[100]));
        period.on_persistent(at(start, 140));
        assert_eq!(period.on_late(at(start, 100)), None);
        assert!(!lose(&mut period, start, &[120]));
        assert_eq!(period.on_late(at(start, 120)), None);
    }
}
