//! How long a session lives without its control connection, and without any plane at all.

use biplane_proto::{CloseReason, Event, Planes};
use biplane_sim::{Pair, Side};

use crate::tools::*;

fn left(event: &Event) -> bool {
    matches!(event, Event::Left(_))
}

#[test]
fn an_expired_grace_ends_both_sides() {
    let mut scene = Scene::of_grace(1, seconds(5));
    scene.impair(|wires| wires.hold_control());
    scene.lose_control();
    for side in Pair::SIDES {
        assert!(scene.events(side).contains(&Event::Planes(Planes::DataOnly)), "{side}");
    }
    let (mut ends, began) = (Vec::new(), scene.now());
    scene.run_until(seconds(7), |world| {
        for side in Pair::SIDES {
            while let Some(event) = world.poll_event(side) {
                if let Event::Left(reason) = event {
                    ends.push((side, world.now() - began, reason));
                }
            }
        }
        false
    });
    let [(_, first, reason), (_, second, _)] = ends.as_slice() else { panic!("{ends:?}") };
    assert_eq!(*reason, CloseReason::TimedOut);
    assert!(*first >= ms(4_960) && *second <= seconds(6), "{ends:?}");
    assert!(Pair::SIDES.iter().all(|side| scene.session(*side).is_over()), "{ends:?}");
    let sent = |scene: &Scene, side| scene.session(side).stats().packets_sent;
    let before = Pair::SIDES.map(|side| sent(&scene, side));
    scene.run_for(seconds(10));
    assert_eq!(Pair::SIDES.map(|side| sent(&scene, side)), before, "UDP has ended too");
}

#[test]
fn a_connection_that_comes_in_time_ends_the_grace() {
    let mut scene = Scene::of_grace(2, seconds(5));
    scene.impair(|wires| wires.hold_control());
    scene.lose_control();
    scene.run_for(seconds(4));
    let now = scene.now();
    scene.impair(|wires| wires.release_control(now));
    assert!(scene.resume_within(seconds(1)).is_some_and(|took| took < seconds(1)));
    scene.run_for(seconds(20));
    for side in Pair::SIDES {
        assert_eq!(scene.planes(side), Some(Planes::Both), "{side}");
        assert!(!scene.events(side).iter().any(left), "{side}");
    }
}

#[test]
fn without_both_planes_lost_is_told_and_both_come_back() {
    let mut scene = Scene::clean(3);
    scene.impair(|wires| {
        wires.cut_data();
        wires.hold_control();
    });
    for side in Pair::SIDES {
        let told =
            scene.time_to_event(side, seconds(15), |event| *event == Event::Planes(Planes::Lost));
        assert!(told.is_some(), "{side}");
    }
    scene.run_for(seconds(10));
    let now = scene.now();
    scene.impair(|wires| {
        wires.mend_data();
        wires.release_control(now);
    });
    let mut told: Vec<(Side, Planes)> = Vec::new();
    scene.run_until(seconds(5), |world| {
        for side in Pair::SIDES {
            while let Some(event) = world.poll_event(side) {
                match event {
                    Event::Planes(planes) => told.push((side, planes)),
                    Event::Left(reason) => panic!("{side}: {reason}"),
                    _ => {}
                }
            }
        }
        Pair::SIDES.iter().all(|side| told.contains(&(*side, Planes::Both)))
    });
    let took = scene.now() - now;
    assert!(took <= seconds(3), "{took:?}: {told:?}");
}

#[test]
fn what_waits_while_both_planes_are_gone_comes_when_one_is_back() {
    let mut scene = Scene::clean(4);
    scene.impair(|wires| {
        wires.cut_data();
        wires.hold_control();
    });
    scene.run_for(seconds(12));
    for name in ["chat", "ordered", "unordered"] {
        scene.say(CLIENT, channel(name), message(0, 5_000));
    }
    scene.run_for(seconds(10));
    let now = scene.now();
    scene.impair(|wires| {
        wires.mend_data();
        wires.release_control(now);
    });
    scene.run_for(seconds(5));
    for name in ["chat", "ordered", "unordered"] {
        assert_eq!(scene.take(SERVER, channel(name)), Some(message(0, 5_000)), "{name}");
        assert_eq!(scene.take(SERVER, channel(name)), None, "{name}");
    }
}
