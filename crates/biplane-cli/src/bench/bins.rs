//! Latencies in bins whose bounds grow by the same factor, as eyes compare them.

use biplane_load::Latency;

/// How many messages took between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bin {
    /// The lower bound, in microseconds.
    pub(super) from: f64,
    /// The upper bound, in microseconds.
    pub(super) to: f64,
    /// Of all messages, the share.
    pub(super) share: f64,
}

/// Sorts a distribution into `most` bins at the most, from its shortest latency to its longest.
pub(super) fn bins(latency: &Latency, most: u32) -> Vec<Bin> {
    let micros = |nanos: u64| float(nanos.max(1)) / 1_000.0;
    let all = &latency.distribution;
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Vec::new() };
    let (least, longest) = (micros(first.nanos), micros(last.nanos));
    // A twentieth is as fine as it makes sense where all are alike.
    let factor = (longest / least).powf(1.0 / f64::from(most)).max(1.05);
    let total: u64 = all.iter().map(|bucket| bucket.count).sum();
    let mut rest = all.iter().peekable();
    let mut bins = Vec::new();
    let mut from = least;
    while rest.peek().is_some() {
        let to = from * factor;
        // The last one takes what rounding left.
        let is_last = bins.len() + 1 >= most as usize;
        let mut count = 0;
        while let Some(bucket) = rest.next_if(|bucket| is_last || micros(bucket.nanos) < to) {
            count += bucket.count;
        }
        bins.push(Bin { from, to, share: float(count) / float(total.max(1)) });
        from = to;
    }
    bins
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use biplane_load::Bucket;

    use super::*;

    fn latency(nanos: &[u64]) -> Latency {
        let distribution = nanos.iter().map(|nanos| Bucket { nanos: *nanos, count: 2 }).collect();
        Latency { p50: 0.0, p90: 0.0, p95: 0.0, p99: 0.0, p999: 0.0, max: 0.0, distribution }
    }

    #[test]
    fn every_message_is_in_one_bin() {
        for nanos in [&[5_000][..], &[1, 2, 3], &[1_000, 1_050, 90_000, 2_000_000, 2_000_001]] {
            for most in [1, 3, 20] {
                let bins = bins(&latency(nanos), most);
                assert!(bins.len() <= most as usize, "{nanos:?}: {bins:?}");
                let sum: f64 = bins.iter().map(|bin| bin.share).sum();
                assert!((sum - 1.0).abs() < 1e-9, "{nanos:?}: {bins:?}");
            }
        }
        assert!(bins(&latency(&[]), 20).is_empty());
    }

    #[test]
    fn bounds_grow_by_one_factor() {
        let bins = bins(&latency(&[1_000, 10_000, 100_000]), 2);
        let bounds: Vec<_> = bins.iter().map(|bin| (bin.from.round(), bin.to.round())).collect();
        assert_eq!(bounds, [(1.0, 10.0), (10.0, 100.0)]);
    }
}
