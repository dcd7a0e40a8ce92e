//! Sessions that do not begin, and what each side is told.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::mpsc,
};

use biplane_net::{ConnectError, Decision, Endpoint, EndpointConfig, Pin, Step};
use biplane_proto::JoinError;
use biplane_wire::ChannelKind;

use crate::support::{
    PATIENCE, admission, client, config, connect, dial, everybody, join, listen, protocol_with,
    server, until, warnings,
};

#[test]
fn another_pin_is_told_with_both() {
    let (server, client) = (server(), client());
    let mut link = server.link().unwrap();
    let real = link.pin;
    link.pin = Pin::new([1; 32]);
    match connect(&client, dial(link)) {
        Err(ConnectError::WrongPin { expected, got }) => {
            assert_eq!((expected, got), (Pin::new([1; 32]), real));
        }
        other => panic!("{other:?}"),
    }
    assert!(server.sessions().is_empty());
}

#[test]
fn another_protocol_is_told_by_name_on_both_sides() {
    let (server, client) = (server(), client());
    let mut other = dial(server.link().unwrap());
    other.protocol = protocol_with(ChannelKind::Unreliable);
    match connect(&client, other) {
        Err(ConnectError::Join(error @ JoinError::Mismatch { .. })) => {
            let told = error.to_string();
            assert!(told.contains("channel `inputs` is unreliable"), "{told}");
        }
        other => panic!("{other:?}"),
    }
    until("a line in the server's log", || {
        warnings().iter().any(|line| line.contains("channel `inputs` is sequenced"))
    });
    assert_eq!(server.stats().sessions.refused, 1);
}

#[test]
fn a_refusal_carries_the_applications_words() {
    let server = listen(config(admission(|_| Decision::Refuse {
        code: 401,
        text: "log in first".into(),
        retry_after: None,
    })));
    match connect(&client(), dial(server.link().unwrap())) {
        Err(ConnectError::Join(JoinError::Refused { code, text, .. })) => {
            assert_eq!((code, &*text), (401, "log in first"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.stats().sessions.refused, 1);
}

#[test]
fn an_admission_that_panics_refuses_its_client_alone() {
    let server = listen(config(admission(|request| {
        assert!(request.credentials.is_empty(), "planned");
        Decision::Admit(None)
    })));
    let client = client();
    let mut bad = dial(server.link().unwrap());
    bad.credentials = b"bad".to_vec();
    match connect(&client, bad) {
        Err(ConnectError::Join(JoinError::Refused { code, .. })) => assert_eq!(code, 500),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.stats().panics, 1);
    join(&server, &client);
}

#[test]
fn a_full_server_says_so() {
    let mut config = config(everybody());
    config.max_sessions = 1;
    let (server, client) = (listen(config), client());
    let _first = join(&server, &client);
    match connect(&client, dial(server.link().unwrap())) {
        Err(ConnectError::Join(JoinError::Refused { code, text, .. })) => {
            assert_eq!((code, &*text), (503, "the server is full"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_taken_port_is_told_with_its_plane() {
    let server = server();
    let address = server.local_addr();
    let told = Endpoint::listen(&address.to_string(), config(everybody())).unwrap_err();
    assert_eq!(told.to_string(), format!("cannot listen on TCP {address}: address in use"));
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let told = Endpoint::bind(address, EndpointConfig::default()).unwrap_err();
    assert_eq!(told.to_string(), format!("cannot open UDP {address}: address in use"));
}

#[test]
fn nobody_there_is_told() {
    let mut link = server().link().unwrap();
    link.port = free_port();
    let told = connect(&client(), dial(link.clone())).unwrap_err().to_string();
    assert_eq!(told, format!("cannot reach 127.0.0.1:{}: connection refused", link.port));
}

#[test]
fn a_server_of_another_kind_is_told() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut link = server().link().unwrap();
    link.port = other.local_addr().unwrap().port();
    let (told, heard) = mpsc::channel();
    let client = client();
    client.connect(dial(link), Box::new(move |outcome| told.send(outcome.err()).unwrap()));
    let (mut stream, _) = other.accept().unwrap();
    std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
    let error = heard.recv_timeout(PATIENCE).unwrap().unwrap();
    assert!(error.to_string().ends_with("does not speak TLS"), "{error}");
    assert_eq!(error.step(), Some(Step::Tls));
}

#[test]
fn dropping_an_endpoint_ends_its_dialing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut link = server().link().unwrap();
    link.port = silent.local_addr().unwrap().port();
    let (told, heard) = mpsc::channel();
    let client = client();
    client.connect(dial(link), Box::new(move |outcome| told.send(outcome.err()).unwrap()));
    let _stream = silent.accept().unwrap();
    drop(client);
    assert!(matches!(heard.recv_timeout(PATIENCE).unwrap(), Some(ConnectError::Closed)));
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listener.local_addr().unwrap().port()
}
