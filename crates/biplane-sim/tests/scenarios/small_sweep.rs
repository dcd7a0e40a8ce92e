//! A few seeds of the sweep whose many seeds `biplane-sim sweep` runs.

use biplane_sim::{Plan, Trial};

use crate::tools::*;

#[test]
fn every_promise_is_kept_whatever_the_network_does() {
    // BIPLANE_SEED=n runs seed n alone, at full length.
    let one = std::env::var("BIPLANE_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let (seeds, length) = one.map_or((0..6, seconds(10)), |seed| (seed..seed + 1, seconds(60)));
    for seed in seeds {
        let plan = Plan { length, ..Plan::default() };
        let outcome = Trial::of_seed(*START, seed, plan).run();
        let breaches: Vec<_> = outcome.breaches.iter().map(ToString::to_string).collect();
        assert!(outcome.is_clean(), "BIPLANE_SEED={seed}: {breaches:#?}");
        assert!(outcome.figures.messages() > 500, "seed {seed}: {}", outcome.figures);
    }
}
