//! Datagrams ride TCP until the UDP path is proven, and UDP after.

use biplane_sim::{ClientConfig, WiresConfig};

use crate::tools::*;

const KINDS: [&str; 4] = ["ordered", "sequenced", "unordered", "unreliable"];

#[test]
fn data_messages_ride_tcp_until_the_path_is_proven() {
    let mut scene = Scene::dialing(1, ClientConfig::new(WiresConfig::clean(ms(20))));
    assert!(scene.run_until(seconds(1), |world| world.session(CLIENT).is_some()));
    for name in KINDS {
        scene.say(CLIENT, channel(name), message(0, 100));
    }
    let sent = scene.now();
    for name in KINDS {
        assert!(scene.run_until(seconds(1), |world| world.take(SERVER, channel(name)).is_some()));
        assert_eq!(scene.now() - sent, ms(20), "{name}: one trip over TCP");
    }
    assert_eq!(scene.session(SERVER).stats().delivery.tunnelled, 4);

    scene.run_for(seconds(1));
    let (sent, packets) = (scene.now(), scene.session(SERVER).stats().packets_received);
    scene.say(CLIENT, channel("unreliable"), message(1, 100));
    assert!(
        scene
            .run_until(seconds(1), |world| { world.take(SERVER, channel("unreliable")).is_some() })
    );
    assert_eq!(scene.now() - sent, ms(20));
    let stats = scene.session(SERVER).stats();
    assert_eq!((stats.delivery.tunnelled, stats.packets_received), (4, packets + 1));
}

#[test]
fn what_rode_tcp_and_what_came_over_udp_keep_their_order() {
    let mut scene = Scene::dialing(2, ClientConfig::new(WiresConfig::clean(ms(20))));
    assert!(scene.run_until(seconds(1), |world| world.session(CLIENT).is_some()));
    // TCP stalls for a second while UDP comes up.
    scene.impair(|wires| wires.control_up.hold());
    let ordered = channel("ordered");
    for index in 0..100 {
        scene.say(CLIENT, ordered, message(index, 100));
        scene.run_for(ms(5));
    }
    scene.run_for(ms(500));
    let now = scene.now();
    scene.impair(|wires| wires.control_up.release(now));
    let heard = messages(scene.hear(SERVER, ordered, seconds(2)));
    assert_eq!(heard, (0..100).map(|index| message(index, 100)).collect::<Vec<_>>());
    let stats = scene.session(SERVER).stats();
    assert!((1..100).contains(&stats.delivery.tunnelled), "{stats:?}");
}
