//! Decides which datagrams are lost.

use core::time::Duration;
use std::time::Instant;

use super::Loss;
use crate::Rng;

/// The state is drawn afresh after this, however few datagrams have passed to change it.
const MEMORY: Duration = Duration::from_secs(2);

/// A [`Loss`] and the state it is in.
#[derive(Debug)]
pub(crate) struct LossModel {
    loss: Loss,
    is_in_burst: bool,
    /// Since when each datagram's fate follows from that of the one before.
    since: Option<Instant>,
}

impl LossModel {
    pub(crate) const fn new(loss: Loss) -> Self {
        Self { loss, is_in_burst: false, since: None }
    }

    /// Whether the datagram sent now is lost.
    pub(crate) fn strikes(&mut self, now: Instant, rng: &mut Rng) -> bool {
        match self.loss {
            Loss::Never => false,
            Loss::Independent { share } => rng.chance(share),
            Loss::Bursts { share, mean_length } => {
                let chance = self.chance(now, share, mean_length);
                self.is_in_burst = rng.chance(chance);
                self.is_in_burst
            }
        }
    }

    /// How likely the datagram sent now is to be lost. Whatever the state, and however far apart
    /// datagrams are, that is `share` in the long run.
    fn chance(&mut self, now: Instant, share: f64, mean_length: f64) -> f64 {
        if self.since.is_none_or(|since| since + MEMORY <= now) {
            self.since = Some(now);
            return share;
        }
        // In balance as many bursts begin as end: begins × (1 − share) = ends × share. Shorter
        // bursts would have to begin before the one before has ended.
        let odds = share / (1.0 - share);
        let ends = 1.0 / mean_length.max(odds).max(1.0);
        if self.is_in_burst { 1.0 - ends } else { ends * odds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of 200,000 datagrams, so far apart, are lost, and in how many bursts.
    fn run(loss: Loss, apart: Duration) -> (usize, usize) {
        let (mut now, mut rng, mut model) = (Instant::now(), Rng::new(9), LossModel::new(loss));
        let mut lost = Vec::new();
        for _ in 0..200_000 {
            lost.push(model.strikes(now, &mut rng));
            now += apart;
        }
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        (lost.iter().filter(|lost| **lost).count(), bursts)
    }

    #[test]
    fn bursts_keep_their_share_and_their_mean_length() {
        let loss = Loss::Bursts { share: 0.2, mean_length: 8.0 };
        let (lost, bursts) = run(loss, Duration::from_millis(10));
        assert!((37_000..43_000).contains(&lost), "{lost} of 200,000 lost");
        let mean = lost as f64 / bursts as f64;
        assert!((7.5..8.5).contains(&mean), "bursts of {mean} datagrams");
    }

    #[test]
    fn where_more_is_lost_than_bursts_of_that_length_can_the_bursts_are_longer() {
        let loss = Loss::Bursts { share: 0.9, mean_length: 3.0 };
        let (lost, bursts) = run(loss, Duration::from_millis(1));
        assert!((179_000..181_000).contains(&lost), "{lost} of 200,000 lost");
        let mean = lost as f64 / bursts as f64;
        assert!((8.5..9.5).contains(&mean), "bursts of {mean} datagrams");
    }

    #[test]
    fn where_few_datagrams_pass_bursts_end_by_time_and_the_share_stays() {
        let loss = Loss::Bursts { share: 0.2, mean_length: 8.0 };
        for (apart, mean_length) in [(1, 1.8..2.4), (3, 1.2..1.3)] {
            let (lost, bursts) = run(loss, Duration::from_secs(apart));
            assert!((39_000..41_000).contains(&lost), "{lost} of 200,000 lost");
            let mean = lost as f64 / bursts as f64;
            assert!(mean_length.contains(&mean), "bursts of {mean} datagrams, {apart} s apart");
        }
    }

    #[test]
    fn independent_loss_keeps_its_share() {
        let (lost, bursts) = run(Loss::Independent { share: 0.3 }, Duration::ZERO);
        assert!((59_000..61_000).contains(&lost), "{lost} of 200,000 lost");
        let mean = lost as f64 / bursts as f64;
        assert!((1.38..1.48).contains(&mean), "bursts of {mean} datagrams");
    }
}
