//! A trace in the manner of those recorded from a moving phone.

use super::Trace;
use crate::Rng;

/// How long one is before it starts again.
const MILLISECONDS: u32 = 140_000;
/// The rate moves once in so many milliseconds.
const STEP: u32 = 100;
/// What the rate is multiplied with at a step, in percent: as often up as down.
const FACTORS: [u64; 8] = [80, 88, 94, 98, 102, 106, 113, 125];
/// The chance that a step begins a hole in the coverage: one in eleven seconds on average.
const HOLE: f64 = 0.009;
/// How long a hole lasts, in milliseconds.
const HOLES: (u64, u64) = (200, 2_000);

impl Trace {
    /// One made from `seed`: 140 s of a moving phone whose rate wanders by the tenth of a second
    /// between a fortieth and two and a half times `usual` bytes a second, and is nothing at all
    /// for 0.2 to 2 s once in eleven seconds.
    ///
    /// What was recorded on LTE and UMTS networks by the Saturator (Winstein, Sivaraman,
    /// Balakrishnan, NSDI 2013) looks so: minutes of a few mbit/s, seconds of almost none.
    #[must_use]
    pub fn driving(seed: u64, usual: u64) -> Self {
        let mut rng = Rng::new(seed);
        let usual = usual.clamp(12_000, 12_500_000);
        let (mut rate, mut crossed, mut hole_until) = (usual, 0, 0);
        let mut stamps = Vec::new();
        for millisecond in 0..MILLISECONDS {
            if millisecond % STEP == 0 {
                rate = wander(rate, usual, &mut rng);
                if millisecond >= hole_until && rng.chance(HOLE) {
                    let lasts = rng.between(HOLES.0, HOLES.1);
                    hole_until = millisecond + u32::try_from(lasts).unwrap_or(STEP);
                }
            }
            if millisecond < hole_until {
                continue;
            }
            crossed += rate;
            while crossed >= u64::from(Self::CHANCE) * 1_000 {
                crossed -= u64::from(Self::CHANCE) * 1_000;
                stamps.push(millisecond);
            }
        }
        stamps.push(MILLISECONDS);
        Self::made(stamps)
    }
}

/// The rate at the next step: a random factor, and a pull of a fiftieth towards the usual.
fn wander(rate: u64, usual: u64, rng: &mut Rng) -> u64 {
    let factor = FACTORS.get(rng.index(FACTORS.len())).copied().unwrap_or(100);
    let moved = rate * factor / 100;
    ((moved * 49 + usual) / 50).clamp(usual / 40, usual * 5 / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_wanders_and_has_holes() {
        let trace = Trace::driving(1, 750_000);
        assert_eq!(trace, Trace::driving(1, 750_000));
        assert_ne!(trace, Trace::driving(2, 750_000));
        let mut seconds = [0_u32; 141];
        for stamp in trace.stamps() {
            seconds[*stamp as usize / 1_000] += Trace::CHANCE;
        }
        let (low, high) = (seconds[..140].iter().min(), seconds[..140].iter().max());
        assert!(*low.unwrap() < 100_000 && *high.unwrap() > 1_000_000, "{low:?} {high:?}");
        let mean = trace.bytes_per_second();
        assert!((350_000..1_200_000).contains(&mean), "{mean} bytes a second");
        let holes = trace.stamps().windows(2).filter(|pair| pair[1] - pair[0] >= 200).count();
        assert!((4..30).contains(&holes), "{holes} holes");
    }
}
