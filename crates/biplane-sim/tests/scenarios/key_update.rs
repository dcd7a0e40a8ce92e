//! Keys move on a hundred times each way, and nobody notices.

use biplane_proto::SessionConfig;
use biplane_sim::{ClientConfig, LinkConfig, Loss, WiresConfig};

use crate::tools::*;

#[test]
fn a_hundred_updates_each_way_lose_nothing_on_a_bad_link() {
    let link = LinkConfig {
        loss: Loss::Independent { share: 0.2 },
        reordering: 0.2,
        reorder_by: ms(50),
        ..LinkConfig::clean(ms(10))
    };
    let session = SessionConfig { key_packets: 1_000, ..SessionConfig::default() };
    let config = ClientConfig { session, ..ClientConfig::new(WiresConfig::of(link)) };
    let mut scene = Scene::dialing(1, config);
    assert!(scene.join());
    scene.run_for(seconds(3));
    let ordered = channel("ordered");
    let updates = |scene: &Scene| {
        [CLIENT, SERVER].map(|side| {
            let stats = scene.session(side).stats();
            stats.key_updates_sent.min(stats.key_updates_received)
        })
    };
    let (mut sent, mut heard) = (0, [0; 2]);
    while updates(&scene).iter().any(|updates| *updates < 100) {
        assert!(sent < 400_000, "{:?} updates", updates(&scene));
        for side in [CLIENT, SERVER] {
            scene.say(side, ordered, message(sent, 20));
        }
        sent += 1;
        scene.run_for(ms(2));
        take_in_order(&mut scene, &mut heard);
    }
    scene.run_for(seconds(10));
    take_in_order(&mut scene, &mut heard);
    assert_eq!(heard, [sent, sent]);
}

/// Takes what has come on both sides, each message in its turn.
fn take_in_order(scene: &mut Scene, heard: &mut [u64; 2]) {
    for (side, next) in [CLIENT, SERVER].into_iter().zip(heard) {
        while let Some(got) = scene.take(side, channel("ordered")) {
            assert_eq!(got, message(*next, 20));
            *next += 1;
        }
    }
}
