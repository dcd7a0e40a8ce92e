//! Round-trip time: RFC 9002, section 5.

use core::time::Duration;
use std::time::Instant;

use crate::{SessionStats, limits};

/// The estimate of one path.
#[derive(Debug)]
pub(super) struct Rtt {
    smoothed: Duration,
    variation: Duration,
    latest: Duration,
    /// The same without what the peer held its ack for.
    adjusted: Duration,
    min: Option<Duration>,
    initial: Duration,
    /// When the first sample came.
    measured_at: Option<Instant>,
}

impl Rtt {
    pub(super) fn new(initial: Duration) -> Self {
        let variation = initial / 2;
        Self {
            smoothed: initial,
            variation,
            latest: initial,
            adjusted: initial,
            min: None,
            initial,
            measured_at: None,
        }
    }

    /// Another path, of which nothing is known.
    pub(super) fn of_another_path(&self) -> Self {
        Self::new(self.initial)
    }

    /// Takes in a sample, of which the peer says that it held the ack for `held`.
    pub(super) fn update(&mut self, now: Instant, sample: Duration, held: Duration) {
        self.measured_at.get_or_insert(now);
        self.latest = sample;
        self.adjusted = sample;
        let Some(min) = self.min else {
            self.min = Some(sample);
            self.smoothed = sample;
            self.variation = sample / 2;
            return;
        };
        let min = min.min(sample);
        self.min = Some(min);
        let adjusted = sample.checked_sub(held).filter(|rest| *rest >= min).unwrap_or(sample);
        self.adjusted = adjusted;
        self.variation = (self.variation * 3 + self.smoothed.abs_diff(adjusted)) / 4;
        self.smoothed = (self.smoothed * 7 + adjusted) / 8;
    }

    /// The path has changed: its shortest round trip is the latest, until a shorter one comes (RFC
    /// 9002, section 5.2).
    pub(super) fn forget_shortest(&mut self) {
        self.min = self.min.map(|_| self.latest);
    }

    pub(super) const fn smoothed(&self) -> Duration {
        self.smoothed
    }

    pub(super) const fn latest(&self) -> Duration {
        self.latest
    }

    /// The shortest seen, or the latest assumption.
    pub(super) fn shortest(&self) -> Duration {
        self.min.unwrap_or(self.initial)
    }

    /// When the first sample came.
    pub(super) const fn measured_at(&self) -> Option<Instant> {
        self.measured_at
    }

    /// The round trip that losses are judged by (section 6.1.2).
    pub(super) fn judged_by(&self) -> Duration {
        self.smoothed.max(self.latest)
    }

    /// The latest without the peer's delay, once there is one.
    pub(super) fn adjusted(&self) -> Option<Duration> {
        self.min.map(|_| self.adjusted)
    }

    /// Whether round trips take an eighth more than the shortest, as HyStart judges it (RFC 9406).
    pub(super) fn shows_queue(&self) -> bool {
        let least = self.min.unwrap_or_default();
        self.smoothed > least + (least / 8).max(limits::GRANULARITY)
    }

    /// The probe time-out before the peer's ack delay.
    pub(super) fn probe_base(&self) -> Duration {
        self.smoothed + (self.variation * 4).max(limits::GRANULARITY)
    }

    pub(super) fn report(&self, stats: &mut SessionStats) {
        if let Some(min) = self.min {
            stats.rtt = self.smoothed;
            stats.rtt_min = min;
            stats.rtt_latest = self.latest;
            stats.rtt_variation = self.variation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_first_sample_replaces_the_assumption() {
        let mut rtt = Rtt::new(ms(100));
        rtt.update(Instant::now(), ms(40), ms(20));
        assert_eq!((rtt.smoothed, rtt.variation), (ms(40), ms(20)));
    }

    #[test]
    fn an_eighth_more_than_the_shortest_round_trip_is_a_queue() {
        let mut rtt = Rtt::new(ms(100));
        rtt.update(Instant::now(), ms(80), ms(0));
        assert!(!rtt.shows_queue());
        rtt.update(Instant::now(), ms(160), ms(0));
        assert!(!rtt.shows_queue(), "smoothed: 90 ms");
        rtt.update(Instant::now(), ms(160), ms(0));
        assert!(rtt.shows_queue());
    }

    #[test]
    fn the_stated_delay_is_taken_off_unless_it_would_undercut_the_minimum() {
        let mut rtt = Rtt::new(ms(100));
        rtt.update(Instant::now(), ms(40), ms(0));
        rtt.update(Instant::now(), ms(60), ms(20));
        assert_eq!(rtt.smoothed, ms(40));
        rtt.update(Instant::now(), ms(48), ms(20));
        assert_eq!(rtt.smoothed, ms(41));
    }

    #[test]
    fn a_path_that_has_changed_is_measured_by_its_latest_round_trip() {
        let mut rtt = Rtt::new(ms(100));
        rtt.forget_shortest();
        assert_eq!(rtt.min, None);
        rtt.update(Instant::now(), ms(40), ms(0));
        rtt.update(Instant::now(), ms(90), ms(0));
        rtt.forget_shortest();
        assert_eq!(rtt.min, Some(ms(90)));
    }
}
