//! The server still believes in a connection that its client has left.

use biplane_proto::Planes;
use biplane_sim::Pair;

use crate::tools::*;

#[test]
fn a_half_open_connection_is_displaced() {
    let mut scene = Scene::clean(1);
    let now = scene.now();
    // The client's end is reset; the server's end hears nothing of it.
    scene.impair(|wires| {
        wires.control_up.strand();
        wires.control_down.kill(now);
    });
    let took = scene.resume_within(seconds(2)).expect("it comes back");
    assert!(took <= ms(20 + 50 + 120), "{took:?}: the server did not wait for silence");
    for side in Pair::SIDES {
        scene.say(side, channel("chat"), message(0, 100));
    }
    scene.run_for(ms(40));
    for side in Pair::SIDES {
        assert_eq!(scene.take(side, channel("chat")), Some(message(0, 100)), "{side}");
        assert_eq!(scene.planes(side), Some(Planes::Both), "{side}");
    }
}

#[test]
fn what_was_on_its_way_on_a_connection_that_was_displaced_is_for_nobody() {
    let mut scene = Scene::clean(2);
    // What the client writes waits on the way; the client's end breaks, and it comes back.
    scene.impair(|wires| wires.control_up.hold());
    for index in 0..20 {
        scene.say(CLIENT, channel("chat"), message(index, 500));
    }
    let now = scene.now();
    scene.impair(|wires| wires.control_down.kill(now));
    scene.run_for(ms(500));
    let now = scene.now();
    // All of it comes out, on the old connection and, once more, on the new one.
    scene.impair(|wires| wires.release_control(now));
    let heard = messages(scene.hear(SERVER, channel("chat"), seconds(5)));
    assert_eq!(heard, (0..20).map(|index| message(index, 500)).collect::<Vec<_>>());
    assert_eq!(scene.resumes(CLIENT.client()), 1);
}

#[test]
fn a_connection_that_takes_nothing_is_replaced_while_it_stands() {
    let mut scene = Scene::clean(3);
    scene.impair(|wires| wires.strand_control());
    let (mut sent, began) = (0, scene.now());
    // More than the connection's buffers hold.
    while scene.send(CLIENT, channel("chat"), message(sent, 1_000)) == Ok(()) {
        sent += 1;
    }
    let took = scene.resume_within(seconds(8)).expect("it is replaced");
    assert!(took <= seconds(3) + ms(50 + 120), "{took:?}");
    let heard = messages(scene.hear(SERVER, channel("chat"), seconds(20)));
    assert_eq!(heard, (0..sent).map(|index| message(index, 1_000)).collect::<Vec<_>>());
    assert!(scene.now() - began < seconds(30));
}
