//! What the network altered is dropped by the seal and never read.

use biplane_proto::DropReason;
use biplane_sim::{Fault, LinkConfig};

use crate::tools::*;

#[test]
fn an_altered_packet_is_dropped_and_its_reliable_message_comes_again() {
    // Seed 1 alters sealed bytes, not the header.
    let mut scene = Scene::clean(1);
    scene.impair(|wires| wires.up.script([Fault::Corrupt]));
    scene.say(CLIENT, channel("ordered"), message(0, 1_000));
    assert_eq!(messages(scene.hear(SERVER, channel("ordered"), seconds(1))), [message(0, 1_000)]);
    assert_eq!(scene.server_tally().drops.count(DropReason::Forged), 1);
}

#[test]
fn a_link_that_alters_everything_delivers_nothing_and_ends_nothing() {
    let mut scene = Scene::clean(2);
    let now = scene.now();
    let broken = LinkConfig { corruption: 1.0, ..LinkConfig::clean(ms(20)) };
    scene.impair(|wires| wires.up.reconfigure(now, broken));
    let before = scene.server_tally();
    for index in 0..100 {
        scene.say(CLIENT, channel("unreliable"), message(index, 100));
        scene.run_for(ms(5));
    }
    assert_eq!(scene.hear(SERVER, channel("unreliable"), ms(100)), []);
    let after = scene.server_tally();
    assert_eq!(after.delivered, before.delivered);
    let dropped = after.drops.total() - before.drops.total();
    assert!(dropped > 10 && dropped == after.received - before.received, "{dropped}");
    assert!(!scene.session(SERVER).is_closed());
}
