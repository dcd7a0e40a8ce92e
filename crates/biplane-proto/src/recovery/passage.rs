//! How packets get to the far side, by its stamps of arrival: how long the way there takes, and how
//! much arrives in a time.

use core::time::Duration;
use std::time::Instant;

use super::congestion::Passage;
use crate::peer_clock::stamp;

/// What has arrived so far.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// What our own stamps count from.
    epoch: Instant,
    /// Bytes acknowledged, modulo 2³².
    bytes: u32,
    /// The latest arrival that was told of, in the far side's µs.
    latest: Option<u32>,
    /// How long the way there took that packet, by both clocks.
    delay: u32,
}

/// How far arrivals had come when a packet was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Milestone {
    bytes: u32,
    at: Option<u32>,
}

impl Milestone {
    /// Of what is no packet, or not noted yet.
    pub(crate) const NONE: Self = Self { bytes: 0, at: None };
}

impl Arrivals {
    /// A shorter time says nothing of a rate: packets are read from a socket in batches.
    const LEAST_TIME: Duration = Duration::from_millis(1);

    pub(super) const fn new(now: Instant) -> Self {
        Self { epoch: now, bytes: 0, latest: None, delay: 0 }
    }

    /// For a packet that is sent at `now`, the first in flight if `is_first`: what came before a
    /// pause does not count.
    pub(super) fn milestone(&self, now: Instant, is_first: bool) -> Milestone {
        let arrival = |latest| {
            if is_first { stamp(self.epoch, now).wrapping_add(self.delay) } else { latest }
        };
        Milestone { bytes: self.bytes, at: self.latest.map(arrival) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "counted modulo 2³²")]
    pub(super) const fn on_bytes(&mut self, bytes: u64) {
        self.bytes = self.bytes.wrapping_add(bytes as u32);
    }

    /// The passage of a packet that was sent at `sent_at` with `milestone`, and arrived at `arrival`.
    pub(super) fn passage(
        &mut self,
        sent_at: Instant,
        milestone: Milestone,
        arrival: u32,
    ) -> Passage {
        self.delay = arrival.wrapping_sub(stamp(self.epoch, sent_at));
        self.latest = Some(arrival);
        let bytes = self.bytes.wrapping_sub(milestone.bytes);
        let rate = milestone.at.and_then(|at| rate(bytes, arrival.wrapping_sub(at).cast_signed()));
        Passage { delay: self.delay.cast_signed(), rate }
    }
}

/// Bytes per second; none if the time is too short, or goes back.
fn rate(bytes: u32, micros: i32) -> Option<u64> {
    let micros = u64::try_from(micros).ok()?;
    let enough = u128::from(micros) >= Arrivals::LEAST_TIME.as_micros();
    (u64::from(bytes) * 1_000_000).checked_div(micros).filter(|_| enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_rate_is_what_arrives_while_a_packet_is_under_way() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(start);
        let first = arrivals.milestone(start, true);
        arrivals.on_bytes(1_200);
        // The far side's clock is about to wrap.
        let arrival = u32::MAX - 10_000;
        assert_eq!(arrivals.passage(start, first, arrival).rate, None, "from when?");
        let second = arrivals.milestone(start + ms(20), false);
        arrivals.on_bytes(12_000);
        let passage = arrivals.passage(start + ms(20), second, arrival.wrapping_add(100_000));
        assert_eq!(passage.rate, Some(120_000));
        let delays = passage.delay.wrapping_sub(arrival.cast_signed());
        assert_eq!(delays, 80_000, "the second took 80 ms longer");
    }

    #[test]
    fn a_pause_of_the_sender_is_no_slow_path() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(start);
        let first = arrivals.milestone(start, true);
        arrivals.on_bytes(1_200);
        arrivals.passage(start, first, 30_000);
        let later = start + ms(5_000);
        let milestone = arrivals.milestone(later, true);
        arrivals.on_bytes(1_200);
        // Sent at 5 s, 30 ms on the way and 10 ms in a queue.
        assert_eq!(arrivals.passage(later, milestone, 5_040_000).rate, Some(120_000));
    }
}
