//! A client whose NAT forgets it: another port, another address, and back and forth.

use core::time::Duration;

use biplane_proto::Planes;
use biplane_sim::{ClientConfig, Fault, ForgerConfig, LinkConfig, WiresConfig};

use crate::tools::*;

/// The round trip of a clean scene.
const RTT: Duration = ms(40);
/// Either side says something this often.
const TICK: Duration = ms(20);

/// The longest that the client has to wait for a snapshot, while both sides speak for `time` and
/// `moves` says at which ticks the NAT forgets the client, and whether its address changes too.
fn longest_gap(scene: &mut Scene, time: Duration, moves: impl Fn(u64) -> Option<bool>) -> Duration {
    let (mut latest, mut longest) = (scene.now(), Duration::ZERO);
    let ticks = u64::try_from(time.as_millis() / TICK.as_millis()).unwrap();
    for tick in 0..ticks {
        if let Some(address) = moves(tick) {
            scene.rebind(0, address);
        }
        scene.say(SERVER, channel("sequenced"), message(tick, 200));
        scene.say(CLIENT, channel("unreliable"), message(tick, 60));
        scene.run_until(TICK, |world| {
            while world.take(CLIENT, channel("sequenced")).is_some() {
                longest = longest.max(world.now() - latest);
                latest = world.now();
            }
            while world.take(SERVER, channel("unreliable")).is_some() {}
            false
        });
    }
    longest
}

/// Three round trips, one validation, and what either side waits for its next tick.
const BOUND: Duration = Duration::from_millis(4 * 40 + 2 * 20);

#[test]
fn a_port_that_changes_every_three_seconds_costs_a_gap_of_few_round_trips() {
    for address in [false, true] {
        let mut scene = Scene::clean(1);
        let gap =
            longest_gap(&mut scene, seconds(20), |tick| (tick % 150 == 75).then_some(address));
        assert!(gap <= BOUND, "{gap:?}, {RTT:?}");
        assert!(gap > TICK, "what was under way to the old address is gone");
        assert_eq!(scene.session(SERVER).stats().path.changes, 7);
        for side in [CLIENT, SERVER] {
            assert!(!scene.session(side).is_closed());
            assert_eq!(scene.session(side).stats().delivery.tunnelled, 0, "{side}");
        }
    }
}

#[test]
fn a_client_that_comes_back_to_the_address_before_is_asked_there_anew() {
    let mut scene = Scene::clean(4);
    let home = scene.client_address(0);
    for count in 1..=6 {
        if count % 2 == 1 {
            scene.rebind(0, true);
        } else {
            scene.rebind_back(0);
        }
        assert_eq!(scene.client_address(0) == home, count % 2 == 0);
        let gap = longest_gap(&mut scene, seconds(4), |_| None);
        assert!(gap <= BOUND, "move {count}: {gap:?}");
        assert_eq!(scene.session(SERVER).stats().path.changes, count);
        assert_eq!(scene.questions(0).again, 0);
    }
}

#[test]
fn a_question_that_is_lost_is_asked_again_after_a_second() {
    let mut scene = Scene::clean(5);
    longest_gap(&mut scene, seconds(1), |_| None);
    scene.rebind(0, false);
    // What goes to the address before reaches no link.
    scene.impair(|wires| wires.down.script([Fault::Lose; 2]));
    let gap = longest_gap(&mut scene, seconds(5), |_| None);
    assert!((seconds(2)..=seconds(2) + BOUND).contains(&gap), "{gap:?}");
    assert_eq!(scene.questions(0).again, 2);
    assert_eq!(scene.session(SERVER).stats().path.changes, 1);
}

#[test]
fn a_forged_source_gets_one_short_question_a_second_and_the_session_stays() {
    for late in [0.0, 0.5, 1.0] {
        let mut config = ClientConfig::new(WiresConfig::of(LinkConfig::clean(ms(20))));
        config.forger = Some(ForgerConfig {
            victims: 2,
            copies: 1.0,
            late,
            late_by: ms(100),
            altered: 0.1,
            begins: seconds(2),
            ends: seconds(12),
        });
        let mut scene = Scene::dialing(6, config);
        assert!(scene.join());
        let gap = longest_gap(&mut scene, seconds(15), |_| None);
        // From the join on, too.
        assert!(gap <= ms(100), "{gap:?}");
        // Whether more went there, or anything else, the world's own books say at the end.
        let questions = scene.questions(0);
        if late < 1.0 {
            assert!(questions.of_victims >= 8 && questions.forged > 100, "{questions:?}");
        }
        for side in [CLIENT, SERVER] {
            assert_eq!(scene.planes(side), Some(Planes::Both));
            assert_eq!(scene.session(side).stats().path.changes, 0);
        }
    }
}

#[test]
fn reliable_messages_sent_into_the_void_come_once_and_in_order() {
    let mut scene = Scene::clean(2);
    scene.rebind(0, true);
    for index in 0..20 {
        scene.say(SERVER, channel("ordered"), message(index, 900));
    }
    scene.say(CLIENT, channel("unreliable"), message(0, 60));
    let heard = scene.hear(CLIENT, channel("ordered"), seconds(2));
    let last = heard.last().map(|(at, _)| *at);
    assert_eq!(messages(heard), (0..20).map(|index| message(index, 900)).collect::<Vec<_>>());
    assert!(last <= Some(4 * RTT + ms(60)), "{last:?}");
}

#[test]
fn a_client_that_moves_without_cease_stays() {
    let mut scene = Scene::clean(3);
    // Every 100 ms, far more often than anybody is asked.
    longest_gap(&mut scene, seconds(10), |tick| (tick % 5 == 0).then_some(tick % 10 == 0));
    scene.run_for(seconds(2));
    let gap = longest_gap(&mut scene, seconds(5), |_| None);
    assert!(gap <= seconds(3), "{gap:?}");
    for side in [CLIENT, SERVER] {
        assert!(!scene.session(side).is_closed());
    }
}

#[test]
fn a_nat_that_forgets_its_client_in_the_middle_of_the_join_does_not_stop_it() {
    let config = ClientConfig::new(WiresConfig::of(LinkConfig::clean(ms(20))));
    for after in (0..400).step_by(20) {
        let mut scene = Scene::dialing(after, config.clone());
        scene.run_for(ms(after));
        scene.rebind(0, true);
        assert!(scene.join(), "after {after} ms");
        scene.run_for(seconds(3));
        let gap = longest_gap(&mut scene, seconds(2), |_| None);
        assert!(gap <= seconds(2), "after {after} ms: {gap:?}");
        assert_eq!(scene.planes(SERVER), Some(Planes::Both), "after {after} ms");
    }
}
