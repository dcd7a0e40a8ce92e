//! A channel of a higher priority goes first into every packet.

use biplane_sim::{Fault, LinkConfig, Protocol};

use crate::tools::*;

#[test]
fn the_urgent_is_in_the_first_packet_behind_whatever_queue() {
    for name in ["sequenced", "unordered", "unreliable"] {
        let mut protocol = Protocol::of_every_kind();
        let place = protocol.channel(name).unwrap().index();
        protocol.channels[place].priority = 1;
        let mut scene = Scene::speaking(1, protocol, LinkConfig::clean(ms(20)));
        // The first packet comes through; those behind it are late.
        scene.impair(|wires| {
            wires.up.script([Fault::None]);
            wires.up.script([Fault::Delay(ms(200)); 40]);
        });
        for index in 0..30 {
            assert_eq!(scene.send(CLIENT, channel("ordered"), message(index, 1_100)), Ok(()));
        }
        assert_eq!(scene.send(CLIENT, channel(name), message(0, 100)), Ok(()));
        scene.flush(CLIENT);
        assert_eq!(scene.hear(SERVER, channel(name), ms(100)), [(ms(20), message(0, 100))]);
        assert_eq!(scene.hear(SERVER, channel("ordered"), seconds(5)).len(), 30, "{name}");
    }
}

#[test]
fn among_equals_none_starves() {
    let mut scene = Scene::clean(2);
    for index in 0..200 {
        for name in ["ordered", "unordered", "unreliable"] {
            assert_eq!(scene.send(CLIENT, channel(name), message(index, 1_000)), Ok(()));
        }
    }
    scene.flush(CLIENT);
    scene.run_for(ms(200));
    let counts = ["ordered", "unordered", "unreliable"]
        .map(|name| core::iter::from_fn(|| scene.take(SERVER, channel(name))).count());
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least > 10 && most - least <= most / 2, "{counts:?}");
}
