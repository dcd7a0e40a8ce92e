//! A join costs one flight each way, and UDP is proven a round trip later.

use biplane_proto::{Event, Planes};
use biplane_sim::{ClientConfig, Pair, WiresConfig};

use crate::tools::*;

#[test]
fn a_join_costs_one_round_trip_and_the_data_path_another() {
    let mut scene = Scene::dialing(1, ClientConfig::new(WiresConfig::clean(ms(20))));
    assert!(scene.run_until(seconds(1), |world| world.session(SERVER).is_some()));
    assert_eq!(scene.elapsed(), ms(20), "the hello's trip");
    assert!(scene.run_until(seconds(1), |world| world.session(CLIENT).is_some()));
    assert_eq!(scene.elapsed(), ms(40), "the welcome's");

    let open = |world: &biplane_sim::World, side| {
        world.session(side).is_some_and(|session| session.planes() == Planes::Both)
    };
    assert!(scene.run_until(seconds(1), |world| open(world, CLIENT)));
    assert_eq!(scene.elapsed(), ms(80), "the client's challenge and its response");
    assert!(scene.run_until(seconds(1), |world| open(world, SERVER)));
    assert_eq!(scene.elapsed(), ms(100), "the server's challenge came with its response");
    assert_eq!(scene.events(SERVER), [Event::Planes(Planes::Both)]);
    scene.run_for(ms(20));
    assert_eq!(scene.events(CLIENT), [Event::Planes(Planes::Both)], "told by the server");
}

#[test]
fn the_first_packets_are_padded_and_the_server_sends_no_more_than_it_got() {
    let mut scene = Scene::dialing(2, ClientConfig::new(WiresConfig::clean(ms(20))));
    // The server's packets are lost, so that it never gets an answer.
    scene.impair(|wires| wires.down.cut());
    scene.run_for(seconds(20));
    let sent = |side| scene.session(side).stats();
    let (client, server) = (sent(CLIENT), sent(SERVER));
    assert_eq!(client.bytes_sent, 1_200 * client.packets_sent, "challenges are padded");
    assert!(client.packets_sent >= 15, "asked again and again: {}", client.packets_sent);
    assert!(server.packets_sent > 0);
    assert!(server.bytes_sent <= server.bytes_received, "{server:?}");
    assert!(Pair::SIDES.iter().all(|side| scene.planes(*side) == Some(Planes::ControlOnly)));
}
