//! A packet that comes twice is refused the second time.

use biplane_proto::DropReason;
use biplane_sim::{Fault, LinkConfig};

use crate::tools::*;

#[test]
fn the_copy_of_a_packet_is_replayed_and_its_message_comes_once() {
    let mut scene = Scene::clean(1);
    for name in ["ordered", "sequenced", "unordered", "unreliable"] {
        let before = scene.server_tally().drops.count(DropReason::Replayed);
        scene.impair(|wires| wires.up.script([Fault::Duplicate]));
        scene.say(CLIENT, channel(name), message(0, 50));
        assert_eq!(scene.hear(SERVER, channel(name), seconds(1)).len(), 1, "{name}");
        assert_eq!(scene.server_tally().drops.count(DropReason::Replayed), before + 1, "{name}");
    }
}

#[test]
fn every_copy_is_counted() {
    let mut scene = Scene::joined(2, LinkConfig::clean(ms(20)));
    let twice = LinkConfig { duplication: 1.0, ..LinkConfig::clean(ms(20)) };
    let now = scene.now();
    scene.impair(|wires| wires.up.reconfigure(now, twice));
    let before = scene.server_tally();
    for index in 0..500 {
        scene.say(CLIENT, channel("unreliable"), message(index, 50));
        scene.run_for(ms(2));
    }
    let heard = scene.hear(SERVER, channel("unreliable"), seconds(1));
    let after = scene.server_tally();
    assert_eq!(heard.len(), 500);
    assert_eq!(after.drops.total(), after.drops.count(DropReason::Replayed));
    assert_eq!(after.delivered - before.delivered, after.drops.total() - before.drops.total());
}
