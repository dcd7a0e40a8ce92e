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
fn connections_behind_one_rate_share_it_evenly() {
    let scene = Scene::through("up-rate=4mbit");
    let end = Instant::now() + ms(3_000);
    let all: Vec<_> = (0..6).map(|_| scene.connection()).collect();
    let carried = all.into_iter().map(|(mut client, mut server)| {
        thread::spawn(move || while client.write_all(&[0; 8_192]).is_ok() {});
        thread::spawn(move || {
            let (mut buffer, mut bytes) = (vec![0; 65_536], 0);
            while Instant::now() < end {
                bytes += server.read(&mut buffer).unwrap();
            }
            bytes
        })
    });
    let carried: Vec<_> = carried.collect();
    let carried: Vec<_> = carried.into_iter().map(|one| one.join().unwrap()).collect();
    let (least, most) = (carried.iter().min().unwrap(), carried.iter().max().unwrap());
    assert!(least * 3 > most * 2, "{carried:?}");
}

#[test]
fn what_was_sent_before_a_reset_arrives_before_it() {
    let scene = Scene::through("delay=10ms");
    for len in [6, 30_000] {
        let (mut client, mut server) = scene.connection();
        client.write_all(&[1; 100]).unwrap();
        server.read_exact(&mut [0]).unwrap();
        let answer = vec![2; len];
        let sent = answer.clone();
        let reader = thread::spawn(move || {
            let (mut got, mut buffer) = (Vec::new(), [0; 4_096]);
            loop {
                match client.read(&mut buffer) {
                    Ok(0) => panic!("an end without a reset"),
                    Ok(len) => got.extend_from_slice(&buffer[..len]),
                    Err(error) => return (got, error.kind()),
                }
            }
        });
        server.write_all(&sent).unwrap();
        // The question is unread, so its kernel resets.
        drop(server);
        let (got, how) = reader.join().unwrap();
        assert!(got == answer, "{} of {len} bytes", got.len());
        assert_eq!(how, std::io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_reset_is_told_to_who_does_not_read() {
    let scene = Scene::through("delay=10ms");
    let (mut client, mut server) = scene.connection();
    server.set_nonblocking(true).unwrap();
    let writer = thread::spawn(move || {
        // It never reads, and learns of it all the same.
        while client.write_all(&[1; 65_536]).is_ok() {}
    });
    let began = Instant::now();
    while began.elapsed() < ms(500) {
        if server.write(&[2; 65_536]).is_err() {
            thread::sleep(ms(5));
        }
    }
    drop(server);
    writer.join().unwrap();
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
