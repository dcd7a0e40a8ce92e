//! A flow that the peer acknowledges rarely is not held up where its window closes.

use biplane_sim::Pair;

use crate::tools::*;

#[test]
fn a_young_flow_waits_for_round_trips_alone() {
    for name in ["unreliable", "unordered"] {
        let mut scene = Scene::clean(1);
        for index in 0..60 {
            scene.say(CLIENT, channel(name), message(index, 1_100));
        }
        let heard = scene.hear(SERVER, channel(name), seconds(2));
        assert_eq!(heard.len(), 60, "{name}");
        // 10 packets, 20 and 30: each window paced over most of a round trip, and then waits for one.
        let last = heard.last().unwrap().0;
        assert!(last <= ms(200), "{name}: {last:?}");
    }
}

#[test]
fn no_more_than_one_ack_in_a_round_trip_is_asked_for() {
    let mut scene = Scene::clean(2);
    let began = scene.session(SERVER).stats().packets_sent;
    for index in 0..1_000 {
        scene.say(CLIENT, channel("unreliable"), message(index, 1_100));
        scene.run_for(ms(1));
    }
    scene.run_for(seconds(1));
    let acks = scene.session(SERVER).stats().packets_sent - began;
    assert!(acks <= 1_000 / 32 + 10, "{acks} acks of a thousand packets");
    Pair::SIDES.iter().for_each(|side| drop(scene.events(*side)));
}
