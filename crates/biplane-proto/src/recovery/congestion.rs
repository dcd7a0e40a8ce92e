//! How much may be in flight.
//!
//! Two controllers behind one small trait. Both differ from their documents in two points that
//! links which lose packets at random need, lest a game starve for seconds after each loss: the
//! window keeps four datagrams, and the threshold of slow start never falls below the initial
//! window, since what any newcomer may send at once (RFC 6928) may be won back by doubling. And a
//! loss takes three tenths of the window, as in RFC 9438, from both.
//! CUBIC also grows faster than its document says where the path is seen to have room: see there.

mod cubic;
mod new_reno;

use core::{fmt::Debug, time::Duration};
use std::time::Instant;

pub(super) use self::{cubic::Cubic, new_reno::NewReno};
use crate::Congestion;

/// Packets that one ack acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked {
    pub(super) now: Instant,
    pub(super) rtt: Duration,
    pub(super) bytes: u64,
    /// When the newest of them was sent.
    pub(super) sent_at: Instant,
    /// Whether the window was not what held the sender back.
    pub(super) app_limited: bool,
    /// Whether round trips take as long as if packets waited in a queue.
    pub(super) queued: bool,
}

/// A congestion controller: what it sees, and the window it gives.
pub(super) trait Controller: Debug + Send + Sync {
    /// Bytes that may be in flight.
    fn window(&self) -> u64;
    /// Packets were acknowledged.
    fn on_ack(&mut self, acked: Acked);
    /// Packets were lost, the newest of them sent at `newest`; `persistent` if over so long a time
    /// that the path must have changed.
    fn on_congestion(&mut self, now: Instant, newest: Instant, persistent: bool);
    /// All losses of the recovery period that began at `since` were none: their packets have been
    /// acknowledged after all.
    fn on_spurious(&mut self, _since: Instant) {}
}

/// The controller that was asked for, on a path of datagrams of so many bytes.
pub(super) fn controller(congestion: Congestion, datagram: u64) -> Box<dyn Controller> {
    match congestion {
        Congestion::Cubic => Box::new(Cubic::new(datagram)),
        Congestion::NewReno => Box::new(NewReno::new(datagram)),
    }
}

/// What every loss-based window has: slow start, recovery periods, and bounds.
#[derive(Debug)]
struct Window {
    datagram: u64,
    initial: u64,
    bytes: u64,
    threshold: u64,
    recovery_since: Option<Instant>,
    /// Window and threshold before the latest recovery period.
    before: (u64, u64),
}

/// What an ack was to the window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Growth {
    /// It has grown by slow start, or may not grow.
    Settled,
    /// Congestion avoidance decides.
    Avoidance,
}

impl Window {
    fn new(datagram: u64) -> Self {
        let initial = (datagram * 10).min((datagram * 2).max(14_720));
        let before = (initial, u64::MAX);
        Self {
            datagram,
            initial,
            bytes: initial,
            threshold: u64::MAX,
            recovery_since: None,
            before,
        }
    }

    fn on_ack(&mut self, acked: Acked) -> Growth {
        let recovering = self.recovery_since.is_some_and(|since| acked.sent_at <= since);
        if acked.app_limited || recovering {
            return Growth::Settled;
        }
        if self.bytes < self.threshold {
            self.bytes += acked.bytes;
            return Growth::Settled;
        }
        Growth::Avoidance
    }

    /// Whether the loss begins a new recovery period: the window has shrunk then.
    fn on_congestion(&mut self, now: Instant, newest: Instant, persistent: bool) -> bool {
        if persistent {
            self.bytes = self.datagram * 4;
            self.recovery_since = None;
            return false;
        }
        if self.recovery_since.is_some_and(|since| newest <= since) {
            return false;
        }
        self.recovery_since = Some(now);
        self.before = (self.bytes, self.threshold);
        self.bytes = (self.bytes * 7 / 10).max(self.datagram * 4);
        self.threshold = self.bytes.max(self.initial);
        true
    }

    /// Whether the recovery period that began at `since` is the latest: it is taken back then.
    fn on_spurious(&mut self, since: Instant) -> bool {
        if self.recovery_since != Some(since) {
            return false;
        }
        let (bytes, threshold) = self.before;
        self.bytes = self.bytes.max(bytes);
        self.threshold = threshold;
        self.recovery_since = None;
        true
    }
}

#[cfg(test)]
fn acked(bytes: u64, at: Instant) -> Acked {
    let rtt = Duration::from_millis(100);
    Acked { now: at + rtt, rtt, bytes, sent_at: at, app_limited: false, queued: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every controller there is.
    fn all() -> [Box<dyn Controller>; 2] {
        [Congestion::Cubic, Congestion::NewReno].map(|congestion| controller(congestion, 1_200))
    }

    #[test]
    fn slow_start_doubles() {
        let start = Instant::now();
        for mut controller in all() {
            assert_eq!(controller.window(), 12_000);
            controller.on_ack(acked(12_000, start));
            assert_eq!(controller.window(), 24_000);
        }
    }

    #[test]
    fn losses_of_one_round_count_once() {
        let start = Instant::now();
        for mut controller in all() {
            controller.on_congestion(start, start, false);
            controller.on_congestion(start + Duration::from_millis(5), start, false);
            assert_eq!(controller.window(), 8_400);
        }
    }

    #[test]
    fn persistent_congestion_collapses_the_window() {
        let start = Instant::now();
        for mut controller in all() {
            controller.on_congestion(start, start, true);
            assert_eq!(controller.window(), 4_800);
        }
    }

    #[test]
    fn losses_that_were_none_are_taken_back() {
        let start = Instant::now();
        let later = start + Duration::from_millis(40);
        for mut controller in all() {
            controller.on_ack(acked(12_000, start));
            controller.on_congestion(later, start, false);
            assert_eq!(controller.window(), 16_800);
            controller.on_spurious(start);
            assert_eq!(controller.window(), 16_800, "another period's");
            controller.on_spurious(later);
            assert_eq!(controller.window(), 24_000);
            controller.on_ack(acked(1_200, later));
            assert_eq!(controller.window(), 25_200, "slow start goes on");
            controller.on_spurious(later);
            assert_eq!(controller.window(), 25_200, "once");
        }
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        for mut controller in all() {
            let idle = Acked { app_limited: true, ..acked(1_000, Instant::now()) };
            controller.on_ack(idle);
            assert_eq!(controller.window(), 12_000);
        }
    }

    #[test]
    fn below_the_initial_window_growth_is_fast_even_after_loss() {
        let start = Instant::now();
        for mut controller in all() {
            controller.on_congestion(start, start, false);
            controller.on_ack(acked(3_600, start + Duration::from_millis(1)));
            assert_eq!(controller.window(), 12_000);
        }
    }
}
