//! How durations spread: percentiles for the reports.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest duration told apart, in microseconds: an hour, which 32 bits hold.
const LONGEST: u64 = 3_600_000_000;

/// Durations, kept to three digits.
#[derive(Debug)]
pub(crate) struct Spread(Option<Histogram<u64>>);

/// Percentiles in milliseconds; null where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct WithMax {
    /// Half were shorter.
    pub(crate) p50: Option<f64>,
    /// One in a hundred was longer.
    pub(crate) p99: Option<f64>,
    /// The longest.
    pub(crate) max: Option<f64>,
}

/// Percentiles in milliseconds; null where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    /// Half were shorter.
    pub(crate) p50: Option<f64>,
    /// One in a hundred was longer.
    pub(crate) p99: Option<f64>,
}

impl Default for Spread {
    fn default() -> Self {
        // It refuses bounds that make no sense; these do.
        Self(Histogram::new_with_bounds(1, LONGEST, 3).ok())
    }
}

impl Spread {
    /// Adds one.
    pub(crate) fn record(&mut self, length: Duration) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(u64::try_from(length.as_micros()).unwrap_or(LONGEST));
        }
    }

    /// With the longest.
    pub(crate) fn with_max(&self) -> WithMax {
        WithMax { p50: self.at(0.50), p99: self.at(0.99), max: self.at(1.0) }
    }

    /// Without it.
    pub(crate) fn percentiles(&self) -> Percentiles {
        Percentiles { p50: self.at(0.50), p99: self.at(0.99) }
    }

    fn at(&self, quantile: f64) -> Option<f64> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        let micros = histogram.value_at_quantile(quantile).min(histogram.max());
        u32::try_from(micros).ok().map(|micros| f64::from(micros) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred_are_what_they_say() {
        let mut spread = Spread::default();
        (1..=100).for_each(|ms| spread.record(Duration::from_millis(ms)));
        let WithMax { p50, p99, max } = spread.with_max();
        let near = |got: Option<f64>, wanted: f64| (got.unwrap() - wanted).abs() <= wanted / 500.0;
        assert!(near(p50, 50.0) && near(p99, 99.0) && near(max, 100.0), "{p50:?} {p99:?} {max:?}");
    }

    #[test]
    fn nothing_measured_is_null_and_nothing_is_too_long() {
        let mut spread = Spread::default();
        assert_eq!(spread.with_max(), WithMax::default());
        spread.record(Duration::MAX);
        assert!(spread.percentiles().p50.is_some());
        spread.record(Duration::ZERO);
        assert_eq!(spread.with_max().p50, Some(0.0));
    }
}
