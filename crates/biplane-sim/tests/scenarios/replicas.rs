//! One seed, one run: byte for byte.

use biplane_sim::{Plan, Trial};

use crate::tools::*;

#[test]
fn two_replicas_of_one_seed_have_equal_transcripts() {
    let plan = Plan { length: seconds(5), ..Plan::default() };
    let run = |seed| Trial::of_seed(*START, seed, plan).run();
    for seed in [3, 8] {
        let (one, other) = (run(seed), run(seed));
        assert_eq!(one, other, "seed {seed}");
        assert!(one.figures.datagrams.arrived > 100, "seed {seed}: {}", one.figures);
    }
    assert_ne!(run(3).transcript, run(8).transcript);
}

#[test]
fn the_moment_a_run_begins_at_changes_nothing() {
    let plan = Plan { length: seconds(3), ..Plan::default() };
    let run = |start| Trial::of_seed(start, 5, plan).run();
    assert_eq!(run(*START), run(*START + seconds(86_400)));
}
