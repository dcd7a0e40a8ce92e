//! Datagrams: who they come from, and what becomes of them.

use std::{collections::HashSet, time::Instant};

use biplane_link::Relay;

use crate::{
    both::scenarios,
    tools::{Scene, ms, next},
};

#[test]
fn each_client_has_a_port_of_its_own_towards_the_server_and_gets_its_own_answers() {
    scenarios::each_client_has_a_port_of_its_own_towards_the_server_and_gets_its_own_answers(
        &Scene::through("delay=5ms"),
    );
}

#[test]
fn a_datagram_takes_the_delay_each_way_and_stays_as_it_is() {
    let scene = Scene::through("up-delay=30ms,down-delay=50ms");
    let client = scene.flow();
    for len in [0, 1, 1_200, 9_000, 60_000] {
        let (sent, began) = (vec![0x5a; len], Instant::now());
        client.send(&sent).unwrap();
        let (datagram, from) = next(&scene.udp);
        assert!(datagram == sent && began.elapsed() >= ms(30), "{len} bytes");
        scene.udp.send_to(&datagram, from).unwrap();
        assert!(next(&client).0 == sent && began.elapsed() >= ms(80), "{len} bytes");
    }
}

#[test]
fn a_packet_longer_than_the_mtu_is_dropped_and_counted() {
    let scene = Scene::through("mtu=1280");
    let client = scene.flow();
    for len in [1_252, 1_253, 1_400, 1_000] {
        client.send(&vec![0; len]).unwrap();
    }
    assert_eq!([next(&scene.udp).0.len(), next(&scene.udp).0.len()], [1_252, 1_000]);
    let stats = scene.figures(|stats| stats.up.udp.received == 4);
    assert_eq!((stats.up.udp.too_big, stats.up.udp.forwarded), (2, 2));
}

#[test]
fn a_rebound_flow_comes_from_another_port_and_goes_on() {
    let scene = Scene::through("rebind-udp-every=200ms");
    let client = scene.flow();
    let mut sources = HashSet::new();
    while sources.len() < 3 {
        client.send(b"ping").unwrap();
        let (_, from) = next(&scene.udp);
        sources.insert(from);
        // The answer is lost if the port has just been given up.
        scene.udp.send_to(b"pong", from).unwrap();
        client.set_read_timeout(Some(ms(50))).unwrap();
        drop(client.recv(&mut [0; 9]));
    }
    assert!(sources.iter().all(|source| source.ip().to_string() == "127.0.0.1"));
    let stats = scene.figures(|stats| stats.rebinds >= 2);
    assert_eq!(stats.flows, 1);
    assert!(stats.down.udp.forwarded > 0);
}

#[test]
fn a_rebound_address_is_another_one_on_loopback() {
    scenarios::a_rebound_address_is_another_one_on_loopback(&Scene::through(
        "rebind-udp-every=200ms,rebind-address",
    ));
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let anywhere = "0.0.0.0:0".parse().unwrap();
    let start = |config| Relay::start(&config).unwrap();
    scenarios::an_answer_comes_from_the_address_that_was_asked(&Scene::at(
        anywhere,
        |_| true,
        start,
    ));
}

#[test]
fn a_server_that_is_away_for_a_while_costs_the_relay_nothing() {
    let mut scene = Scene::through("delay=1ms");
    let client = scene.flow();
    let address = scene.udp.local_addr().unwrap();
    drop(scene.udp);
    for _ in 0..20 {
        client.send(b"lost").unwrap();
    }
    scene.udp = std::net::UdpSocket::bind(address).unwrap();
    scene.udp.set_read_timeout(Some(crate::tools::PATIENCE)).unwrap();
    scene.figures(|stats| stats.up.udp.under_way == 0);
    client.send(b"there").unwrap();
    while next(&scene.udp).0 != b"there" {}
    let stats = scene.figures(|stats| stats.up.udp.under_way == 0);
    assert_eq!(stats.up.udp.received, 21);
}

#[test]
fn every_datagram_is_accounted_for_at_any_time() {
    let scene = Scene::through(
        "delay=10ms,jitter=5ms,loss=5%,duplicate=5%,reorder=5%,corrupt=5%,rate=10mbit,queue=20KB",
    );
    let client = scene.flow();
    for _ in 0..200 {
        for _ in 0..20 {
            client.send(&[1; 500]).unwrap();
        }
        let stats = scene.relay.stats();
        assert!(stats.up.udp.adds_up(), "{stats:?}");
    }
    let stats =
        scene.figures(|stats| stats.up.udp.received == 4_000 && stats.up.udp.under_way == 0);
    let udp = stats.up.udp;
    for some in [udp.lost, udp.duplicated, udp.corrupted, udp.queue_dropped, udp.reordered] {
        assert!(some > 0, "{udp:?}");
    }
    let stopped = scene.relay.stop();
    assert_eq!(stopped.up, stats.up);
}
