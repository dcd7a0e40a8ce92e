//! A server is started anew while its clients are there.

use biplane_proto::{CloseReason, Event};
use biplane_sim::{ClientConfig, WiresConfig};

use crate::tools::*;

#[test]
fn clients_are_told_that_their_session_is_gone_and_may_join_anew() {
    let mut scene = Scene::clean(1);
    scene.restart(0);
    let refused = CloseReason::ResumeRefused { text: "no such session".into() };
    let told = scene
        .time_to_event(CLIENT, seconds(2), |event| *event == Event::Left(refused.clone()))
        .expect("the server answers");
    // A trip until the client knows, up to 50 ms of patience, TCP, TLS, and the hello.
    assert!(told <= ms(20 + 50 + 120), "{told:?}");
    assert!(scene.session(SERVER.peer()).is_closed());
    let again = scene.connect(ClientConfig::new(WiresConfig::clean(ms(20))));
    scene.run_for(seconds(1));
    for side in [biplane_sim::Side::Client(again), biplane_sim::Side::Server(again)] {
        let planes = scene.session(side).planes();
        assert_eq!(planes, biplane_proto::Planes::Both, "{side}");
    }
}

#[test]
fn what_the_old_sessions_send_reaches_nobody() {
    let mut scene = Scene::clean(2);
    scene.impair(|wires| wires.hold_control());
    scene.restart(0);
    let before = scene.server_tally();
    for index in 0..50 {
        scene.say(CLIENT, channel("unreliable"), message(index, 100));
        scene.run_for(ms(20));
    }
    let after = scene.server_tally();
    assert!(after.received >= before.received + 49, "{after:?}");
    assert_eq!(after.delivered, before.delivered);
}
