//! A client whose NAT forgets it: another port, another address, and back and forth.

use core::time::Duration;

use biplane_proto::Planes;
use biplane_sim::{ClientConfig, LinkConfig, WiresConfig};

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
        assert_eq!(scene.session(SERVER).stats().path_changes, 7);
        for side in [CLIENT, SERVER] {
            assert!(!scene.session(side).is_closed());
            assert_eq!(scene.session(side).stats().delivery.tunnelled, 0, "{side}");
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
