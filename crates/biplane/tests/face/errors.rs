//! What could not begin, in one line each.

use biplane::{
    BindError, Channel, Client, ConnectError, Identity, Link, Protocol, ProtocolError, Server,
    ServerConfig,
};

const LINES: Channel<String> = Channel::command("lines");
const INPUTS: Channel<u32> = Channel::sequenced("inputs");

fn protocol() -> Protocol {
    Protocol::new("errors", 1).channel(LINES).channel(INPUTS)
}

fn refused(link: impl std::fmt::Display, protocol: &Protocol) -> ConnectError {
    Client::connect(link, protocol).wait().expect_err("no session begins")
}

#[test]
fn a_protocol_that_differs_is_told_by_name() {
    const OTHERWISE: Channel<u32> = Channel::unreliable("inputs");
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let there = Protocol::new("errors", 1).channel(OTHERWISE).channel(LINES);
    let error = refused(server.link(), &there);
    assert!(matches!(&error, ConnectError::Mismatch { differences, .. } if differences.len() == 1));
    let words = error.to_string();
    assert!(words.contains("channel `inputs` is unreliable"), "{words}");
    assert!(words.contains("sequenced"), "{words}");
    let error = refused(server.link(), &Protocol::new("errors", 2).channel(LINES).channel(INPUTS));
    assert!(error.to_string().contains("`errors 2` here and `errors 1` there"), "{error}");
}

#[test]
fn another_server_than_the_links_is_told_by_pin() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let pin = Identity::generate().unwrap().pin();
    let link = Link { pin, ..server.link().clone() };
    let error = refused(&link, &protocol());
    assert!(matches!(error, ConnectError::WrongPin { expected, got }
            if expected == pin && got == server.link().pin));
}

#[test]
fn a_text_that_is_no_link_is_told_at_once() {
    let mut pending = Client::connect("127.0.0.1:7777", &protocol());
    let error = pending.try_take().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "a link begins with biplane://");
}

#[test]
fn a_port_that_is_taken_is_told_by_name() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let address = server.local_addr().to_string();
    let error = Server::bind(&address, &protocol()).unwrap_err();
    assert!(matches!(error, BindError::Socket(_)));
    let words = error.to_string();
    assert!(words.contains(&address) && words.ends_with("address in use"), "{words}");
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let link = server.link().clone();
    drop(server);
    let error = refused(&link, &protocol());
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    assert!(error.to_string().ends_with("connection refused"), "{error}");
}

#[test]
fn a_protocol_that_cannot_be_used_is_an_error_of_bind_and_connect() {
    let twice = protocol().channel(LINES);
    let expected = ProtocolError::ChannelTwice { name: "lines" };
    let bound = Server::bind("127.0.0.1:0", &twice).unwrap_err();
    assert!(matches!(bound, BindError::Protocol(error) if error == expected));
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let connected = refused(server.link(), &twice);
    assert!(matches!(connected, ConnectError::Protocol(error) if error == expected));
}

#[test]
fn an_identity_that_is_kept_keeps_the_pin() {
    let directory = std::env::temp_dir().join(format!("biplane-face-{}", std::process::id()));
    let bind = || {
        let identity = Identity::load_or_create(&directory).unwrap();
        let config = ServerConfig::default().identity(identity).public_host("play.example.org");
        Server::bind_with("127.0.0.1:0", &protocol(), config).unwrap()
    };
    let (one, two) = (bind().link().clone(), bind().link().clone());
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(one.pin, two.pin);
    assert!(one.to_string().starts_with("biplane://play.example.org:"));
}
