//! Blocks and resets, at the times they were asked for.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Instant,
};

use biplane_link::RelayStats;

use crate::{
    both::scenarios,
    tools::{Scene, ms, next},
};

#[test]
fn a_block_counts_from_the_first_datagram_and_ends() {
    let scene = Scene::through("block-udp,after=300ms,for=400ms");
    // That the relay waits before anybody comes does not count.
    std::thread::sleep(ms(400));
    let (client, began) = (scene.flow(), Instant::now());
    client.send(b"first").unwrap();
    assert_eq!(next(&scene.udp).0, b"first");
    let (mut number, mut arrivals) = (0_u32, Vec::new());
    scene.udp.set_read_timeout(Some(ms(5))).unwrap();
    while began.elapsed() < ms(1_000) {
        client.send(&number.to_be_bytes()).unwrap();
        number += 1;
        let mut buffer = [0; 9];
        if scene.udp.recv(&mut buffer).is_ok() {
            arrivals.push(began.elapsed());
        }
    }
    let (silent_from, silent_to) = (ms(350), ms(650));
    assert!(arrivals.iter().any(|at| *at < ms(300)) && arrivals.iter().any(|at| *at > ms(720)));
    assert!(!arrivals.iter().any(|at| (silent_from..silent_to).contains(at)), "{arrivals:?}");
    let stats = scene.figures(|stats| stats.up.udp.under_way == 0);
    assert!(stats.up.udp.blocked > 20, "{stats:?}");
}

#[test]
fn one_direction_may_be_blocked_alone() {
    let scene = Scene::through("block-udp=down");
    let client = scene.flow();
    client.send(b"ping").unwrap();
    let (_, from) = next(&scene.udp);
    scene.udp.send_to(b"pong", from).unwrap();
    let stats = scene.figures(|stats| stats.down.udp.received == 1);
    assert_eq!((stats.down.udp.blocked, stats.up.udp.blocked), (1, 0));
    client.set_read_timeout(Some(ms(100))).unwrap();
    assert!(client.recv(&mut [0; 9]).is_err());
}

#[test]
fn blocked_tcp_loses_nothing_and_goes_on_after_the_block() {
    let scene = Scene::through("block-tcp,after=300ms,for=700ms");
    let began = Instant::now();
    let (mut client, mut server) = scene.connection();
    client.write_all(b"before ").unwrap();
    let mut buffer = [0; 7];
    server.read_exact(&mut buffer).unwrap();
    std::thread::sleep(ms(400).saturating_sub(began.elapsed()));
    client.write_all(b"meanwhile").unwrap();
    let mut buffer = [0; 9];
    server.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"meanwhile");
    assert!(began.elapsed() >= ms(950), "{:?}", began.elapsed());
    server.write_all(b"answer").unwrap();
    client.read_exact(&mut [0; 6]).unwrap();
}

#[test]
fn connections_that_are_opened_during_a_block_come_through_after_it() {
    let scene = Scene::through("block-tcp,after=300ms,for=600ms");
    let began = Instant::now();
    let _first = scene.connection();
    std::thread::sleep(ms(400).saturating_sub(began.elapsed()));
    let late: Vec<_> = (0..20)
        .map(|_| {
            let mut late = TcpStream::connect(scene.relay.address()).unwrap();
            late.write_all(b"late").unwrap();
            late
        })
        .collect();
    for _ in &late {
        let (mut server, _) = scene.tcp.accept().unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
        assert!(began.elapsed() >= ms(850), "{:?}", began.elapsed());
    }
}

#[test]
fn a_reset_comes_through_after_a_block_and_not_in_it() {
    let scene = Scene::through("block-tcp=down,after=300ms,for=700ms");
    let began = Instant::now();
    let (mut client, server) = scene.connection();
    std::thread::sleep(ms(400).saturating_sub(began.elapsed()));
    scenarios::reset(server);
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= ms(950), "{:?}", began.elapsed());
}

#[test]
fn many_connections_are_reset_at_once_and_opened_again() {
    let scene = Scene::through("kill-tcp-every=400ms");
    for _ in 0..3 {
        let all: Vec<_> = (0..30).map(|_| scene.connection()).collect();
        for (mut client, _server) in all {
            let error = client.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
    let is_over = |stats: &RelayStats| stats.up.tcp.killed == stats.up.tcp.connections;
    let stats = scene.figures(is_over);
    assert!((90..=93).contains(&stats.up.tcp.killed), "{stats:?}");
}

#[test]
fn connections_are_reset_as_often_as_asked() {
    scenarios::connections_are_reset_as_often_as_asked(&Scene::through("kill-tcp-every=300ms"));
}
