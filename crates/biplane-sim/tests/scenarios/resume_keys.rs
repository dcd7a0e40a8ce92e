//! Every resume brings new keys, and no key seals two packets with one nonce.

use biplane_sim::{ClientConfig, Pair, WiresConfig};

use crate::tools::*;

#[test]
fn the_keys_of_a_resume_are_new_and_the_old_ones_go() {
    let mut scene = Scene::clean(1);
    scene.count_nonces();
    for round in 0..20 {
        for side in Pair::SIDES {
            scene.say(side, channel("unreliable"), message(round, 100));
        }
        scene.lose_control();
        assert!(scene.resume_within(seconds(2)).is_some(), "round {round}");
        assert_eq!(scene.receive_ids(CLIENT), 2, "round {round}: the one before is still heard");
        scene.run_for(seconds(2));
        assert_eq!(scene.receive_ids(CLIENT), 1, "round {round}: the one before is free");
        assert_eq!(scene.receive_ids(SERVER), 1, "round {round}");
    }
    assert!(scene.nonces() > 100);
}

#[test]
fn the_old_keys_open_what_is_still_under_way() {
    let mut scene = Scene::clean(2);
    let drops = |scene: &Scene| scene.session(SERVER).stats().drops.total();
    let before = drops(&scene);
    for index in 0..200 {
        scene.say(CLIENT, channel("unreliable"), message(index, 100));
        if index % 50 == 25 {
            let now = scene.now();
            scene.impair(|wires| wires.kill_control(now));
        }
        scene.run_for(ms(10));
    }
    scene.run_for(seconds(1));
    assert!(scene.resumes(CLIENT.client()) >= 3);
    assert_eq!(drops(&scene), before, "no packet came after its key had gone");
}

#[test]
fn a_client_that_joins_anew_has_other_keys() {
    let mut scene = Scene::clean(3);
    scene.count_nonces();
    for round in 1..20 {
        scene.restart(0);
        let client = scene.connect(ClientConfig::new(WiresConfig::clean(ms(20))));
        scene.run_for(ms(500));
        let side = biplane_sim::Side::Client(client);
        assert_eq!(scene.session(side).planes(), biplane_proto::Planes::Both, "round {round}");
    }
    assert!(scene.nonces() > 50, "{}", scene.nonces());
}
