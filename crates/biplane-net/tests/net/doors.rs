//! What strangers at the TCP port may cost: places, bytes and time.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use biplane_net::{ConnectError, Decision, Endpoint, GreetingConfig, ListenConfig};
use biplane_proto::JoinError;
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use crate::{
    support::{PATIENCE, address, client, config, connect, dial, everybody, join, listen, until},
    trusting::client_config,
};

const SHORT: Duration = Duration::from_millis(300);

fn with(greeting: GreetingConfig) -> Endpoint {
    listen(ListenConfig { greeting, ..config(everybody()) })
}

fn come(server: &Endpoint) -> TcpStream {
    let stream = TcpStream::connect(address(server)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Waits for the server to end a connection, whatever it says before.
fn end(mut stream: impl Read) {
    // A reset is an end too.
    stream.read_to_end(&mut Vec::new()).ok();
}

fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let heard = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    heard.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn who_says_nothing_is_cut_at_the_deadline_of_tls() {
    let server = with(GreetingConfig { tls_deadline: SHORT, ..GreetingConfig::default() });
    let begun = Instant::now();
    end(come(&server));
    assert!(begun.elapsed() >= SHORT);
    until("the count", || server.stats().connections.timed_out == 1);
    assert_eq!(server.stats().connections.accepted, 1);
    join(&server, &client());
}

#[test]
fn a_byte_now_and_then_does_not_move_the_deadline() {
    let server = with(GreetingConfig { tls_deadline: SHORT, ..GreetingConfig::default() });
    let (begun, mut stream) = (Instant::now(), come(&server));
    // A handshake record of 500 bytes, a byte at a time.
    let record = [22, 3, 1, 1, 244, 1, 0, 1, 240].into_iter().chain([3; 491]);
    for byte in record {
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        std::thread::sleep(SHORT / 10);
        if server.stats().connections.timed_out == 1 {
            break;
        }
    }
    end(stream);
    assert!(begun.elapsed() >= SHORT && server.stats().connections.timed_out == 1);
}

#[test]
fn who_says_no_hello_after_tls_is_cut_at_its_deadline() {
    let server = with(GreetingConfig { hello_deadline: SHORT, ..GreetingConfig::default() });
    let mut stream = tls(come(&server));
    let begun = Instant::now();
    stream.flush().unwrap();
    end(stream);
    assert!(begun.elapsed() >= SHORT / 2, "{:?}", begun.elapsed());
    until("the count", || server.stats().connections.timed_out == 1);
}

#[test]
fn an_admission_that_takes_too_long_is_an_answer() {
    let mut config = config(Arc::new(|_| Box::pin(core::future::pending::<Decision>())));
    config.greeting.admission_deadline = SHORT;
    let (server, begun) = (listen(config), Instant::now());
    match connect(&client(), dial(server.link().unwrap())) {
        Err(ConnectError::Join(JoinError::Refused { code, .. })) => assert_eq!(code, 504),
        other => panic!("{other:?}"),
    }
    assert!(begun.elapsed() >= SHORT);
}

#[test]
fn one_admission_too_many_waits_its_turn_within_the_deadline() {
    let mut config = config(Arc::new(|_| Box::pin(core::future::pending::<Decision>())));
    config.greeting.admission_deadline = SHORT;
    config.greeting.admissions = 1;
    let server = listen(config);
    let (told, heard) = mpsc::channel();
    let client = client();
    for _ in 0..2 {
        let told = told.clone();
        let done = Box::new(move |outcome: Result<_, ConnectError>| {
            told.send(outcome.map(drop).unwrap_err()).unwrap();
        });
        client.connect(dial(server.link().unwrap()), done);
    }
    let codes = [(); 2].map(|()| match heard.recv_timeout(PATIENCE).unwrap() {
        ConnectError::Join(JoinError::Refused { code, .. }) => code,
        other => panic!("{other}"),
    });
    // The second had what was left of its time, if any.
    assert!(
        codes.contains(&504) && codes.iter().all(|code| [503, 504].contains(code)),
        "{codes:?}"
    );
    assert_eq!(server.stats().sessions.refused, 2);
}

#[test]
fn no_more_than_16_kib_are_heard_before_a_hello() {
    let server = with(GreetingConfig::default());
    let mut stream = come(&server);
    // One handshake message of 60,000 bytes, in records of 16,000 at the most.
    let mut said = Vec::new();
    for index in 0..4 {
        said.extend([22, 3, 1, 62, 128]);
        let head: &[u8] = if index == 0 { &[1, 0, 234, 96, 3, 3] } else { &[] };
        said.extend(head);
        said.extend(vec![7; 16_000 - head.len()]);
    }
    // Refused as soon as it is too much.
    stream.write_all(&said).ok();
    end(stream);
    until("the count", || server.stats().connections.too_long == 1);
    join(&server, &client());
}

#[test]
fn one_more_than_may_wait_takes_the_place_of_the_longest_idle() {
    let server = with(GreetingConfig { waiting: 4, unadmitted_per_address: 4, ..greeting() });
    let strangers: Vec<_> = (0..4)
        .map(|count| {
            let stranger = come(&server);
            until("a place", || server.stats().connections.waiting == count + 1);
            stranger
        })
        .collect();
    assert!(strangers.iter().all(is_open));
    // The first one speaks, so that the second is the longest idle.
    std::thread::sleep(Duration::from_millis(5));
    (&strangers[0]).write_all(&[22]).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let fifth = come(&server);
    until("an eviction", || server.stats().connections.evicted == 1);
    until("an end", || !is_open(&strangers[1]));
    assert!([&strangers[0], &strangers[2], &strangers[3], &fifth].into_iter().all(is_open));
    assert_eq!(server.stats().connections.waiting, 4);
    join(&server, &client());
    assert_eq!(server.stats().connections.evicted, 2, "a client takes a place like others");
}

#[test]
fn an_address_has_its_share_and_what_is_above_waits_unrefused() {
    let server = with(GreetingConfig {
        unadmitted_per_address: 2,
        loopback_exempt: false,
        ..GreetingConfig::default()
    });
    let silent = [come(&server), come(&server)];
    until("both", || server.stats().connections.waiting == 2);
    let (told, heard) = mpsc::channel();
    let client = client();
    client.connect(
        dial(server.link().unwrap()),
        Box::new(move |outcome| told.send(outcome.map(drop)).unwrap()),
    );
    until("its wait", || server.stats().connections.parked == 1);
    assert!(heard.recv_timeout(Duration::from_millis(100)).is_err());
    drop(silent);
    heard.recv_timeout(PATIENCE).unwrap().unwrap();
    until("nobody", || server.stats().connections.parked == 0);
}

#[test]
fn admitted_sessions_are_nobodys_share() {
    let server = with(GreetingConfig {
        unadmitted_per_address: 1,
        loopback_exempt: false,
        ..GreetingConfig::default()
    });
    let client = client();
    let pairs: Vec<_> = (0..10).map(|_| join(&server, &client)).collect();
    assert_eq!((pairs.len(), server.stats().sessions.current), (10, 10));
}

fn greeting() -> GreetingConfig {
    GreetingConfig::default()
}

/// A TLS connection of one who says nothing in it.
fn tls(stream: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("biplane").unwrap();
    let connection = ClientConnection::new(Arc::new(client_config()), name).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream
}
