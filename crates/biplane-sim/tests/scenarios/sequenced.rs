//! `sequenced` messages never go backwards.

use biplane_sim::{Fault, LinkConfig, index_of};

use crate::tools::*;

#[test]
fn a_message_that_a_newer_one_overtook_is_dropped() {
    let mut scene = Scene::clean(1);
    let sequenced = channel("sequenced");
    scene.impair(|wires| wires.up.script([Fault::None, Fault::Delay(ms(15))]));
    for index in 0..4 {
        scene.say(CLIENT, sequenced, message(index, 50));
        scene.run_for(ms(5));
    }
    let heard: Vec<_> = messages(scene.hear(SERVER, sequenced, seconds(1)));
    assert_eq!(heard, [0, 2, 3].map(|index| message(index, 50)));
    assert_eq!(scene.session(SERVER).stats().messages_late, 1);
}

#[test]
fn whatever_the_link_does_it_goes_forward() {
    for seed in 0..10 {
        let link = LinkConfig {
            jitter: ms(40),
            reordering: 0.3,
            reorder_by: ms(200),
            duplication: 0.2,
            keeps_order: false,
            ..LinkConfig::clean(ms(20))
        };
        let mut scene = Scene::joined(seed, link);
        let sequenced = channel("sequenced");
        let mut last = None;
        let mut count = 0;
        for index in 0..400 {
            scene.say(CLIENT, sequenced, message(index, 50));
            scene.run_for(ms(10));
            while let Some(message) = scene.take(SERVER, sequenced) {
                assert!(index_of(&message.0) > last, "seed {seed}: {last:?}");
                last = index_of(&message.0);
                count += 1;
            }
        }
        assert!(count > 50, "seed {seed}: {count} of 400");
    }
}
