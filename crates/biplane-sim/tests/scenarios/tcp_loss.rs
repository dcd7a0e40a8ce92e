//! Where nobody wants a grace, a session ends with its control connection.

use biplane_proto::{CloseReason, Event, Planes, SendError};
use biplane_sim::Pair;

use crate::tools::*;

#[test]
fn a_broken_connection_ends_the_session_at_both_ends_at_once() {
    let mut scene = Scene::of_grace(1, seconds(0));
    let now = scene.now();
    scene.impair(|wires| wires.kill_control(now));
    scene.run_for(ms(20));
    for side in Pair::SIDES {
        assert_eq!(scene.events(side), [Event::Left(CloseReason::ConnectionLost)], "{side}");
        let refused = scene.send(side, channel("unreliable"), message(0, 20));
        assert_eq!(refused, Err(SendError::Closed));
    }
    scene.run_for(seconds(2));
    for side in Pair::SIDES {
        assert!(scene.session(side).is_over(), "{side}");
        assert_eq!(scene.events(side), []);
        assert!(!scene.session(side).planes().has_control());
    }
    assert_ne!(scene.planes(CLIENT), Some(Planes::Both));
}

#[test]
fn the_end_that_notices_first_tells_the_other_over_udp() {
    let mut scene = Scene::of_grace(2, seconds(0));
    // The server's end breaks; the client's hangs.
    let now = scene.now();
    scene.impair(|wires| {
        wires.control_down.hold();
        wires.control_up.kill(now);
    });
    let told = scene.time_to_event(CLIENT, seconds(1), |event| {
        *event == Event::Left(CloseReason::ConnectionLost)
    });
    assert_eq!(told, Some(ms(40)), "a trip to the server, and one back over UDP");
}

#[test]
fn what_had_come_can_still_be_taken() {
    let mut scene = Scene::of_grace(3, seconds(0));
    for name in ["chat", "ordered", "unreliable"] {
        scene.say(CLIENT, channel(name), message(0, 100));
    }
    scene.run_for(ms(30));
    let now = scene.now();
    scene.impair(|wires| wires.kill_control(now));
    scene.run_for(seconds(3));
    assert!(scene.session(SERVER).is_over());
    for name in ["chat", "ordered", "unreliable"] {
        assert_eq!(scene.take(SERVER, channel(name)), Some(message(0, 100)), "{name}");
    }
}
