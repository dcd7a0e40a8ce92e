//! Where all chance comes from: one seeded generator, forked for each part.
//!
//! A part that draws more or less than before changes nothing for its neighbours, because each has
//! a fork of its own. Only integers and comparisons of exact floats are used, so that a seed means
//! the same on every machine.

use core::time::Duration;

/// A seeded generator. Not for keys of anything real.
#[derive(Clone, Debug)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// The generator that `seed` names.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike (SplitMix64's increment and first mix).
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(fastrand::Rng::with_seed(mixed ^ mixed >> 30))
    }

    /// Another generator, independent of what this one gives from now on.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// Whether an event of probability `share`, 0 to 1, happens now.
    #[must_use]
    pub fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.0.f64() < share
    }

    /// A share between 0 and `high`.
    #[must_use]
    pub fn share(&mut self, high: f64) -> f64 {
        self.0.f64() * high
    }

    /// A number from `low` to `high`, both included; `low` if the range is empty.
    #[must_use]
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if low >= high { low } else { self.0.u64(low..=high) }
    }

    /// An index below `len`; 0 if `len` is 0.
    #[must_use]
    pub fn index(&mut self, len: usize) -> usize {
        if len == 0 { 0 } else { self.0.usize(..len) }
    }

    /// A duration from 0 to `high`.
    #[must_use]
    pub fn duration(&mut self, high: Duration) -> Duration {
        Duration::from_nanos(self.between(0, nanos(high)))
    }

    /// A size from `low` to `high` bytes, every octave as likely as the others: log-uniform but for
    /// the last octave, which may be cut.
    #[must_use]
    pub fn size(&mut self, low: usize, high: usize) -> usize {
        let low = low.max(1);
        if high <= low {
            return low;
        }
        let octaves = (high / low).ilog2() + 1;
        let octave = self.0.u32(..octaves);
        let from = low << octave;
        self.0.usize(from..=(2 * from - 1).clamp(from, high))
    }

    /// As many random bytes as asked for.
    #[must_use]
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Random bytes all over `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

/// A duration in nanoseconds; 584 years at the most.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            (rng.bytes::<16>(), rng.fork().bytes::<16>(), rng.size(12, 1_024))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn a_fork_does_not_disturb_its_neighbour() {
        let second = |draws: usize| {
            let mut rng = Rng::new(1);
            let mut first = rng.fork();
            let mut second = rng.fork();
            first.fill(&mut vec![0; draws]);
            second.bytes::<8>()
        };
        assert_eq!(second(0), second(100));
    }

    #[test]
    fn sizes_stay_in_range_and_reach_every_octave() {
        let mut rng = Rng::new(3);
        let sizes: Vec<_> = (0..10_000).map(|_| rng.size(12, 1_024)).collect();
        assert!(sizes.iter().all(|size| (12..=1_024).contains(size)));
        let small = sizes.iter().filter(|size| **size < 96).count();
        assert!((3_500..5_500).contains(&small), "{small} of 10,000 in the three lowest octaves");
        assert_eq!(rng.size(12, 12), 12);
    }

    #[test]
    fn chance_keeps_its_share() {
        let mut rng = Rng::new(4);
        let hits = (0..100_000).filter(|_| rng.chance(0.3)).count();
        assert!((29_000..31_000).contains(&hits), "{hits}");
        assert!(!rng.chance(0.0));
    }
}
