//! How much may be in flight.

use core::fmt::Debug;
use std::time::Instant;

/// Packets that one ack acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked {
    pub(super) bytes: u64,
    /// When the newest of them was sent.
    pub(super) sent_at: Instant,
    /// Whether the window was not what held the sender back.
    pub(super) app_limited: bool,
}

/// A congestion controller: what it sees, and the window it gives.
pub(super) trait Controller: Debug + Send {
    /// Bytes that may be in flight.
    fn window(&self) -> u64;
    /// Packets were acknowledged.
    fn on_ack(&mut self, acked: Acked);
    /// Packets were lost, the newest of them sent at `newest`; `persistent` if over so long a time
    /// that the path must have changed.
    fn on_congestion(&mut self, now: Instant, newest: Instant, persistent: bool);
}

/// NewReno as in RFC 9002, section 7 and appendix B, with three differences that links which lose
/// packets at random need, lest a game starve for seconds after each loss: a loss takes three tenths
/// of the window, as in RFC 9438; the window keeps four datagrams; and the threshold of slow start
/// never falls below the initial window, since what any newcomer may send at once (RFC 6928) may be
/// won back by doubling.
#[derive(Debug)]
pub(super) struct NewReno {
    datagram: u64,
    initial: u64,
    window: u64,
    threshold: u64,
    recovery_since: Option<Instant>,
    /// Bytes acknowledged towards the next step of congestion avoidance.
    credit: u64,
}

impl NewReno {
    pub(super) fn new(datagram: u64) -> Self {
        let initial = (datagram * 10).min((datagram * 2).max(14_720));
        Self {
            datagram,
            initial,
            window: initial,
            threshold: u64::MAX,
            recovery_since: None,
            credit: 0,
        }
    }

    const fn least(&self) -> u64 {
        self.datagram * 4
    }

    fn in_recovery(&self, sent_at: Instant) -> bool {
        self.recovery_since.is_some_and(|since| sent_at <= since)
    }
}

impl Controller for NewReno {
    fn window(&self) -> u64 {
        self.window
    }

    fn on_ack(&mut self, acked: Acked) {
        if acked.app_limited || self.in_recovery(acked.sent_at) {
            return;
        }
        if self.window < self.threshold {
            self.window += acked.bytes;
            return;
        }
        self.credit += acked.bytes;
        if self.credit >= self.window {
            self.credit -= self.window;
            self.window += self.datagram;
        }
    }

    fn on_congestion(&mut self, now: Instant, newest: Instant, persistent: bool) {
        if persistent {
            self.window = self.least();
            self.recovery_since = None;
            return;
        }
        if self.in_recovery(newest) {
            return;
        }
        self.recovery_since = Some(now);
        self.window = (self.window * 7 / 10).max(self.least());
        self.threshold = self.window.max(self.initial);
        self.credit = 0;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn acked(bytes: u64, sent_at: Instant) -> Acked {
        Acked { bytes, sent_at, app_limited: false }
    }

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_datagram_a_window() {
        let start = Instant::now();
        let mut reno = NewReno::new(1_200);
        let first = reno.window();
        assert_eq!(first, 12_000);
        reno.on_ack(acked(first, start));
        assert_eq!(reno.window(), 2 * first);
        reno.on_congestion(start, start, false);
        let later = start + Duration::from_millis(1);
        let less = reno.window();
        assert_eq!(less, 16_800);
        reno.on_ack(acked(less, later));
        assert_eq!(reno.window(), less + 1_200);
    }

    #[test]
    fn below_the_initial_window_growth_is_fast_even_after_loss() {
        let start = Instant::now();
        let mut reno = NewReno::new(1_200);
        reno.on_congestion(start, start, false);
        let later = start + Duration::from_millis(1);
        reno.on_ack(acked(3_600, later));
        assert_eq!(reno.window(), 12_000);
        reno.on_ack(acked(12_000, later));
        assert_eq!(reno.window(), 13_200);
    }

    #[test]
    fn losses_of_one_round_count_once() {
        let start = Instant::now();
        let mut reno = NewReno::new(1_200);
        reno.on_congestion(start, start, false);
        reno.on_congestion(start + Duration::from_millis(5), start, false);
        assert_eq!(reno.window(), 8_400);
    }

    #[test]
    fn persistent_congestion_collapses_the_window() {
        let start = Instant::now();
        let mut reno = NewReno::new(1_200);
        reno.on_congestion(start, start, true);
        assert_eq!(reno.window(), 4_800);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut reno = NewReno::new(1_200);
        let before = reno.window();
        reno.on_ack(Acked { bytes: 1_000, sent_at: Instant::now(), app_limited: true });
        assert_eq!(reno.window(), before);
    }
}
