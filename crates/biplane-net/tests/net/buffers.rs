//! Room in the kernel: asked for, read back, and what is lost for want of it.

use std::net::UdpSocket;

use crate::support::{address, config, everybody, listen, until};

#[test]
fn what_the_system_grants_is_told() {
    let mut small = config(everybody());
    small.endpoint.receive_buffer = 4_096;
    small.endpoint.send_buffer = 8_192;
    let stats = [listen(small), listen(config(everybody()))].map(|server| server.stats());
    for (index, stats) in stats.iter().enumerate() {
        let room = (stats.recv_buffer_bytes, stats.send_buffer_bytes);
        assert!(room.0 > 0 && room.1 > 0, "{index}: {room:?}");
    }
    // Linux doubles what is asked for, and grants 212,992 or more unless it was told less.
    assert!(stats[0].recv_buffer_bytes <= 8_192, "{:?}", stats[0].recv_buffer_bytes);
    assert!(stats[1].recv_buffer_bytes > 8_192, "{:?}", stats[1].recv_buffer_bytes);
}

#[test]
#[cfg(target_os = "linux")]
fn what_the_kernel_drops_is_told_to_the_datagram() {
    const FLOOD: u64 = 50_000;
    let mut config = config(everybody());
    config.endpoint.receive_buffer = 4_096;
    let server = listen(config);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sent = 0;
    for _ in 0..FLOOD {
        sent += u64::from(stranger.send_to(&[0x40; 100], address(&server)).is_ok());
    }
    let dropped = || server.stats().datagrams.kernel_dropped.unwrap();
    until("all of it", || server.stats().datagrams.received + dropped() == sent);
    assert!(dropped() > 0);
    assert_eq!(dropped(), proc_drops(address(&server).port()));
    let datagrams = server.stats().datagrams;
    assert_eq!(datagrams.received, datagrams.drops.total());
    assert_eq!(datagrams.bytes_received, 100 * datagrams.received);
}

/// What the system's own table says of the socket on this port of 127.0.0.1.
#[cfg(target_os = "linux")]
fn proc_drops(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let row = table.lines().find(|line| line.split_whitespace().nth(1) == Some(&local)).unwrap();
    row.split_whitespace().nth(12).unwrap().parse().unwrap()
}
