//! How much may be in flight.
//!
//! Three controllers behind one small trait: [`DelayAware`] keeps the queue short and is the default,
//! [`Cubic`] and [`NewReno`] fill it until it overflows.
//!
//! The latter two differ from their documents in two points that links which lose packets at random
//! need, lest a game starve for seconds after each loss: the window keeps four datagrams, and the
//! threshold of slow start never falls below the initial window, since what any newcomer may send at
//! once (RFC 6928) may be won back by doubling. And a loss takes three tenths of the window, as in
//! RFC 9438, from both.
//! CUBIC also grows faster than its document says where the path is seen to have room: see there.

mod cubic;
mod delay_aware;
mod new_reno;

use core::{fmt::Debug, time::Duration};
use std::time::Instant;

pub(super) use self::{cubic::Cubic, delay_aware::DelayAware, new_reno::NewReno};
use crate::Congestion;

/// Packets that one ack acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked {
    pub(super) now: Instant,
    /// Smoothed.
    pub(super) rtt: Duration,
    /// The latest, with the time for which the ack was held.
    pub(super) latest_rtt: Duration,
    /// The shortest seen.
    pub(super) least_rtt: Duration,
    pub(super) bytes: u64,
    /// When the newest of them was sent.
    pub(super) sent_at: Instant,
    /// Bytes in flight before the ack came.
    pub(super) in_flight: u64,
    /// Whether the window was not what held the sender back.
    pub(super) app_limited: bool,
    /// Whether round trips take as long as if packets waited in a queue.
    pub(super) queued: bool,
    /// What the far side's clock says of the way there, if it says anything.
    pub(super) passage: Option<Passage>,
}

/// The way there alone, as the far side's stamp of arrival tells it: without the way back, and
/// without the time for which acks are held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Passage {
    /// How long the newest packet took, from an origin that stays the same on a path, in µs.
    pub(super) delay: i32,
    /// Bytes per second at which packets arrived while the newest was under way.
    pub(super) rate: Option<u64>,
}

/// Packets that were just lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    pub(super) now: Instant,
    /// When the newest of them was sent.
    pub(super) newest: Instant,
    pub(super) bytes: u64,
    /// Whether over so long a time that the path must have changed.
    pub(super) persistent: bool,
}

/// A congestion controller: what it sees, and the window it gives.
pub(super) trait Controller: Debug + Send + Sync {
    /// Bytes that may be in flight.
    fn window(&self) -> u64;
    /// Packets were acknowledged.
    fn on_ack(&mut self, acked: Acked);
    /// Packets were lost.
    fn on_congestion(&mut self, loss: Loss);
    /// The path says that its queue is long, by an ECN mark on a packet sent at `newest` or before;
    /// an answer is due once a round trip, as to a loss.
    fn on_mark(&mut self, now: Instant, newest: Instant) {
        self.on_congestion(Loss { now, newest, bytes: 0, persistent: false });
    }
    /// All losses of the recovery period that began at `since` were none: their packets have been
    /// acknowledged after all.
    fn on_spurious(&mut self, _since: Instant) {}
    /// Datagrams have so many bytes from now on.
    fn set_datagram(&mut self, bytes: u64);
}

/// The controller that was asked for, on a path of datagrams of so many bytes.
pub(super) fn controller(congestion: Congestion, datagram: u64) -> Box<dyn Controller> {
    match congestion {
        Congestion::DelayAware => Box::new(DelayAware::new(datagram)),
        Congestion::Cubic => Box::new(Cubic::new(datagram)),
        Congestion::NewReno => Box::new(NewReno::new(datagram)),
    }
}

/// What a newcomer may send at once, in bytes (RFC 9002, section 7.2).
fn initial_window(datagram: u64) -> u64 {
    (datagram * 10).min((datagram * 2).max(14_720))
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
        let initial = initial_window(datagram);
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
    fn on_congestion(&mut self, loss: Loss) -> bool {
        let Loss { now, newest, persistent, .. } = loss;
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
    Acked {
        now: at + rtt,
        rtt,
        latest_rtt: rtt,
        least_rtt: rtt,
        bytes,
        sent_at: at,
        in_flight: bytes,
        app_limited: false,
        queued: true,
        passage: None,
    }
}

/// One datagram, lost at `now`.
#[cfg(test)]
const fn lost(now: Instant, newest: Instant, persistent: bool) -> Loss {
    Loss { now, newest, bytes: 1_200, persistent }
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
            controller.on_congestion(lost(start, start, false));
            controller.on_congestion(lost(start + Duration::from_millis(5), start, false));
            assert_eq!(controller.window(), 8_400);
        }
    }

    #[test]
    fn persistent_congestion_collapses_the_window() {
        let start = Instant::now();
        for mut controller in all() {
            controller.on_congestion(lost(start, start, true));
            assert_eq!(controller.window(), 4_800);
        }
    }

    #[test]
    fn losses_that_were_none_are_taken_back() {
        let start = Instant::now();
        let later = start + Duration::from_millis(40);
        for mut controller in all() {
            controller.on_ack(acked(12_000, start));
            controller.on_congestion(lost(later, start, false));
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
            controller.on_congestion(lost(start, start, false));
            controller.on_ack(acked(3_600, start + Duration::from_millis(1)));
            assert_eq!(controller.window(), 12_000);
        }
    }
}
