//! TCP: order, ends, and limits.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Instant,
};

use biplane_link::{Relay, RelayConfig, RelayError};

use crate::tools::{Scene, any_port, ms, next, ports};

#[test]
fn half_a_connection_may_end_before_the_other() {
    let scene = Scene::through("delay=10ms");
    let (mut client, mut server) = scene.connection();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut question = Vec::new();
    server.read_to_end(&mut question).unwrap();
    assert_eq!(question, b"question");
    server.write_all(b"answer").unwrap();
    drop(server);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"answer");
}

#[test]
fn many_connections_carry_their_own_bytes_whatever_is_lost() {
    let scene = Scene::through("delay=5ms,jitter=3ms,loss=5%,rate=50mbit");
    let all: Vec<_> = (0..30).map(|_| scene.connection()).collect();
    let carried = all.into_iter().zip(0_u8..).map(|((mut client, mut server), number)| {
        thread::spawn(move || {
            let bytes: Vec<u8> = (0..=255).cycle().map(|n| number ^ n).take(50_000).collect();
            client.write_all(&bytes).unwrap();
            let mut got = vec![0; bytes.len()];
            server.read_exact(&mut got).unwrap();
            assert!(got == bytes);
            server.write_all(&got).unwrap();
            client.read_exact(&mut got).unwrap();
            assert!(got == bytes);
        })
    });
    carried.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    let stats = scene.figures(|stats| stats.down.tcp.bytes == 1_500_000);
    assert_eq!((stats.up.tcp.bytes, stats.up.tcp.connections), (1_500_000, 30));
    assert!(stats.up.tcp.stalls > 20, "{stats:?}");
}

#[test]
fn a_reset_on_one_side_is_a_reset_on_the_other() {
    let scene = Scene::through("delay=10ms");
    for is_client in [true, false] {
        let (mut client, mut server) = scene.connection();
        client.write_all(b"x").unwrap();
        server.read_exact(&mut [0]).unwrap();
        server.write_all(b"y").unwrap();
        client.read_exact(&mut [0]).unwrap();
        let (gone, mut left) = if is_client { (client, server) } else { (server, client) };
        reset(gone);
        assert_eq!(left.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

/// Closes with RST: what is unread then makes the kernel send one.
fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(std::time::Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn a_target_that_went_away_is_a_reset_for_who_comes_later() {
    let scene = Scene::through("delay=20ms");
    drop(scene.tcp);
    let mut client = TcpStream::connect(scene.relay.address()).unwrap();
    let began = Instant::now();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= ms(35), "a round trip: {:?}", began.elapsed());
}

#[test]
fn a_handshake_takes_its_round_trip() {
    let scene = Scene::through("up-delay=30ms,down-delay=40ms");
    let began = Instant::now();
    let (mut client, mut server) = scene.connection();
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();
    assert!(began.elapsed() >= ms(70 + 30), "{:?}", began.elapsed());
    server.write_all(b"y").unwrap();
    client.read_exact(&mut [0]).unwrap();
    assert!(began.elapsed() >= ms(70 + 70), "{:?}", began.elapsed());
}

#[test]
fn who_does_not_read_stops_who_writes() {
    let scene = Scene::through("rate=100mbit,queue=64KiB");
    let (mut client, server) = scene.connection();
    client.set_nonblocking(true).unwrap();
    let (mut taken, mut refused) = (0_u64, 0);
    // Taken again and again for two seconds: then sockets, window and queue are full.
    while refused < 200 {
        match client.write(&[0; 65_536]) {
            Ok(len) => taken += len as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refused += 1;
                thread::sleep(ms(10));
            }
            Err(error) => panic!("{error}"),
        }
        assert!(taken < 200 << 20, "no end of room");
    }
    let stats = scene.relay.stats();
    assert!(stats.up.tcp.bytes < taken, "{stats:?} of {taken}");
    drop(server);
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
