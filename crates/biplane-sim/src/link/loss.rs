//! Decides which datagrams are lost.

use core::time::Duration;
use std::time::Instant;

use super::Loss;
use crate::Rng;

/// A burst is over after this at the latest, however few datagrams pass to end it.
const BURST: Duration = Duration::from_secs(2);

/// A [`Loss`] and the state it is in.
#[derive(Debug)]
pub(crate) struct LossModel {
    loss: Loss,
    burst_since: Option<Instant>,
}

impl LossModel {
    pub(crate) const fn new(loss: Loss) -> Self {
        Self { loss, burst_since: None }
    }

    /// Whether the datagram sent now is lost.
    pub(crate) fn strikes(&mut self, now: Instant, rng: &mut Rng) -> bool {
        match self.loss {
            Loss::Never => false,
            Loss::Independent { share } => rng.chance(share),
            Loss::Bursts { share, mean_length } => {
                let ends = 1.0 / mean_length.max(1.0);
                // In balance as many bursts begin as end: begins × (1 − share) = ends × share.
                let begins = (ends * share / (1.0 - share)).min(1.0);
                let since = self.burst_since.filter(|since| *since + BURST > now);
                self.burst_since = match since {
                    Some(_) if rng.chance(ends) => None,
                    None if rng.chance(begins) => Some(now),
                    unchanged => unchanged,
                };
                self.burst_since.is_some()
            }
        }
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
    fn where_few_datagrams_pass_bursts_end_by_time() {
        let loss = Loss::Bursts { share: 0.2, mean_length: 8.0 };
        let (lost, bursts) = run(loss, Duration::from_secs(1));
        let mean = lost as f64 / bursts as f64;
        assert!((1.8..2.1).contains(&mean), "bursts of {mean} datagrams, a second apart");
    }

    #[test]
    fn independent_loss_keeps_its_share() {
        let (lost, bursts) = run(Loss::Independent { share: 0.3 }, Duration::ZERO);
        assert!((59_000..61_000).contains(&lost), "{lost} of 200,000 lost");
        let mean = lost as f64 / bursts as f64;
        assert!((1.38..1.48).contains(&mean), "bursts of {mean} datagrams");
    }
}
