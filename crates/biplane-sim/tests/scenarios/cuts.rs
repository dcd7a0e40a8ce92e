//! A control connection breaks after any byte.

use biplane_sim::{Conditions, Plan, Trial};

use crate::tools::*;

#[test]
fn every_command_request_and_reply_comes_once_whatever_the_byte() {
    let mut resumes = 0;
    // The last two: a long message rode the first connection whole, and the next was a datagram's.
    for seed in (0..30).chain([1_345, 1_503]) {
        let (uncut, length) = Conditions::uncut(seed);
        let plan = Plan { length, ..Plan::default() };
        let whole = Trial::new(*START, seed, uncut, plan).run().figures.control;
        let (conditions, length) = Conditions::of_cuts(seed, whole);
        let outcome = Trial::new(*START, seed, conditions, Plan { length, ..plan }).run();
        let breaches: Vec<_> = outcome.breaches.iter().map(ToString::to_string).collect();
        assert!(outcome.is_clean(), "seed {seed}: {breaches:#?}");
        resumes += outcome.figures.resumes;
    }
    assert!(resumes >= 40, "{resumes}");
}
