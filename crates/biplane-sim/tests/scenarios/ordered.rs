//! `reliable_ordered` keeps its order, `reliable_unordered` waits for nobody.

use biplane_sim::{Fault, LinkConfig};

use crate::tools::*;

#[test]
fn order_is_kept_under_reordering_and_loss() {
    for seed in 0..10 {
        let link = LinkConfig {
            jitter: ms(30),
            keeps_order: false,
            loss: biplane_sim::Loss::Independent { share: 0.2 },
            reordering: 0.2,
            reorder_by: ms(150),
            ..LinkConfig::clean(ms(20))
        };
        let mut scene = Scene::joined(seed, link);
        let ordered = channel("ordered");
        for index in 0..200 {
            scene.say(CLIENT, ordered, message(index, 40));
            scene.run_for(ms(5));
        }
        let heard = messages(scene.hear(SERVER, ordered, seconds(20)));
        let sent: Vec<_> = (0..200).map(|index| message(index, 40)).collect();
        assert!(heard == sent, "seed {seed}: {} messages", heard.len());
    }
}

#[test]
fn an_early_message_waits_for_its_turn_and_an_unordered_one_does_not() {
    let mut scene = Scene::clean(1);
    for (name, times) in [("ordered", [ms(60), ms(60)]), ("unordered", [ms(21), ms(60)])] {
        scene.impair(|wires| wires.up.script([Fault::Delay(ms(40))]));
        let began = scene.now();
        scene.say(CLIENT, channel(name), message(0, 50));
        scene.run_for(ms(1));
        scene.say(CLIENT, channel(name), message(1, 50));
        let lag = scene.now() - began;
        let heard = scene.hear(SERVER, channel(name), seconds(1));
        let came: Vec<_> = heard.iter().map(|(at, _)| *at + lag).collect();
        assert_eq!(came, times, "{name}");
    }
}
