//! How much longer than the least a datagram takes.

use core::time::Duration;
use std::time::Instant;

use crate::{Rng, rng::nanos};

/// A delay between nothing and a range, with a uniform mean of half of it.
///
/// Where order is kept, the delay wanders: in straight lines from one uniformly drawn value to the
/// next, with twice the range between them in time. So it never falls faster than half as fast as
/// time goes by, and nothing is overtaken, however close datagrams follow each other; and its mean
/// stays that of the draws, which "not before the one ahead" would push towards the worst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jitter {
    range: Duration,
    wanders: bool,
    from: Value,
    to: Value,
}

#[derive(Clone, Copy, Debug)]
struct Value {
    at: Instant,
    delay: Duration,
}

impl Jitter {
    /// One that draws uniformly from 0 to `range`: anew for each datagram, or `wanders`.
    pub(crate) const fn new(start: Instant, range: Duration, wanders: bool) -> Self {
        let nothing = Value { at: start, delay: Duration::ZERO };
        Self { range, wanders, from: nothing, to: nothing }
    }

    /// What a datagram that leaves at `at` takes longer; `at` does not go back.
    pub(crate) fn delay(&mut self, at: Instant, rng: &mut Rng) -> Duration {
        if self.range.is_zero() {
            return Duration::ZERO;
        }
        if !self.wanders {
            return rng.duration(self.range);
        }
        if at >= self.to.at {
            self.draw(at, rng);
        }
        self.between(at)
    }

    /// Goes on to the stretch that `at` lies in, or to a new one where nothing left for long.
    fn draw(&mut self, at: Instant, rng: &mut Rng) {
        let span = self.range * 2;
        let is_recent = self.from.at < self.to.at && at < self.to.at + span;
        self.from = if is_recent { self.to } else { Value { at, delay: rng.duration(self.range) } };
        self.to = Value { at: self.from.at + span, delay: rng.duration(self.range) };
    }

    fn between(&self, at: Instant) -> Duration {
        let span = u128::from(nanos(self.to.at.saturating_duration_since(self.from.at)).max(1));
        let gone = u128::from(nanos(at.saturating_duration_since(self.from.at))).min(span);
        let sum = self.from.delay.as_nanos() * (span - gone) + self.to.delay.as_nanos() * gone;
        Duration::from_nanos(u64::try_from(sum / span).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Duration = Duration::from_millis(30);

    /// Delays of datagrams so far apart, over ten minutes, or of half a million.
    fn delays(wanders: bool, apart: Duration) -> Vec<Duration> {
        let start = Instant::now();
        let (mut jitter, mut rng) = (Jitter::new(start, RANGE, wanders), Rng::new(3));
        let count = u32::try_from(600_000_000 / apart.as_micros()).unwrap().min(500_000);
        (0..count).map(|n| jitter.delay(start + apart * n, &mut rng)).collect()
    }

    #[test]
    fn the_mean_is_half_the_range_however_dense_the_traffic() {
        for (wanders, micros) in [(true, 1_000), (true, 16_667), (true, 250_000), (false, 16_667)] {
            let all = delays(wanders, Duration::from_micros(micros));
            let mean = all.iter().sum::<Duration>() / u32::try_from(all.len()).unwrap();
            let off = mean.abs_diff(RANGE / 2);
            assert!(off < Duration::from_micros(700), "{mean:?} at {micros} µs, {wanders}");
            assert!(all.iter().all(|delay| *delay <= RANGE));
            assert!(all.iter().any(|delay| *delay < RANGE / 10));
            assert!(all.iter().any(|delay| *delay > RANGE * 9 / 10));
        }
    }

    #[test]
    fn what_wanders_overtakes_nothing() {
        let apart = Duration::from_micros(10);
        let all = delays(true, apart);
        assert!(all.windows(2).all(|pair| pair[1] + apart >= pair[0]));
        let all = delays(false, apart);
        assert!(!all.windows(2).all(|pair| pair[1] + apart >= pair[0]));
    }
}
