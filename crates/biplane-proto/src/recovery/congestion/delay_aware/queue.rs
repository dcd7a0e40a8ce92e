//! How long packets wait on the way there.

use core::time::Duration;

use super::{super::Acked, windowed::Windowed};

/// Delays of the way there, and the shortest of them.
///
/// The far side's clock may run faster or slower than ours, by some 100 ppm: 3 ms in the time for
/// which the shortest is kept.
#[derive(Debug)]
pub(super) struct Queue {
    /// The first delay of the path, which others are told from.
    origin: Option<i32>,
    shortest: Windowed,
    /// The shortest of about a round trip: what jitter adds to single packets is no queue.
    standing: Windowed,
}

/// How long packets wait beyond the shortest time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Wait {
    /// The latest.
    pub(super) latest: Duration,
    /// The shortest of about a round trip.
    pub(super) standing: Duration,
}

/// Delays are kept as positive numbers: this much is added to each, in µs.
const SHIFT: i64 = 1 << 32;

impl Default for Queue {
    fn default() -> Self {
        Self {
            origin: None,
            shortest: Windowed::new(Self::SHORTEST_FOR),
            standing: Windowed::new(Self::STANDING_FOR),
        }
    }
}

impl Queue {
    /// How long the shortest delay counts: a path that has become longer shows after that.
    const SHORTEST_FOR: Duration = Duration::from_secs(30);
    /// The longest stretch that tells of a standing queue.
    const STANDING_FOR: Duration = Duration::from_millis(100);

    /// Takes in the delay of an ack, in µs from any origin.
    pub(super) fn note(&mut self, acked: &Acked, delay: i32) -> Wait {
        let origin = *self.origin.get_or_insert(delay);
        let micros = SHIFT + i64::from(delay.wrapping_sub(origin));
        let delay = micros.unsigned_abs();
        self.shortest.note_smallest(acked.now, delay);
        self.standing.set_length(acked.least_rtt.max(acked.rtt / 4).min(Self::STANDING_FOR));
        self.standing.note_smallest(acked.now, delay);
        let least = self.shortest.smallest().unwrap_or(delay);
        let beyond = |delay: u64| Duration::from_micros(delay.saturating_sub(least));
        Wait { latest: beyond(delay), standing: beyond(self.standing.smallest().unwrap_or(delay)) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{super::super::acked, *};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// What is seen of delays in ms, 10 ms apart.
    fn waits(delays: &[i32]) -> Vec<Wait> {
        let start = Instant::now();
        let mut queue = Queue::default();
        let times = (0..).map(|step| start + ms(10) * step);
        let note = |(at, delay): (Instant, &i32)| {
            queue.note(&acked(1_200, at), delay.wrapping_mul(1_000).wrapping_add(i32::MAX - 5_000))
        };
        times.zip(delays).map(note).collect()
    }

    #[test]
    fn a_wait_is_what_a_packet_takes_beyond_the_shortest_whatever_the_clocks_say() {
        let seen = waits(&[40, 70, 39]);
        let latest: Vec<_> = seen.iter().map(|wait| wait.latest).collect();
        assert_eq!(latest, [ms(0), ms(30), ms(0)]);
    }

    #[test]
    fn single_late_packets_are_no_standing_queue() {
        let seen = waits(&[40, 70, 45, 90, 42]);
        assert!(seen.iter().all(|wait| wait.standing <= ms(5)), "{seen:?}");
        let mut delays = vec![40; 2];
        delays.extend([75; 12]);
        assert_eq!(waits(&delays).last().unwrap().standing, ms(35));
    }
}
