//! Datagrams: who they come from, and what becomes of them.

use std::{collections::BTreeSet, net::UdpSocket, thread, time::Instant};

use biplane_link::tun::{self, TunConfig};

use crate::{
    both::scenarios,
    tools::{PATIENCE, Scene, ms, next},
};

crate::tests!(
    each_client_has_a_port_of_its_own_towards_the_server_and_gets_its_own_answers,
    a_packet_longer_than_the_mtu_is_dropped_and_counted,
    a_rebound_flow_comes_from_another_port_and_goes_on,
    a_rebound_address_is_another_one_on_loopback,
    an_answer_comes_from_the_address_that_was_asked,
    a_server_that_is_away_for_a_while_costs_the_relay_nothing,
    a_corrupted_datagram_does_not_arrive,
    every_fault_is_counted_and_the_sum_is_right,
    a_block_counts_from_the_first_datagram_and_leaves_tcp_alone,
);

fn each_client_has_a_port_of_its_own_towards_the_server_and_gets_its_own_answers() {
    scenarios::each_client_has_a_port_of_its_own_towards_the_server_and_gets_its_own_answers(
        &Scene::through("delay=5ms"),
    );
}

fn a_packet_longer_than_the_mtu_is_dropped_and_counted() {
    let scene = Scene::through("mtu=1280");
    let client = scene.flow();
    for len in [1_252, 1_253, 1_400, 0, 1_000] {
        client.send(&vec![0; len]).unwrap();
    }
    assert_eq!([(); 3].map(|()| next(&scene.udp).0.len()), [1_252, 0, 1_000]);
    let stats = scene.figures(|stats| stats.up.udp.forwarded == 3);
    assert_eq!((stats.up.udp.too_big, stats.up.udp.received), (2, 5));
}

fn a_rebound_flow_comes_from_another_port_and_goes_on() {
    let scene = Scene::through("rebind-udp-every=200ms");
    let client = scene.flow();
    let mut sources = BTreeSet::new();
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
    // What the old ports were told crossed the link too, and is accounted for.
    for source in &sources {
        scene.udp.send_to(b"late", source).unwrap();
    }
    let stats = scene.figures(|stats| stats.rebinds >= 2 && stats.down.udp.adds_up());
    assert!(stats.down.udp.forwarded > 0 && stats.down.udp.queue_dropped > 0, "{stats:?}");
}

fn a_rebound_address_is_another_one_on_loopback() {
    scenarios::a_rebound_address_is_another_one_on_loopback(&Scene::through(
        "rebind-udp-every=200ms,rebind-address",
    ));
}

fn an_answer_comes_from_the_address_that_was_asked() {
    let anywhere = "0.0.0.0:0".parse().unwrap();
    let start = |config| tun::start(&config, TunConfig::new()).unwrap();
    scenarios::an_answer_comes_from_the_address_that_was_asked(&Scene::at(
        anywhere,
        |_| true,
        start,
    ));
}

fn a_server_that_is_away_for_a_while_costs_the_relay_nothing() {
    let mut scene = Scene::through("delay=1ms");
    let client = scene.flow();
    let address = scene.udp.local_addr().unwrap();
    scene.udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..20 {
        client.send(b"lost").unwrap();
    }
    scene.figures(|stats| stats.up.udp.forwarded + stats.up.udp.queue_dropped == 20);
    scene.udp = UdpSocket::bind(address).unwrap();
    scene.udp.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send(b"there").unwrap();
    assert_eq!(next(&scene.udp).0, b"there");
}

fn a_corrupted_datagram_does_not_arrive() {
    let scene = Scene::through("up-corrupt=50%");
    let client = scene.flow();
    let mut arrived = 0;
    for sent in 1..=400 {
        client.send(&[7; 400]).unwrap();
        let stats = scene.figures(|stats| {
            let udp = stats.up.udp;
            udp.received == sent && udp.forwarded + udp.corrupted == sent
        });
        while arrived < stats.up.udp.forwarded {
            assert_eq!(next(&scene.udp).0, [7; 400]);
            arrived += 1;
        }
    }
    assert!((150..250).contains(&arrived), "{arrived} of 400");
}

fn every_fault_is_counted_and_the_sum_is_right() {
    let scene = Scene::through(
        "delay=10ms,jitter=5ms,jitter-reorders,loss=5%,duplicate=5%,reorder=5%,rate=10mbit,queue=20KB",
    );
    let client = scene.flow();
    for _ in 0..200 {
        for _ in 0..20 {
            client.send(&[1; 500]).unwrap();
        }
        thread::sleep(ms(1));
    }
    let stats = scene.figures(|stats| {
        let udp = stats.up.udp;
        udp.received == 4_000 && udp.under_way == 0 && udp.adds_up()
    });
    let udp = stats.up.udp;
    for some in [udp.lost, udp.duplicated, udp.queue_dropped, udp.reordered] {
        assert!(some > 0, "{udp:?}");
    }
}

fn a_block_counts_from_the_first_datagram_and_leaves_tcp_alone() {
    use std::io::{Read, Write};

    let scene = Scene::through("block-udp,after=300ms,for=600ms");
    // That the relay waits before anybody comes does not count.
    thread::sleep(ms(400));
    let (client, began) = (scene.flow(), Instant::now());
    client.send(b"first").unwrap();
    assert_eq!(next(&scene.udp).0, b"first");
    thread::sleep(ms(400).saturating_sub(began.elapsed()));
    client.send(b"blocked").unwrap();
    let (mut near, mut far) = scene.connection();
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
    let stats = scene.figures(|stats| stats.up.udp.blocked == 1);
    assert!(began.elapsed() < ms(900), "TCP came through meanwhile");
    assert_eq!((stats.up.udp.received, stats.up.udp.forwarded), (2, 1));
    thread::sleep(ms(950).saturating_sub(began.elapsed()));
    client.send(b"last").unwrap();
    assert_eq!(next(&scene.udp).0, b"last");
}
