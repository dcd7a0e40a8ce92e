//! How long messages took.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// What takes longer counts as this.
const LONGEST: Duration = Duration::from_secs(60);
/// Three significant figures.
const FIGURES: u8 = 3;

/// How long messages took, in microseconds: one way, and there and back for an echo.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: f64,
    /// Nine in ten took no longer.
    pub p90: f64,
    /// 95 in 100 took no longer.
    pub p95: f64,
    /// 99 in 100 took no longer.
    pub p99: f64,
    /// 999 in 1,000 took no longer.
    pub p999: f64,
    /// None took longer.
    pub max: f64,
    /// All that was seen, in rising order; to three figures.
    #[serde(skip)]
    pub distribution: Vec<Bucket>,
}

/// So many messages took about so long.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Bucket {
    /// Nanoseconds.
    pub nanos: u64,
    /// Messages.
    pub count: u64,
}

/// Takes latencies in, at a few nanoseconds each.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, nanos(LONGEST), FIGURES)?))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(nanos(latency));
    }

    pub(crate) fn buckets(&self) -> Vec<Bucket> {
        let recorded = self.0.iter_recorded();
        let bucket = |value: hdrhistogram::iterators::IterationValue<u64>| Bucket {
            nanos: value.value_iterated_to(),
            count: value.count_at_value(),
        };
        recorded.map(bucket).collect()
    }
}

impl Latency {
    /// Of what was recorded elsewhere; `None` if that was nothing.
    pub(crate) fn of(distribution: Vec<Bucket>) -> Option<Self> {
        let total: u64 = distribution.iter().map(|bucket| bucket.count).sum();
        let max = distribution.last()?.nanos;
        // The value below which so many in a thousand lie, the one itself included.
        let quantile = |per_mille: u64| {
            let wanted = (total * per_mille).div_ceil(1_000).max(1);
            let mut seen = 0;
            let found = distribution.iter().find(|bucket| {
                seen += bucket.count;
                seen >= wanted
            });
            micros(found.map_or(max, |bucket| bucket.nanos))
        };
        Some(Self {
            p50: quantile(500),
            p90: quantile(900),
            p95: quantile(950),
            p99: quantile(990),
            p999: quantile(999),
            max: micros(max),
            distribution,
        })
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1_000 {
            latencies.record(Duration::from_micros(micros));
        }
        let latency = Latency::of(latencies.buckets()).unwrap();
        for (got, wanted) in [
            (latency.p50, 500.0),
            (latency.p90, 900.0),
            (latency.p99, 990.0),
            (latency.p999, 999.0),
            (latency.max, 1_000.0),
        ] {
            assert!((got - wanted).abs() <= wanted * 0.001, "{got} for {wanted}");
        }
    }

    #[test]
    fn nothing_recorded_is_no_latency_and_for_ever_is_a_minute() {
        let mut latencies = Latencies::new().unwrap();
        assert_eq!(Latency::of(latencies.buckets()), None);
        latencies.record(Duration::from_secs(1_000_000));
        let max = Latency::of(latencies.buckets()).unwrap().max;
        assert!((max - 6e7).abs() < 1e5, "{max}");
    }
}
