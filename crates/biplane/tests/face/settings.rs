//! What a server can be set to, and what it tells of it.

use std::time::{Duration, Instant};

use biplane::{
    Channel, Client, ClientConfig, ConnectError, Endpoint, Link, Protocol, Server, ServerConfig,
};

use crate::support::{Pair, joined, until};

const LINES: Channel<String> = Channel::command("lines");
const MAPS: Channel<Vec<u8>> = Channel::reliable_ordered("maps");
const SCENES: Channel<Vec<u8>> = Channel::unreliable("scenes");

fn protocol() -> Protocol {
    Protocol::new("settings", 1).channel(LINES).channel(MAPS).channel(SCENES)
}

fn bind(config: ServerConfig) -> Result<Server, biplane::BindError> {
    Server::bind_with("127.0.0.1:0", &protocol(), config)
}

#[test]
fn settings_out_of_range_are_told_by_name() {
    let default = ServerConfig::default;
    for (config, told) in [
        (default().receivers(0), "receivers is 0; it can be 1 to 64"),
        (default().senders(65), "senders is 65; it can be 1 to 64"),
        (default().max_sessions(0), "max_sessions is 0; it can be 1 to 1048576"),
        (default().receive_buffer(1), "receive_buffer is 1; it can be 4096 to 1073741824"),
        (default().send_buffer(1), "send_buffer is 1; it can be 4096 to 1073741824"),
        (
            default().unadmitted_per_address(2_049),
            "unadmitted_per_address is 2049; it can be 1 to 2048",
        ),
        (
            default().public_host("play.example.org:7777"),
            "public_host is `play.example.org:7777`; it can be a name or an address, without a port",
        ),
    ] {
        assert_eq!(bind(config).unwrap_err().to_string(), told);
    }
    assert!(bind(default().receivers(64).senders(64).unadmitted_per_address(1)).is_ok());
}

#[test]
fn every_client_can_read_the_link_of_a_server_that_is_bound() {
    for (given, named) in [
        ("play.example.org", "play.example.org"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ] {
        let server = bind(ServerConfig::default().public_host(given)).unwrap();
        let link: Link = server.link().to_string().parse().unwrap();
        assert_eq!(link.host, named);
    }
}

#[test]
fn workers_and_buffers_are_what_was_asked_for() {
    let config = ServerConfig::default().receivers(3).senders(2).receive_buffer(4_096);
    let stats = bind(config).unwrap().stats();
    assert_eq!((stats.receivers.len(), stats.senders.len()), (3, 2));
    assert!(stats.recv_buffer_bytes > 0 && stats.recv_buffer_bytes <= 8_192);
    let usual = bind(ServerConfig::default()).unwrap().stats();
    assert_eq!(usual.receivers.len(), usual.senders.len());
    assert!((1..=2).contains(&usual.receivers.len()));
}

#[test]
fn under_maintenance_clients_are_told_when_to_try_again() {
    let pair = Pair::new(&protocol());
    pair.server.maintenance(Duration::from_secs(90));
    let connect = || Client::connect(pair.server.link(), &protocol()).wait();
    match connect() {
        Err(ConnectError::Refused { code, retry_after, .. }) => {
            assert_eq!((code, retry_after), (503, Some(Duration::from_secs(90))));
        }
        other => panic!("{other:?}"),
    }
    pair.session.send(LINES, &"go on".to_owned()).unwrap();
    pair.server.flush();
    assert_eq!(until(|| pair.client.recv(LINES)), "go on");
    pair.server.reopen();
    connect().unwrap();
}

#[test]
fn a_client_reaches_a_server_of_either_family() {
    for address in ["127.0.0.1:0", "[::1]:0", "[::]:0", "0.0.0.0:0"] {
        // A system without IPv6.
        let Ok(server) = Server::bind(address, &protocol()) else { continue };
        let client = Client::connect(server.link(), &protocol()).wait().unwrap();
        assert!(!client.remote().ip().to_string().contains("ffff"), "{}", client.remote());
        let session = joined(&server);
        assert_eq!(session.remote().ip(), client.remote().ip());
    }
}

#[test]
fn long_messages_go_without_being_declared() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    pair.client.send(MAPS, &vec![7; 200_000]).unwrap();
    pair.client.send(SCENES, &vec![8; 16_000]).unwrap();
    pair.client.flush();
    let map = pair.until(|pair| pair.session.recv(MAPS));
    assert_eq!(map, vec![7; 200_000]);
    assert_eq!(pair.until(|pair| pair.session.recv(SCENES)), vec![8; 16_000]);
    let told = pair.client.send(SCENES, &vec![8; 16_384]).unwrap_err();
    assert_eq!(told, biplane::SendError::TooLarge { limit: 16_384 });
}

#[test]
fn a_client_may_let_its_messages_wait_for_company() {
    const DELAY: Duration = Duration::from_millis(20);
    let client = ClientConfig::default().max_send_delay(DELAY);
    let mut pair = Pair::with(&protocol(), &protocol(), ServerConfig::default(), client);
    pair.until_both_planes();
    let begun = Instant::now();
    pair.client.send(SCENES, &vec![8; 10]).unwrap();
    // Neither side flushes or waits.
    until(|| (pair.session.stats().untaken_messages == 1).then_some(()));
    assert!(begun.elapsed() >= DELAY, "{:?}", begun.elapsed());
}

#[test]
fn a_client_of_a_shared_socket_hears_of_its_end_when_it_comes() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let clients: Vec<_> =
        (0..3).map(|_| endpoint.connect(server.link(), &protocol()).wait().unwrap()).collect();
    let goodbyes: Vec<_> = clients.iter().map(|client| client.close("bye")).collect();
    for goodbye in goodbyes {
        goodbye.wait();
    }
    assert_eq!(endpoint.stats().sessions.current, 0);
    clients[0].close("again").wait();
}
