//! A peer that is silent on every plane is given up.

use biplane_proto::{CloseReason, Event};
use biplane_sim::Pair;

use crate::tools::*;

#[test]
fn a_silent_peer_times_out_after_ten_seconds() {
    let mut scene = Scene::clean(1);
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
fn silence_on_tcp_alone_ends_it_too() {
    let mut scene = Scene::clean(2);
    scene.impair(|wires| wires.hold_control());
    let mut left = None;
    scene.run_until(seconds(20), |world| {
        world.send(CLIENT, channel("unreliable"), message(0, 20).0).ok();
        left = core::iter::from_fn(|| world.poll_event(SERVER)).last();
        matches!(left, Some(Event::Left(_)))
    });
    let ended = [CloseReason::TimedOut, CloseReason::ConnectionLost].map(Event::Left);
    assert!(left.as_ref().is_some_and(|left| ended.contains(left)), "{left:?}");
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
        wires.control_up.release(now);
        wires.control_down.release(now);
    });
    scene.run_for(seconds(30));
    for side in Pair::SIDES {
        assert!(!scene.session(side).is_closed(), "{side}");
        assert_eq!(scene.planes(side), Some(biplane_proto::Planes::Both), "{side}");
    }
}
