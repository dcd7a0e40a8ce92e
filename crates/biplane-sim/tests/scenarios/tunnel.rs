//! A UDP direction that dies in the middle of a session: its messages ride TCP until it is back.

use biplane_proto::{Event, Planes};
use biplane_sim::{LinkConfig, Protocol};

use crate::tools::*;

const KINDS: [&str; 4] = ["ordered", "sequenced", "unordered", "unreliable"];

/// A session whose UDP died three seconds ago.
fn control_only(seed: u64) -> Scene {
    let mut scene = Scene::clean(seed);
    cut(&mut scene);
    scene
}

fn cut(scene: &mut Scene) {
    scene.impair(|wires| wires.cut_data());
    for side in [CLIENT, SERVER] {
        scene.say(side, channel("unreliable"), message(0, 100));
    }
    scene.run_for(seconds(3));
    for side in [CLIENT, SERVER] {
        drop(scene.events(side));
        assert_eq!(scene.planes(side), Some(Planes::ControlOnly));
        while scene.take(side, channel("unreliable")).is_some() {}
    }
}

#[test]
fn every_kind_of_message_rides_tcp_both_ways() {
    let mut scene = control_only(1);
    for (side, name) in [CLIENT, SERVER].into_iter().flat_map(|side| KINDS.map(|kind| (side, kind)))
    {
        scene.say(side, channel(name), message(1, 500));
        let heard = scene.hear(side.peer(), channel(name), seconds(1));
        assert_eq!(heard, [(ms(20), message(1, 500))], "{side}, {name}");
    }
}

#[test]
fn what_was_in_flight_when_udp_died_comes_by_tcp_once() {
    let mut scene = Scene::clean(2);
    scene.impair(|wires| wires.cut_data());
    for name in ["ordered", "unordered"] {
        (0..20).for_each(|index| scene.say(CLIENT, channel(name), message(index, 900)));
    }
    scene.run_for(seconds(3));
    for name in ["ordered", "unordered"] {
        let heard = messages(scene.hear(SERVER, channel(name), seconds(1)));
        assert_eq!(heard, (0..20).map(|index| message(index, 900)).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn a_game_goes_on_at_its_rate_and_moves_back_within_three_seconds() {
    let mut scene = control_only(3);
    let snapshots = channel("sequenced");
    let tick = |scene: &mut Scene, index: u64| {
        scene.say(SERVER, snapshots, message(index, 600));
        scene.run_for(ms(50));
        core::iter::from_fn(|| scene.take(CLIENT, snapshots)).count()
    };
    let over_tcp: usize = (0..200).map(|index| tick(&mut scene, index)).sum();
    assert!(over_tcp >= 199, "{over_tcp} of 200");
    scene.impair(|wires| wires.mend_data());
    let mended: usize = (200..260).map(|index| tick(&mut scene, index)).sum();
    assert!(mended >= 59, "{mended} of 60");
    for side in [CLIENT, SERVER] {
        assert!(scene.events(side).contains(&Event::Planes(Planes::Both)), "{side}");
    }
    let before = scene.session(CLIENT).stats().delivery.tunnelled;
    (260..300).for_each(|index| assert_eq!(tick(&mut scene, index), 1));
    assert_eq!(scene.session(CLIENT).stats().delivery.tunnelled, before, "all of it by UDP");
}

#[test]
fn one_dead_direction_rides_tcp_and_the_other_goes_on_over_udp() {
    let mut scene = Scene::clean(4);
    scene.impair(|wires| wires.up.cut());
    scene.say(CLIENT, channel("unreliable"), message(0, 100));
    scene.run_for(seconds(3));
    for name in KINDS {
        scene.say(CLIENT, channel(name), message(1, 100));
        scene.say(SERVER, channel(name), message(1, 100));
        for side in [CLIENT, SERVER] {
            assert_eq!(scene.hear(side, channel(name), ms(25)).len(), 1, "{side}, {name}");
        }
    }
    let tunnelled = [CLIENT, SERVER].map(|side| scene.session(side).stats().delivery.tunnelled);
    assert_eq!(tunnelled, [0, 4], "as they came to the client, and to the server");
}

/// Snapshots of 300 ms over a connection that stands still for three seconds.
#[test]
fn a_stall_delivers_no_museum() {
    let mut protocol = Protocol::of_every_kind();
    for name in ["sequenced", "unreliable"] {
        let place = protocol.channel(name).unwrap().index();
        protocol.channels.get_mut(place).unwrap().lifetime = Some(ms(300));
    }
    for name in ["sequenced", "unreliable"] {
        let mut scene = Scene::speaking(5, protocol.clone(), LinkConfig::clean(ms(20)));
        cut(&mut scene);
        let (lane, mut sent) = (channel(name), Vec::new());
        let mut ages = Vec::new();
        for index in 0..200 {
            if index == 60 {
                scene.impair(|wires| wires.control_down.hold());
            }
            if index == 120 {
                let now = scene.now();
                scene.impair(|wires| wires.control_down.release(now));
            }
            sent.push(scene.now());
            scene.say(SERVER, lane, message(index, 600));
            for (after, got) in scene.hear(CLIENT, lane, ms(50)) {
                let number = (0..=index).find(|index| message(*index, 600) == got).unwrap();
                let number = usize::try_from(number).unwrap();
                ages.push(sent[usize::try_from(index).unwrap()] + after - sent[number]);
            }
        }
        let oldest = ages.iter().max().unwrap();
        assert!(*oldest <= ms(300 + 100), "{name}: {oldest:?}");
        assert!(ages.len() >= 135, "{name}: {} of those that could come", ages.len());
        let client = scene.session(CLIENT).stats();
        assert!(client.messages_late >= 1, "{name}: the connection held some");
    }
}

/// What a game notices of it: nothing for two seconds, then all goes on.
#[test]
fn a_game_in_full_flow_finds_another_way_within_three_seconds() {
    for seed in 0..10 {
        let mut scene = Scene::clean(seed);
        let (inputs, snapshots) = (channel("unreliable"), channel("sequenced"));
        // A wide window, so that it is not a full one that stops the flow.
        for index in 0..400 {
            scene.say(SERVER, channel("unordered"), message(index, 1_000));
            scene.run_for(ms(1));
        }
        assert_eq!(scene.hear(CLIENT, channel("unordered"), seconds(1)).len(), 400);
        let mut last = scene.now();
        let (mut gap, mut number) = (ms(0), 0);
        for tick in 0..600_u64 {
            if tick == 120 {
                scene.impair(|wires| wires.cut_data());
            }
            scene.say(CLIENT, inputs, message(tick, 64));
            if tick % 3 == 0 {
                number += 1;
                scene.say(SERVER, snapshots, message(number, 600));
            }
            scene.run_for(ms(17));
            while scene.take(CLIENT, snapshots).is_some() {
                gap = gap.max(scene.now() - last);
                last = scene.now();
            }
            while scene.take(SERVER, inputs).is_some() {}
        }
        gap = gap.max(scene.now() - last);
        assert!(gap <= ms(2_500), "seed {seed}: {gap:?}");
    }
}
