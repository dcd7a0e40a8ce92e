//! What comes to the ports that is not Biplane's.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::mpsc,
    thread,
    time::Duration,
};

use biplane_net::{DialConfig, Endpoint};
use biplane_proto::{CloseReason, DropReason, Event};

use crate::support::{
    INPUTS, PATIENCE, address, client, connect, dial, eventually, join, receive, send, server,
    until, warnings,
};

fn drops(endpoint: &Endpoint, reason: DropReason) -> u64 {
    endpoint.stats().datagrams.drops.count(reason)
}

#[test]
fn http_on_the_tcp_port_is_one_line_in_the_log() {
    let server = server();
    let mut lines = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address(&server)).unwrap();
        lines.push(stream.local_addr().unwrap().to_string());
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        // Closed by the server, whatever it says before.
        drop(stream.read_to_end(&mut Vec::new()));
    }
    let told = || {
        let logs = warnings();
        let ours = |line: &&String| lines.iter().any(|from| line.contains(from.as_str()));
        logs.iter().filter(ours).cloned().collect::<Vec<_>>()
    };
    until("a line in the log", || !told().is_empty());
    let told = told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("not a Biplane client") && !told[0].contains("GET"), "{told:?}");
    join(&server, &client());
}

#[test]
fn a_connection_that_says_nothing_keeps_nobody_else_out() {
    let server = server();
    let _silent: Vec<_> = (0..50).map(|_| TcpStream::connect(address(&server)).unwrap()).collect();
    join(&server, &client());
}

#[test]
fn garbage_on_the_udp_port_is_counted_exactly() {
    let server = server();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut unknown = [0; 60];
    unknown[0] = 0x40;
    let inputs: [(&[u8], DropReason); 5] = [
        (&[], DropReason::Empty),
        (&[0x40; 39], DropReason::Malformed),
        (&[0xff; 100], DropReason::Malformed),
        (&[0x40; 1_453], DropReason::Oversize),
        (&unknown, DropReason::UnknownSession),
    ];
    for _ in 0..20 {
        for (bytes, _) in &inputs {
            stranger.send_to(bytes, address(&server)).unwrap();
        }
    }
    until("all of it", || server.stats().datagrams.received == 100);
    assert_eq!(drops(&server, DropReason::Empty), 20);
    assert_eq!(drops(&server, DropReason::Malformed), 40);
    assert_eq!(drops(&server, DropReason::Oversize), 20);
    assert_eq!(drops(&server, DropReason::UnknownSession), 20);
    let datagrams = server.stats().datagrams;
    assert_eq!((datagrams.drops.total(), datagrams.sent), (100, 0), "and nothing is answered");
}

#[test]
fn packets_caught_on_the_way_are_of_no_use_to_others() {
    let (server, client) = (server(), client());
    let relay = Relay::to(address(&server));
    let mut link = server.link().unwrap();
    link.port = relay.port;
    let here = connect(&client, dial(link)).unwrap();
    let there = server.ready().recv_timeout(PATIENCE).unwrap();
    for round in 0..50 {
        send(&here, INPUTS, &format!("input {round}"));
        client.flush();
        assert_eq!(receive(&there, INPUTS), format!("input {round}"));
    }
    // The relay passes on each packet of the client's, a copy with a bit flipped, it again, and a
    // copy that names a key beyond the next.
    let stats = eventually("four of each", || {
        let stats = server.stats().datagrams;
        (stats.received >= 200 && stats.received == 4 * stats.delivered).then_some(stats)
    });
    for reason in [DropReason::Forged, DropReason::Replayed, DropReason::NoKey] {
        assert_eq!(stats.drops.count(reason), stats.delivered, "{reason:?}");
    }
    assert_eq!(stats.drops.total(), 3 * stats.delivered);
}

/// Stands between a client and a server on both planes. Its threads end with the process.
struct Relay {
    port: u16,
    streams: mpsc::Receiver<[TcpStream; 2]>,
}

impl Relay {
    fn to(server: SocketAddr) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind(tcp.local_addr().unwrap()).unwrap();
        let port = tcp.local_addr().unwrap().port();
        let (accepted, streams) = mpsc::channel();
        thread::spawn(move || {
            let (client, _) = tcp.accept().unwrap();
            let server = TcpStream::connect(server).unwrap();
            pump(client.try_clone().unwrap(), server.try_clone().unwrap());
            pump(server.try_clone().unwrap(), client.try_clone().unwrap());
            accepted.send([client, server]).unwrap();
        });
        thread::spawn(move || Self::pass(&udp, server));
        Self { port, streams }
    }

    /// Ends TCP towards both sides, without a word.
    fn cut(&self) {
        for stream in self.streams.recv().unwrap() {
            // The second may have ended with the first.
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    fn pass(udp: &UdpSocket, server: SocketAddr) {
        let mut client = None;
        let mut buffer = [0; 2_000];
        while let Ok((len, from)) = udp.recv_from(&mut buffer) {
            let packet = &mut buffer[..len];
            if from == server {
                udp.send_to(packet, client.unwrap()).unwrap();
                continue;
            }
            client = Some(from);
            udp.send_to(packet, server).unwrap();
            packet[len - 1] ^= 1;
            udp.send_to(packet, server).unwrap();
            packet[len - 1] ^= 1;
            udp.send_to(packet, server).unwrap();
            packet[0] ^= 0b1000;
            udp.send_to(packet, server).unwrap();
        }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        // Ends when either side does.
        std::io::copy(&mut from, &mut to).ok();
        to.shutdown(Shutdown::Write).ok();
    });
}

#[test]
fn a_client_that_wants_no_grace_leaves_when_its_connection_breaks() {
    let (server, client) = (server(), client());
    let relay = Relay::to(address(&server));
    let mut link = server.link().unwrap();
    link.port = relay.port;
    let dial = DialConfig { grace: Some(Duration::ZERO), ..dial(link) };
    let here = connect(&client, dial).unwrap();
    let there = server.ready().recv_timeout(PATIENCE).unwrap();
    relay.cut();
    for slot in [&here, &there] {
        let left = eventually("the end", || match slot.with(|_, s| s.poll_event())? {
            Event::Left(reason) => Some(reason),
            _ => None,
        });
        assert_eq!(left, CloseReason::ConnectionLost);
    }
    until("no session", || server.sessions().is_empty() && client.sessions().is_empty());
}
