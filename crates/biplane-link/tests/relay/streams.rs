//! TCP: order, ends, and limits.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Instant,
};

use biplane_link::{Relay, RelayConfig, RelayError};

use crate::{
    both::scenarios,
    tools::{Scene, any_port, ms, next, ports},
};

#[test]
fn half_a_connection_may_end_before_the_other() {
    scenarios::half_a_connection_may_end_before_the_other(&Scene::through("delay=10ms"));
}

#[test]
fn many_connections_carry_their_own_bytes_whatever_is_lost() {
    let scene = Scene::through("delay=5ms,jitter=3ms,loss=5%,rate=50mbit");
    let stats = scenarios::many_connections_carry_their_own_bytes_whatever_is_lost(&scene);
    assert!(stats.up.tcp.stalls > 20, "{stats:?}");
}

#[test]
fn a_reset_on_one_side_is_a_reset_on_the_other() {
    scenarios::a_reset_on_one_side_is_a_reset_on_the_other(&Scene::through("delay=10ms"));
}

#[test]
fn a_target_that_went_away_is_a_reset_for_who_comes_later() {
    scenarios::a_target_that_went_away_is_a_reset_for_who_comes_later(Scene::through("delay=20ms"));
}

#[test]
fn a_handshake_takes_its_round_trip() {
    scenarios::a_handshake_takes_its_round_trip(&Scene::through("up-delay=30ms,down-delay=40ms"));
}

#[test]
fn who_does_not_read_stops_who_writes() {
    scenarios::who_does_not_read_stops_who_writes(&Scene::through("rate=100mbit,queue=64KiB"));
}

#[test]
fn tcp_and_udp_share_the_queue() {
    let scene = Scene::through("up-rate=4mbit,up-queue=200ms");
    let (mut client, mut server) = scene.connection();
    let flow = scene.flow();
    flow.send(b"alone").unwrap();
    let began = Instant::now();
    next(&scene.udp);
    assert!(began.elapsed() < ms(50), "{:?}", began.elapsed());
    let writer = thread::spawn(move || client.write_all(&vec![0; 600_000]));
    let reader = thread::spawn(move || server.read_exact(&mut vec![0; 600_000]));
    thread::sleep(ms(400));
    let began = Instant::now();
    flow.send(b"behind").unwrap();
    next(&scene.udp);
    let waited = began.elapsed();
    assert!((ms(100)..ms(250)).contains(&waited), "three quarters of the queue: {waited:?}");
    writer.join().unwrap().unwrap();
    reader.join().unwrap().unwrap();
}

#[test]
fn udp_alone_needs_no_tcp_target() {
    let (tcp, udp) = ports();
    let target = tcp.local_addr().unwrap();
    drop(tcp);
    let config = RelayConfig::new(any_port(), target);
    assert!(matches!(Relay::start(&config), Err(RelayError::Unreachable { .. })));
    let relay = Relay::start(&config.udp_only()).unwrap();
    let client = std::net::UdpSocket::bind(any_port()).unwrap();
    client.send_to(b"ping", relay.address()).unwrap();
    assert_eq!(next(&udp).0, b"ping");
    assert!(TcpStream::connect(relay.address()).is_err());
}
