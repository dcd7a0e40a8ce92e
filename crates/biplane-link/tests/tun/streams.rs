//! TCP: order, ends, and what the kernel does when nothing comes through.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Instant,
};

use crate::{
    both::scenarios,
    tools::{Scene, ms},
};

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
    scenarios::half_a_connection_may_end_before_the_other(&Scene::through("delay=10ms"));
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
    scenarios::many_connections_carry_their_own_bytes_whatever_is_lost(&Scene::through(
        "delay=5ms,jitter=3ms,loss=2%,duplicate=1%,corrupt=1%,rate=50mbit",
    ));
}

fn a_reset_on_one_side_is_a_reset_on_the_other() {
    scenarios::a_reset_on_one_side_is_a_reset_on_the_other(&Scene::through("delay=10ms"));
}

fn a_target_that_went_away_is_a_reset_for_who_comes_later() {
    scenarios::a_target_that_went_away_is_a_reset_for_who_comes_later(Scene::through("delay=20ms"));
}

fn a_handshake_takes_its_round_trip() {
    scenarios::a_handshake_takes_its_round_trip(&Scene::through("up-delay=30ms,down-delay=40ms"));
}

fn who_does_not_read_stops_who_writes() {
    scenarios::who_does_not_read_stops_who_writes(&Scene::through(
        "delay=5ms,rate=100mbit,queue=64KiB",
    ));
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
    scenarios::connections_are_reset_as_often_as_asked(&Scene::through("kill-tcp-every=300ms"));
}
