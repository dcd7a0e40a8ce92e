//! What a relay owes whichever way it carries; each takes the scene that its test has set.

use std::{
    collections::HashSet,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use biplane_link::RelayStats;

use super::{PATIENCE, Scene, ms, next};

pub(crate) fn half_a_connection_may_end_before_the_other(scene: &Scene) {
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

pub(crate) fn many_connections_carry_their_own_bytes_whatever_is_lost(scene: &Scene) -> RelayStats {
    let all: Vec<_> = (0..30).map(|_| scene.connection()).collect();
    let carried = all.into_iter().zip(0_u8..).map(|((mut client, mut server), number)| {
        thread::spawn(move || {
            let bytes: Vec<u8> = (0..50_000_u32).map(|n| number ^ n.to_le_bytes()[0]).collect();
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
    stats
}

pub(crate) fn a_reset_on_one_side_is_a_reset_on_the_other(scene: &Scene) {
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

/// Closes as the kernel does for a process that was killed with something unread.
pub(crate) fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

pub(crate) fn a_target_that_went_away_is_a_reset_for_who_comes_later(scene: Scene) {
    drop(scene.tcp);
    let mut client = TcpStream::connect(scene.relay.address()).unwrap();
    let began = Instant::now();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= ms(35), "a round trip: {:?}", began.elapsed());
}

pub(crate) fn a_handshake_takes_its_round_trip(scene: &Scene) {
    let began = Instant::now();
    let (mut client, mut server) = scene.connection();
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();
    assert!(began.elapsed() >= ms(70 + 30), "{:?}", began.elapsed());
    server.write_all(b"y").unwrap();
    client.read_exact(&mut [0]).unwrap();
    assert!(began.elapsed() >= ms(70 + 70), "{:?}", began.elapsed());
}

pub(crate) fn who_does_not_read_stops_who_writes(scene: &Scene) {
    let (mut client, server) = scene.connection();
    client.set_nonblocking(true).unwrap();
    let (mut taken, mut refused) = (0_u64, 0);
    // Taken again and again for two seconds: then every buffer is full.
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

pub(crate) fn connections_are_reset_as_often_as_asked(scene: &Scene) {
    for _ in 0..2 {
        let (mut client, mut server) = scene.connection();
        client.write_all(b"x").unwrap();
        server.read_exact(&mut [0]).unwrap();
        for mut end in [client, server] {
            let error = end.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
    }
    let stats = scene.figures(|stats| stats.up.tcp.killed >= 2);
    assert_eq!(stats.up.tcp.connections, 2);
}

pub(crate) fn each_client_has_a_port_of_its_own_towards_the_server_and_gets_its_own_answers(
    scene: &Scene,
) {
    let clients: Vec<_> = (0..50).map(|_| scene.flow()).collect();
    for (number, client) in (0..).zip(&clients) {
        client.send(&[number]).unwrap();
    }
    let mut sources = HashSet::new();
    for _ in &clients {
        let (datagram, from) = next(&scene.udp);
        sources.insert(from);
        scene.udp.send_to(&[datagram[0], 1], from).unwrap();
    }
    assert_eq!(sources.len(), 50);
    for (number, client) in (0..).zip(&clients) {
        assert_eq!(next(client).0, [number, 1]);
    }
    let stats = scene.figures(|stats| stats.down.udp.forwarded == 50);
    assert_eq!((stats.up.udp.received, stats.up.udp.forwarded, stats.flows), (50, 50, 50));
}

/// For a relay that listens on all addresses.
pub(crate) fn an_answer_comes_from_the_address_that_was_asked(scene: &Scene) {
    for address in [[127, 0, 0, 1], [127, 0, 0, 2]] {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect((Ipv4Addr::from(address), scene.relay.address().port())).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send(b"ping").unwrap();
        let (_, from) = next(&scene.udp);
        scene.udp.send_to(b"pong", from).unwrap();
        // One that is connected takes nothing from another address.
        assert_eq!(next(&client).0, b"pong");
    }
}

pub(crate) fn a_rebound_address_is_another_one_on_loopback(scene: &Scene) {
    let client = scene.flow();
    let mut addresses = HashSet::new();
    while addresses.len() < 3 {
        client.send(b"ping").unwrap();
        addresses.insert(next(&scene.udp).1.ip());
        client.set_read_timeout(Some(ms(50))).unwrap();
        drop(client.recv(&mut [0; 9]));
    }
    assert!(addresses.iter().all(|address| address.is_loopback()));
}
