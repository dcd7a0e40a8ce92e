//! IPv4 and IPv6 on one socket, and the address that answers.

use std::{
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
};

use biplane_net::{Endpoint, EndpointConfig};
use biplane_proto::{DropReason, Planes};

use crate::support::{INPUTS, Pair, config, connect, dial, everybody, join, receive, send, until};

/// A server on every address of both families; none where the system has no IPv6.
fn everywhere() -> Option<Endpoint> {
    UdpSocket::bind("[::1]:0").ok()?;
    Some(Endpoint::listen("[::]:0", config(everybody())).unwrap())
}

fn dialing_from(address: &str) -> Endpoint {
    Endpoint::bind(address.parse().unwrap(), EndpointConfig::single()).unwrap()
}

fn fly(pair: &Pair) {
    let on_both = |slot: &biplane_net::Slot| slot.with(|_, s| s.planes()) == Planes::Both;
    until("both planes", || on_both(&pair.here) && on_both(&pair.there));
    send(&pair.here, INPUTS, "there");
    assert_eq!(receive(&pair.there, INPUTS), "there");
    send(&pair.there, INPUTS, "and back");
    assert_eq!(receive(&pair.here, INPUTS), "and back");
}

fn join_at(server: &Endpoint, client: &Endpoint, host: &str) -> Pair {
    let mut link = server.link().unwrap();
    link.host = host.into();
    let here = connect(client, dial(link)).unwrap();
    let there = server.sessions().last().unwrap().clone();
    Pair { here, there }
}

#[test]
fn a_server_on_any_address_hears_both_families_on_both_planes() {
    let Some(server) = everywhere() else { return };
    for (from, host) in [
        ("127.0.0.1:0", "127.0.0.1"),
        ("[::1]:0", "::1"),
        ("0.0.0.0:0", "127.0.0.1"),
        ("[::]:0", "127.0.0.1"),
        ("[::]:0", "::1"),
    ] {
        let client = dialing_from(from);
        let pair = join_at(&server, &client, host);
        fly(&pair);
        assert_eq!(pair.there.remote().ip().to_string(), host, "never an IPv4 address as IPv6");
        assert_eq!(pair.here.remote().ip().to_string(), host);
    }
    let drops = server.stats().datagrams.drops;
    // The last packets of a client that is dropped may come after its session has ended.
    let late = drops.count(DropReason::UnknownSession) + drops.count(DropReason::Closed);
    assert_eq!(drops.total(), late, "{drops:?}");
}

#[test]
fn one_client_socket_reaches_servers_of_either_family() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    let client = dialing_from("[::]:0");
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = Endpoint::listen(address, config(everybody())).unwrap();
        fly(&join(&server, &client));
    }
}

#[test]
fn a_server_answers_from_the_address_that_was_spoken_to() {
    for any in ["[::]:0", "0.0.0.0:0"] {
        let Ok(server) = Endpoint::listen(any, config(everybody())) else { continue };
        let port = server.local_addr().port();
        let front = Front::to(SocketAddr::from(([127, 0, 0, 2], port)));
        let mut link = server.link().unwrap();
        link.port = front.port;
        let client = dialing_from("127.0.0.1:0");
        let here = connect(&client, dial(link)).unwrap();
        let there = server.sessions().last().unwrap().clone();
        fly(&Pair { here, there });
    }
}

/// Passes both planes on to one address, and hears that address alone: datagrams of any other
/// never reach its connected socket. Its threads end with the process.
struct Front {
    port: u16,
}

impl Front {
    fn to(server: SocketAddr) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let outer = UdpSocket::bind(address).unwrap();
        let inner = UdpSocket::bind("127.0.0.1:0").unwrap();
        inner.connect(server).unwrap();
        thread::spawn(move || {
            let (client, _) = tcp.accept().unwrap();
            let server = TcpStream::connect(server).unwrap();
            pump(client.try_clone().unwrap(), server.try_clone().unwrap());
            pump(server, client);
        });
        thread::spawn(move || exchange(&outer, &inner));
        Self { port: address.port() }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    // Ends when either side does.
    thread::spawn(move || std::io::copy(&mut from, &mut to).ok());
}

fn exchange(outer: &UdpSocket, inner: &UdpSocket) {
    let mut buffer = [0; 2_000];
    let (len, client) = outer.recv_from(&mut buffer).unwrap();
    inner.send(&buffer[..len]).unwrap();
    let (back, inner_too) = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 2_000];
        while let Ok(len) = inner_too.recv(&mut buffer) {
            back.send_to(&buffer[..len], client).unwrap();
        }
    });
    while let Ok((len, _)) = outer.recv_from(&mut buffer) {
        // Refused when the server is gone.
        inner.send(&buffer[..len]).ok();
    }
}
