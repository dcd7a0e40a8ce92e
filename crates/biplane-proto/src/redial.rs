//! When a client that has lost its control connection dials again.
//!
//! The shell and the simulator ask here, so that what is tested is what flies.

use core::time::Duration;

use crate::limits;

/// From the beginning of one try to the beginning of the next, after `tries` that came to nothing; of
/// the first, from the loss. `share`, random and from 0 to 1, spreads those who lost theirs together.
#[must_use]
pub fn distance(tries: u32, share: f64) -> Duration {
    let Some(doublings) = tries.checked_sub(1) else {
        return limits::RESUME_SPREAD.mul_f64(share);
    };
    let (first, most) = limits::RESUME_BACK_OFF;
    let half = first.saturating_mul(1 << doublings.min(8)).min(most) / 2;
    half + half.mul_f64(share)
}

/// After how long a try is given up, where a round trip takes `rtt`: TCP, TLS and the answer take one
/// each, and one may be lost.
#[must_use]
pub fn patience(rtt: Duration) -> Duration {
    limits::RESUME_TRY.max(rtt * 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_ever_later_up_to_two_seconds() {
        let ms = |share| [0, 1, 2, 3, 4, 5, 100].map(|tries| distance(tries, share).as_millis());
        assert_eq!(ms(0.0), [0, 125, 250, 500, 1_000, 1_000, 1_000]);
        assert_eq!(ms(1.0), [50, 250, 500, 1_000, 2_000, 2_000, 2_000]);
    }

    #[test]
    fn a_long_way_is_given_more_time() {
        assert_eq!(patience(Duration::from_millis(20)), limits::RESUME_TRY);
        assert_eq!(patience(Duration::from_secs(1)), Duration::from_secs(6));
    }
}
