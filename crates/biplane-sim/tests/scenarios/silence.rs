//! A peer that is silent on every plane is given up once its grace is over.

use biplane_proto::{CloseReason, Event};
use biplane_sim::Pair;

use crate::tools::*;

#[test]
fn without_a_grace_a_silent_peer_times_out_after_ten_seconds() {
    let mut scene = Scene::of_grace(1, seconds(0));
    scene.impair(|wires| {
        wires.cut_data();
        wires.hold_control();
    });
    for side in Pair::SIDES {
        let told = scene
            .time_to_event(side, seconds(20), |event| *event == Event::Left(CloseReason::TimedOut));
        let told = told.expect("given up");
        // The last word came up to one keep-alive before.
        assert!(told <= seconds(10), "{side}: {told:?}");
    }
    assert!(scene.elapsed() >= seconds(8), "{:?}", scene.elapsed());
    scene.run_for(seconds(3));
    for side in Pair::SIDES {
        assert_eq!(scene.events(side), [], "{side}");
        assert!(scene.session(side).is_over(), "{side}");
    }
}

#[test]
fn silence_on_tcp_alone_is_replaced_and_ends_nothing() {
    let mut scene = Scene::clean(2);
    scene.impair(|wires| wires.strand_control());
    let resumed = scene.resume_within(seconds(12)).expect("silence is noticed");
    assert!(resumed <= seconds(10) + ms(50 + 120), "{resumed:?}");
    scene.run_for(seconds(1));
    for side in Pair::SIDES {
        assert_eq!(scene.planes(side), Some(biplane_proto::Planes::Both), "{side}");
    }
}

#[test]
fn a_short_silence_ends_nothing() {
    let mut scene = Scene::clean(3);
    scene.impair(|wires| {
        wires.cut_data();
        wires.hold_control();
    });
    scene.run_for(ms(6_500));
    let now = scene.now();
    scene.impair(|wires| {
        wires.mend_data();
        wires.release_control(now);
    });
    scene.run_for(seconds(30));
    for side in Pair::SIDES {
        assert!(!scene.session(side).is_closed(), "{side}");
        assert_eq!(scene.planes(side), Some(biplane_proto::Planes::Both), "{side}");
    }
}
