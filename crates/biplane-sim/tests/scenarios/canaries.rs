//! Faults planted between a session and its application are found, and called by their names.

use biplane_proto::Role;
use biplane_sim::{
    Broken, CanaryKind, Conditions, ContractBreach, LinkConfig, MessageBreach, Outcome, Plan, Side,
    Trial, WiresConfig,
};

use crate::tools::*;

fn run(seed: u64, canary: Option<CanaryKind>) -> Outcome {
    let conditions = Conditions::of(WiresConfig::of(LinkConfig::clean(ms(20))));
    let plan = Plan { length: seconds(5), canary, ..Plan::default() };
    Trial::new(*START, seed, conditions, plan).run()
}

#[test]
fn each_canary_is_caught_on_whatever_channel_it_sits() {
    for (seed, kind) in (0..6).flat_map(|seed| CanaryKind::OF_MESSAGES.map(|kind| (seed, kind))) {
        let outcome = run(seed, Some(kind));
        assert!(outcome.caught(kind), "seed {seed}, {kind}: {:?}", outcome.breaches);
        for breach in &outcome.breaches {
            assert_eq!(breach.side.map(Side::role), Some(Role::Server), "seed {seed}: {breach}");
            assert!(matches!(breach.what, Broken::Message(_)), "seed {seed}: {breach}");
        }
    }
}

/// Every channel offers notices, and TCP is slower than UDP, so that messages come before commands.
fn run_with_options(seed: u64, canary: Option<CanaryKind>) -> Outcome {
    let mut wires = WiresConfig::of(LinkConfig::clean(ms(20)));
    wires.control_up.latency = ms(100);
    wires.control_down.latency = ms(100);
    let mut conditions = Conditions::of(wires);
    conditions.protocol.configure(|_, channel| channel.notify = true);
    let plan = Plan { length: seconds(5), canary, ..Plan::default() };
    Trial::new(*START, seed, conditions, plan).run()
}

#[test]
fn what_is_asked_of_messages_beside_their_channels_promise_is_judged_too() {
    for seed in 0..6 {
        let breaches = run_with_options(seed, None).breaches;
        assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
        for kind in CanaryKind::OF_OPTIONS {
            let outcome = run_with_options(seed, Some(kind));
            assert!(outcome.caught(kind), "seed {seed}, {kind}: {:?}", outcome.breaches);
            let others = CanaryKind::OF_OPTIONS.into_iter().filter(|other| *other != kind);
            for other in others {
                assert!(!outcome.caught(other), "seed {seed}, {kind}: {:?}", outcome.breaches);
            }
        }
    }
}

#[test]
fn a_session_that_does_not_count_what_was_dropped_is_found_by_what_was() {
    for seed in 0..6 {
        let run = |canary| {
            let mut wires = WiresConfig::of(LinkConfig::clean(ms(20)));
            (wires.up.corruption, wires.up.duplication) = (0.05, 0.05);
            let plan = Plan { length: seconds(5), canary, ..Plan::default() };
            Trial::new(*START, seed, Conditions::of(wires), plan).run()
        };
        let breaches = run(None).breaches;
        assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
        let outcome = run(Some(CanaryKind::Swallows));
        assert!(outcome.caught(CanaryKind::Swallows), "seed {seed}: {:?}", outcome.breaches);
        // Copies are dropped by the session itself, which counts them.
        assert!(outcome.breaches.iter().all(|breach| matches!(
            breach.what,
            Broken::Contract(ContractBreach::DropsMiscounted { says: 0, were: 1.., .. })
        )));
    }
}

#[test]
fn none_is_called_by_the_name_of_another() {
    for seed in 0..6 {
        let swapped = run(seed, Some(CanaryKind::Swaps));
        assert!(!swapped.caught(CanaryKind::Withholds), "seed {seed}: {:?}", swapped.breaches);
        assert!(!swapped.caught(CanaryKind::Repeats), "seed {seed}: {:?}", swapped.breaches);
        let repeated = run(seed, Some(CanaryKind::Repeats)).breaches;
        let twice =
            |what: &Broken| matches!(what, Broken::Message(MessageBreach::Repeated { index: 20 }));
        assert!(repeated.len() == 1 && twice(&repeated[0].what), "seed {seed}: {repeated:?}");
    }
}

#[test]
fn without_a_canary_there_is_nothing_to_find() {
    for seed in 0..6 {
        let breaches = run(seed, None).breaches;
        assert!(breaches.is_empty(), "seed {seed}: {breaches:?}");
    }
}
