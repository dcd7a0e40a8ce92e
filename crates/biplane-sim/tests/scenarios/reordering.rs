//! What the network puts out of order is not lost, and costs no window.

use biplane_sim::{Fault, LinkConfig};

use crate::tools::*;

const LEN: usize = 200;

/// The client's flow of one message a millisecond, for so many milliseconds.
fn flow(scene: &mut Scene, first: u64, count: u64) {
    for index in first..first + count {
        scene.say(CLIENT, channel("unordered"), message(index, LEN));
        scene.run_for(ms(1));
        while scene.take(SERVER, channel("unordered")).is_some() {}
    }
}

#[test]
fn a_packet_that_was_overtaken_gives_the_window_back_and_the_next_is_waited_for() {
    let mut scene = Scene::joined(1, LinkConfig::clean(ms(80)));
    flow(&mut scene, 0, 1_000);
    let before = scene.session(CLIENT).stats();
    assert_eq!(before.packets_lost, 0);
    // One falls 50 ms behind: lost by the count of those after it, long before 9/8 of 160 ms.
    scene.impair(|wires| wires.up.script([Fault::Delay(ms(50))]));
    flow(&mut scene, 1_000, 500);
    let after = scene.session(CLIENT).stats();
    assert_eq!((after.packets_lost, after.path.lost_spuriously), (1, 1));
    assert!(after.congestion_window >= before.congestion_window, "{after:?}");
    // The same again is borne.
    scene.impair(|wires| wires.up.script([Fault::Delay(ms(15))]));
    flow(&mut scene, 1_500, 500);
    assert_eq!(scene.session(CLIENT).stats().packets_lost, 1);
}

#[test]
fn a_packet_that_is_lost_comes_again_before_an_eighth_of_a_long_round_trip_is_over() {
    let mut scene = Scene::joined(2, LinkConfig::clean(ms(200)));
    flow(&mut scene, 0, 4_000);
    scene.run_for(seconds(2));
    while scene.take(SERVER, channel("unordered")).is_some() {}
    scene.impair(|wires| wires.up.script([Fault::Lose]));
    let began = scene.now();
    scene.say(CLIENT, channel("unordered"), message(9_999, LEN));
    let mut took = None;
    for index in 4_000..5_000 {
        scene.say(CLIENT, channel("unordered"), message(index, LEN));
        scene.run_for(ms(1));
        while let Some(heard) = scene.take(SERVER, channel("unordered")) {
            took = took.or_else(|| (heard == message(9_999, LEN)).then(|| scene.now() - began));
        }
    }
    let took = took.expect("it comes");
    // 400 ms until those after it are acknowledged, every tenth at once, and 200 ms again; 9/8 of the
    // round trip would be 450 ms.
    assert!((ms(600)..ms(625)).contains(&took), "{took:?}");
}
