//! A close delivers what was queued, says why, and is told once at each end.

use biplane_proto::{CloseReason, Event, SendError};
use biplane_sim::{LinkConfig, Loss, Pair};

use crate::tools::*;

const KINDS: [&str; 6] = ["chat", "orders", "ordered", "sequenced", "unordered", "unreliable"];

/// The only `Left` among what `side` was told, which must be the last event.
fn left(scene: &mut Scene, side: biplane_sim::Side) -> CloseReason {
    let mut events = scene.events(side);
    let Some(Event::Left(reason)) = events.pop() else { panic!("{side}: {events:?}") };
    assert!(!events.iter().any(|event| matches!(event, Event::Left(_))), "{side}: {events:?}");
    reason
}

#[test]
fn what_was_queued_comes_before_the_end() {
    for closer in Pair::SIDES {
        let mut scene = Scene::clean(1);
        for name in KINDS {
            assert_eq!(scene.send(closer, channel(name), message(0, 800)), Ok(()));
        }
        scene.close(closer, "good night");
        assert_eq!(left(&mut scene, closer), CloseReason::ClosedHere { text: "good night".into() });
        scene.run_for(seconds(3));
        let closed = CloseReason::Closed { text: "good night".into() };
        assert_eq!(left(&mut scene, closer.peer()), closed);
        for name in KINDS {
            assert_eq!(scene.take(closer.peer(), channel(name)), Some(message(0, 800)), "{name}");
        }
        for side in Pair::SIDES {
            assert!(scene.session(side).is_over(), "{side}");
            assert_eq!(scene.events(side), [], "{side}: nothing after the last");
        }
    }
}

#[test]
fn an_idle_session_is_over_in_two_trips() {
    let mut scene = Scene::clean(2);
    let now = scene.now();
    scene.close(CLIENT, "bye");
    let over = |world: &mut biplane_sim::World| {
        Pair::SIDES.iter().all(|side| world.session(*side).is_some_and(|it| it.is_over()))
    };
    assert!(scene.run_until(seconds(5), over));
    assert!(scene.now() - now <= ms(100), "{:?}", scene.now() - now);
}

#[test]
fn a_closed_session_takes_nothing_more() {
    let mut scene = Scene::clean(3);
    scene.close(CLIENT, "bye");
    for name in KINDS {
        let refused = scene.send(CLIENT, channel(name), message(0, 20));
        assert_eq!(refused, Err(SendError::Closed), "{name}");
    }
    let asked = scene.request(CLIENT, 0, bytes::Bytes::new(), seconds(1));
    assert_eq!(asked, Err(SendError::Closed));
    scene.close(CLIENT, "bye again");
    scene.run_for(seconds(3));
    assert_eq!(left(&mut scene, SERVER), CloseReason::Closed { text: "bye".into() });
}

#[test]
fn reliable_messages_come_before_the_end_over_a_lossy_link() {
    for seed in 0..10 {
        let lossy =
            LinkConfig { loss: Loss::Independent { share: 0.1 }, ..LinkConfig::clean(ms(10)) };
        let mut scene = Scene::joined(seed, lossy);
        for index in 0..20 {
            assert_eq!(scene.send(CLIENT, channel("ordered"), message(index, 100)), Ok(()));
        }
        scene.close(CLIENT, "bye");
        scene.run_for(seconds(3));
        assert_eq!(left(&mut scene, SERVER), CloseReason::Closed { text: "bye".into() });
        let taken = core::iter::from_fn(|| scene.take(SERVER, channel("ordered"))).count();
        assert_eq!(taken, 20, "seed {seed}");
    }
}

#[test]
fn both_may_close_at_once() {
    let mut scene = Scene::clean(4);
    for side in Pair::SIDES {
        scene.say(side, channel("chat"), message(0, 100));
        scene.close(side, "me first");
    }
    scene.run_for(seconds(3));
    for side in Pair::SIDES {
        let here = CloseReason::ClosedHere { text: "me first".into() };
        assert_eq!(left(&mut scene, side), here, "{side}");
        assert!(scene.session(side).is_over(), "{side}");
    }
}

#[test]
fn a_handle_that_is_dropped_ends_the_session_at_once() {
    let mut scene = Scene::clean(5);
    scene.abandon(CLIENT);
    let told = scene
        .time_to_event(SERVER, seconds(1), |event| *event == Event::Left(CloseReason::Dropped));
    assert_eq!(told, Some(ms(20)));
    scene.run_for(seconds(3));
    assert!(Pair::SIDES.iter().all(|side| scene.session(*side).is_over()));
}

#[test]
fn a_peer_that_is_gone_does_not_hold_up_a_close() {
    let mut scene = Scene::clean(6);
    scene.impair(|wires| {
        wires.cut_data();
        wires.hold_control();
    });
    scene.say(CLIENT, channel("ordered"), message(0, 100));
    scene.close(CLIENT, "anybody?");
    let now = scene.now();
    let over = |world: &mut biplane_sim::World| {
        world.session(CLIENT).is_some_and(biplane_proto::Session::is_over)
    };
    assert!(scene.run_until(seconds(10), over));
    assert!(scene.now() - now <= seconds(2), "{:?}", scene.now() - now);
}
