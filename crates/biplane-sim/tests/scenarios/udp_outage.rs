//! UDP dies in the middle of a session and comes back.

use biplane_proto::{Event, Planes};
use biplane_sim::Pair;

use crate::tools::*;

fn is(planes: Planes) -> impl Fn(&Event) -> bool {
    move |event| *event == Event::Planes(planes)
}

#[test]
fn control_only_is_declared_after_two_seconds_without_an_answer() {
    let mut scene = Scene::clean(1);
    scene.impair(|wires| wires.cut_data());
    scene.say(CLIENT, channel("unreliable"), message(0, 100));
    let told = scene.time_to_event(CLIENT, seconds(10), is(Planes::ControlOnly));
    assert_eq!(told, Some(seconds(2)));
    // The server, which sent nothing, hears it from the client.
    let heard = scene.time_to_event(SERVER, seconds(1), is(Planes::ControlOnly));
    assert_eq!(heard, Some(ms(20)));
}

#[test]
fn an_idle_session_notices_by_its_keep_alive() {
    let mut scene = Scene::clean(2);
    scene.impair(|wires| wires.cut_data());
    for side in Pair::SIDES {
        let told = scene.time_to_event(side, seconds(10), is(Planes::ControlOnly));
        assert!(told.is_some_and(|told| told <= seconds(3 + 2)), "{side}: {told:?}");
    }
}

#[test]
fn reliable_messages_come_in_order_through_an_outage_and_after_it() {
    for seed in 0..5 {
        let mut scene = Scene::clean(seed);
        scene.impair(|wires| wires.cut_data());
        let ordered = channel("ordered");
        for index in 0..19 {
            scene.say(CLIENT, ordered, message(index, 100));
            scene.run_for(ms(500));
        }
        assert_eq!(scene.planes(CLIENT), Some(Planes::ControlOnly), "seed {seed}");
        scene.impair(|wires| wires.mend_data());
        let back = scene.time_to_event(CLIENT, seconds(5), is(Planes::Both));
        // A probe every second, its round trip, and the server's word over TCP.
        assert!(back.is_some_and(|back| back <= ms(1_100)), "seed {seed}: {back:?}");
        scene.say(CLIENT, ordered, message(19, 100));
        let heard = messages(scene.hear(SERVER, ordered, seconds(2)));
        assert_eq!(heard, (0..20).map(|index| message(index, 100)).collect::<Vec<_>>());
    }
}

#[test]
fn who_speaks_over_tcp_probes_every_second_however_long_the_outage() {
    let mut scene = Scene::clean(6);
    let ordered = channel("ordered");
    scene.impair(|wires| wires.cut_data());
    for index in 0..2_000 {
        scene.say(CLIENT, ordered, message(index, 100));
        scene.run_for(ms(100));
    }
    scene.impair(|wires| wires.mend_data());
    scene.say(CLIENT, ordered, message(2_000, 100));
    let back = scene.time_to_event(CLIENT, seconds(5), is(Planes::Both));
    // A probe a second, its round trip, and the server's word over TCP.
    assert!(back.is_some_and(|back| back <= ms(1_100)), "{back:?}");
}

#[test]
fn a_session_with_nothing_to_say_probes_ever_more_rarely_until_it_has() {
    let mut scene = Scene::clean(6);
    scene.impair(|wires| wires.cut_data());
    scene.run_for(seconds(300));
    let sent = |scene: &Scene| scene.session(CLIENT).stats().packets_sent;
    let before = sent(&scene);
    scene.run_for(seconds(240));
    assert!((1..=3).contains(&(sent(&scene) - before)), "{}", sent(&scene) - before);
    scene.impair(|wires| wires.mend_data());
    scene.say(CLIENT, channel("ordered"), message(0, 100));
    let back = scene.time_to_event(CLIENT, seconds(5), is(Planes::Both));
    assert!(back.is_some_and(|back| back <= ms(1_100)), "{back:?}");
}

#[test]
fn one_dead_direction_leaves_the_other_alone() {
    let mut scene = Scene::clean(7);
    scene.impair(|wires| wires.up.cut());
    scene.say(CLIENT, channel("unreliable"), message(0, 100));
    scene.say(SERVER, channel("unreliable"), message(0, 100));
    scene.run_for(seconds(5));
    assert_eq!(scene.planes(CLIENT), Some(Planes::ControlOnly));
    assert_eq!(scene.planes(SERVER), Some(Planes::Both), "its acks come over TCP");
    for side in Pair::SIDES {
        assert!(scene.events(side).contains(&Event::Planes(Planes::ControlOnly)), "the worse");
    }
    scene.say(SERVER, channel("ordered"), message(0, 100));
    assert_eq!(scene.hear(CLIENT, channel("ordered"), seconds(1)), [(ms(20), message(0, 100))]);
    scene.run_for(seconds(20));
    assert_eq!(scene.planes(SERVER), Some(Planes::Both));
}

#[test]
fn commands_do_not_care() {
    let mut scene = Scene::clean(8);
    scene.impair(|wires| wires.cut_data());
    for index in 0..100 {
        scene.say(CLIENT, channel("chat"), message(index, 100));
        assert_eq!(scene.hear(SERVER, channel("chat"), ms(100)), [(ms(20), message(index, 100))]);
    }
}
