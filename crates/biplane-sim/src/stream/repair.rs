//! How much later a segment arrives because it, or its repair, was lost.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use crate::{Loss, Rng, link::LossModel};

/// Three duplicate acks ask for a repair (RFC 5681, section 3.2).
const DUPLICATES: usize = 3;
/// What Linux adds to the round trip at least, before it takes silence for loss.
const PATIENCE: Duration = Duration::from_millis(200);
/// The longest wait for a repair that was lost itself.
const LONGEST: Duration = Duration::from_secs(8);

/// Loss as TCP makes it felt.
#[derive(Debug)]
pub(super) struct Repair {
    loss: Loss,
    model: LossModel,
    /// When the last three segments set out.
    recent: VecDeque<Instant>,
    count: u64,
}

impl Repair {
    pub(super) const fn new(loss: Loss) -> Self {
        Self { loss, model: LossModel::new(loss), recent: VecDeque::new(), count: 0 }
    }

    pub(super) const fn reconfigure(&mut self, loss: Loss) {
        self.loss = loss;
        self.model = LossModel::new(loss);
    }

    /// How much later the segment that sets out at `now` arrives.
    pub(super) fn delay(&mut self, now: Instant, rtt: Duration, rng: &mut Rng) -> Duration {
        if self.loss == Loss::Never {
            return Duration::ZERO;
        }
        let is_busy = self.is_busy(now, rtt);
        if !self.model.strikes(now, rng) {
            return Duration::ZERO;
        }
        self.count += 1;
        let mut timeout = rtt + PATIENCE;
        let mut late = if is_busy { rtt } else { timeout };
        // A loss of everything would try for ever.
        while rng.chance(self.loss.share().min(0.99)) {
            timeout = (timeout * 2).min(LONGEST);
            late += timeout;
        }
        late
    }

    /// How often one came late.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Whether enough set out within the last round trip; this one is remembered.
    fn is_busy(&mut self, now: Instant, rtt: Duration) -> bool {
        let is_full = self.recent.len() >= DUPLICATES;
        let oldest = if is_full { self.recent.pop_front() } else { None };
        self.recent.push_back(now);
        oldest.is_some_and(|oldest| oldest + rtt > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(80);

    /// How late segments arrive that set out so far apart.
    fn delays(share: f64, apart: Duration) -> Vec<Duration> {
        let (mut now, mut rng) = (Instant::now(), Rng::new(1));
        let mut repair = Repair::new(Loss::Independent { share });
        let mut next = || {
            now += apart;
            repair.delay(now, RTT, &mut rng)
        };
        (0..20_000).map(|_| next()).collect()
    }

    #[test]
    fn a_busy_stream_repairs_in_a_round_trip_and_a_quiet_one_waits_for_the_time_out() {
        for (apart, first) in [(1, RTT), (20, RTT), (30, RTT + PATIENCE), (500, RTT + PATIENCE)] {
            let all = delays(0.02, Duration::from_millis(apart));
            let late: Vec<_> = all.into_iter().skip(3).filter(|late| !late.is_zero()).collect();
            assert!((320..480).contains(&late.len()), "{} of 20,000", late.len());
            let once = late.iter().filter(|late| **late == first).count();
            assert!(once * 100 > late.len() * 94, "{once} of {} after {first:?}", late.len());
        }
    }

    #[test]
    fn a_lost_repair_doubles_the_time_out() {
        let all = delays(0.3, Duration::from_secs(1));
        let timeout = RTT + PATIENCE;
        for (times, share) in [(1, 0.21), (1 + 2, 0.063), (1 + 2 + 4, 0.0189)] {
            let count = all.iter().filter(|late| **late == timeout * times).count();
            let wanted = 20_000.0 * share;
            assert!((count as f64 - wanted).abs() < wanted / 5.0, "{count} of {wanted}");
        }
    }

    #[test]
    fn where_everything_is_lost_an_end_is_found() {
        assert!(delays(1.0, Duration::from_secs(1)).iter().all(|late| *late > RTT));
    }
}
