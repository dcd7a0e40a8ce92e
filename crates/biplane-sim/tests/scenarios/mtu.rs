//! Paths that carry longer datagrams than others, and that come to carry less.

use core::time::Duration;

use biplane_sim::{CanaryKind, Conditions, LinkConfig, Plan, Protocol, Side, Trial};

use crate::tools::*;

/// A session over a path of 20 ms one way that carries so much.
fn carrying(seed: u64, mtu: usize) -> Scene {
    let link = LinkConfig { mtu: Some(mtu), ..LinkConfig::clean(ms(20)) };
    Scene::speaking(seed, Protocol::of_every_kind(), link)
}

fn size(scene: &Scene, side: Side) -> u64 {
    scene.session(side).stats().path.datagram_size
}

/// Both sides say something long, which comes whole.
fn talk(scene: &mut Scene, index: u64, time: Duration) {
    let long = message(index, 60_000);
    for side in [CLIENT, SERVER] {
        scene.say(side, channel("ordered"), long.clone());
    }
    scene.run_for(time);
    for side in [CLIENT, SERVER] {
        assert_eq!(scene.take(side, channel("ordered")), Some(long.clone()), "{side}");
    }
}

#[test]
fn each_side_finds_out_what_its_way_carries() {
    for (mtu, found) in
        [(1_200, 1_200), (1_232, 1_231), (1_252, 1_251), (1_372, 1_369), (1_472, 1_452)]
    {
        let mut scene = carrying(1, mtu);
        talk(&mut scene, 0, seconds(5));
        assert_eq!([CLIENT, SERVER].map(|side| size(&scene, side)), [found; 2], "{mtu}");
        let before = scene.wires(0).unwrap().up.stats().too_big;
        talk(&mut scene, 1, seconds(5));
        assert_eq!(scene.wires(0).unwrap().up.stats().too_big, before, "nothing more is asked");
    }
}

#[test]
fn who_says_little_asks_nothing() {
    let mut scene = carrying(2, 9_000);
    let before = scene.wires(0).unwrap().up.stats().sent;
    for tick in 0..300 {
        scene.say(CLIENT, channel("sequenced"), message(tick, 200));
        scene.run_for(ms(20));
    }
    assert_eq!(size(&scene, CLIENT), 1_200);
    let sent = scene.wires(0).unwrap().up.stats().sent - before;
    assert!(sent <= 301, "{sent} datagrams for 300 messages");
}

#[test]
fn where_a_path_comes_to_carry_less_messages_come_within_seconds_and_are_cut_anew() {
    let mut scene = carrying(3, 1_472);
    talk(&mut scene, 0, seconds(2));
    let now = scene.now();
    scene.wires_mut(0).unwrap().narrow(now, 1_252);
    talk(&mut scene, 1, seconds(3));
    scene.run_for(seconds(3));
    for side in [CLIENT, SERVER] {
        assert_eq!(size(&scene, side), 1_251, "{side}");
        assert_eq!(scene.session(side).stats().path.narrowed, 1, "{side}");
    }
    assert_eq!(scene.planes(CLIENT), Some(biplane_proto::Planes::Both));
}

#[test]
fn a_path_that_comes_to_carry_more_is_asked_again_after_ten_minutes() {
    let mut scene = carrying(4, 1_252);
    talk(&mut scene, 0, seconds(5));
    let now = scene.now();
    scene.wires_mut(0).unwrap().narrow(now, 1_472);
    talk(&mut scene, 1, seconds(500));
    assert_eq!(size(&scene, CLIENT), 1_251);
    scene.run_for(seconds(100));
    talk(&mut scene, 2, seconds(5));
    assert_eq!(size(&scene, CLIENT), 1_452);
}

#[test]
fn a_server_that_takes_every_loss_for_an_arrival_is_found_out() {
    let seed = (0..).find(|seed| Conditions::of_mtu(*seed).0.narrows()).unwrap();
    let run = |canary| {
        let (conditions, length) = Conditions::of_mtu(seed);
        let plan = Plan { canary, length, ..Plan::default() };
        Trial::new(*START, seed, conditions, plan).run()
    };
    let sound = run(None).breaches;
    assert!(sound.is_empty(), "{sound:?}");
    let planted = run(Some(CanaryKind::Vouches));
    assert!(planted.caught(CanaryKind::Vouches), "{:?}", planted.breaches);
}
