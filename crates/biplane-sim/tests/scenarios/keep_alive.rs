//! An idle session lives, on both planes, at a price that is known.

use biplane_proto::{Event, Planes};
use biplane_sim::{LinkConfig, Loss, Pair};

use crate::tools::*;

#[test]
fn an_idle_session_lives_for_ten_minutes() {
    let mut scene = Scene::clean(1);
    let before = Pair::SIDES.map(|side| scene.session(side).stats());
    scene.run_for(seconds(600));
    for (side, before) in Pair::SIDES.into_iter().zip(before) {
        assert_eq!(scene.events(side), [], "{side}");
        assert_eq!(scene.planes(side), Some(Planes::Both));
        let after = scene.session(side).stats();
        // One ping in three seconds, and the answer to the peer's.
        let packets = after.packets_sent - before.packets_sent;
        assert!((200..=420).contains(&packets), "{side}: {packets} packets");
        let bytes = after.control.bytes_sent - before.control.bytes_sent;
        assert!((1_000..=6_000).contains(&bytes), "{side}: {bytes} control bytes");
    }
}

#[test]
fn loss_alone_does_not_end_an_idle_session() {
    for seed in 0..5 {
        let lossy =
            LinkConfig { loss: Loss::Independent { share: 0.2 }, ..LinkConfig::clean(ms(50)) };
        let mut scene = Scene::joined(seed, lossy);
        scene.run_for(seconds(600));
        for side in Pair::SIDES {
            let ended = scene.events(side).into_iter().find(|it| matches!(it, Event::Left(_)));
            assert_eq!(ended, None, "seed {seed}, {side}");
        }
    }
}
