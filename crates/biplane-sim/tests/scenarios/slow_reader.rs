//! A peer that reads nothing from its control connection is given up, and fills nothing.

use biplane_proto::{Event, SendError};

use crate::tools::*;

#[test]
fn a_peer_that_does_not_read_ends_the_session_and_fills_one_queue() {
    let mut scene = Scene::of_grace(1, seconds(5));
    scene.impair(|wires| wires.control_up.hold());
    let chat = channel("chat");
    let mut index = 0;
    let mut left = None;
    let began = scene.now();
    scene.run_until(seconds(30), |world| {
        while world.send(CLIENT, chat, message(index, 1_000).0) == Ok(()) {
            index += 1;
        }
        left = core::iter::from_fn(|| world.poll_event(CLIENT)).last();
        matches!(left, Some(Event::Left(_)))
    });
    // Whichever comes first: its own patience, or the word of the peer, which hears nothing; and
    // then the grace, in which no other connection comes up either.
    assert!(matches!(left, Some(Event::Left(_))), "{left:?}");
    let took = scene.now() - began;
    assert!((seconds(12)..=seconds(16)).contains(&took), "{took:?}");
    assert!(index < 1_100, "{index} commands of 1,000 bytes were queued");
    let refused = scene.send(CLIENT, chat, message(index, 1_000));
    assert_eq!(refused, Err(SendError::Closed));
}
