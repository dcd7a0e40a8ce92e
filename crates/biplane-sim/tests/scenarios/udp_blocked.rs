//! Where UDP is blocked from the start, everything rides TCP, and the application is told.

use biplane_proto::{Event, Planes};
use biplane_sim::{ClientConfig, Pair, WiresConfig};

use crate::tools::*;

fn is(planes: Planes) -> impl Fn(&Event) -> bool {
    move |event| *event == Event::Planes(planes)
}

fn blocked(seed: u64) -> Scene {
    let mut scene = Scene::dialing(seed, ClientConfig::new(WiresConfig::clean(ms(20))));
    scene.impair(|wires| wires.cut_data());
    scene
}

#[test]
fn control_only_is_declared_in_half_a_second_at_both_ends() {
    let mut scene = blocked(1);
    let told = scene.time_to_event(CLIENT, seconds(5), is(Planes::ControlOnly));
    // The server gives up 500 ms after it began, which was 20 ms in, and says so.
    assert_eq!(told, Some(ms(20 + 500 + 20)));
    assert!(scene.events(SERVER).contains(&Event::Planes(Planes::ControlOnly)));
    scene.run_for(seconds(30));
    for side in Pair::SIDES {
        let again = scene.events(side);
        assert!(!again.iter().any(|event| matches!(event, Event::Planes(_))), "{side}: {again:?}");
    }
}

#[test]
fn every_kind_of_message_comes_over_tcp() {
    let mut scene = blocked(2);
    scene.run_for(seconds(2));
    let names = ["chat", "orders", "ordered", "sequenced", "unordered", "unreliable"];
    for (side, name) in Pair::SIDES.into_iter().flat_map(|side| names.map(|name| (side, name))) {
        scene.say(side, channel(name), message(0, 500));
        let heard = scene.hear(side.peer(), channel(name), seconds(1));
        assert_eq!(heard, [(ms(20), message(0, 500))], "{side}, {name}");
    }
    assert_eq!(scene.server_tally().received, 0);
}

#[test]
fn a_flood_over_tcp_keeps_every_reliable_message() {
    let mut scene = blocked(3);
    scene.run_for(seconds(2));
    let ordered = channel("ordered");
    for index in 0..500 {
        assert_eq!(scene.send(CLIENT, ordered, message(index, 1_000)), Ok(()));
    }
    scene.flush(CLIENT);
    let heard = messages(scene.hear(SERVER, ordered, seconds(10)));
    assert!(heard == (0..500).map(|index| message(index, 1_000)).collect::<Vec<_>>());
}

#[test]
fn when_udp_comes_up_after_all_traffic_moves_there() {
    let mut scene = blocked(4);
    scene.run_for(seconds(10));
    Pair::SIDES.iter().for_each(|side| drop(scene.events(*side)));
    scene.impair(|wires| wires.mend_data());
    let back = scene.time_to_event(CLIENT, seconds(10), is(Planes::Both));
    // A challenge a second, then the two round trips of a join.
    assert!(back.is_some_and(|back| back <= ms(1_000 + 80)), "{back:?}");
    scene.say(CLIENT, channel("ordered"), message(0, 100));
    let packets = scene.session(SERVER).stats().packets_received;
    assert_eq!(scene.hear(SERVER, channel("ordered"), ms(25)).len(), 1);
    assert_eq!(scene.session(SERVER).stats().packets_received, packets + 1);
}
