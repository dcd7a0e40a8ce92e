//! TCP: order, ends, and what the kernel does when nothing comes through.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::tools::{Scene, ms};

crate::tests!(
    half_a_connection_may_end_before_the_other,
    a_connection_that_says_nothing_ends_too,
    many_connections_carry_their_own_bytes_whatever_is_lost,
    a_reset_on_one_side_is_a_reset_on_the_other,
    a_target_that_went_away_is_a_reset_for_who_comes_later,
    a_handshake_takes_its_round_trip,
    who_does_not_read_stops_who_writes,
    blocked_tcp_goes_on_after_the_block,
    connections_are_reset_as_often_as_asked,
);

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

fn a_connection_that_says_nothing_ends_too() {
    let scene = Scene::through("delay=30ms");
    let client = TcpStream::connect(scene.relay.address()).unwrap();
    // Before the hop between the namespaces is there.
    client.shutdown(Shutdown::Write).unwrap();
    let (mut server, _) = scene.tcp.accept().unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
}

fn many_connections_carry_their_own_bytes_whatever_is_lost() {
    let scene = Scene::through("delay=5ms,jitter=3ms,loss=2%,duplicate=1%,corrupt=1%,rate=50mbit");
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
}

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

/// Closes as the kernel does for a process that was killed with something unread.
fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

fn a_target_that_went_away_is_a_reset_for_who_comes_later() {
    let scene = Scene::through("delay=20ms");
    drop(scene.tcp);
    let mut client = TcpStream::connect(scene.relay.address()).unwrap();
    let began = Instant::now();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= ms(35), "a round trip: {:?}", began.elapsed());
}

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

fn who_does_not_read_stops_who_writes() {
    let scene = Scene::through("delay=5ms,rate=100mbit,queue=64KiB");
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

fn blocked_tcp_goes_on_after_the_block() {
    let scene = Scene::through("delay=5ms,block-tcp,after=300ms,for=700ms");
    let began = Instant::now();
    let (mut client, mut server) = scene.connection();
    client.write_all(b"before ").unwrap();
    server.read_exact(&mut [0; 7]).unwrap();
    thread::sleep(ms(400).saturating_sub(began.elapsed()));
    client.write_all(b"meanwhile").unwrap();
    let mut buffer = [0; 9];
    server.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"meanwhile");
    assert!(began.elapsed() >= ms(950), "{:?}", began.elapsed());
    server.write_all(b"answer").unwrap();
    client.read_exact(&mut [0; 6]).unwrap();
}

fn connections_are_reset_as_often_as_asked() {
    let scene = Scene::through("kill-tcp-every=300ms");
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
