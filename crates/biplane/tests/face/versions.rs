//! A server that accepts several protocols at once.

use biplane::{
    BindError, Channel, Client, ConnectError, Protocol, ProtocolError, Request, SendError, Server,
    ServerConfig, Session,
};
use serde::{Deserialize, Serialize};

use crate::support::{joined, until};

const CHAT: Channel<String> = Channel::command("chat");
const SHOUT: Channel<String> = Channel::command("shout");
/// As the first version had it.
const NAMES_1: Channel<String> = Channel::sequenced("names").max_message(20);
const NAMES_2: Channel<String> = Channel::reliable_ordered("names").max_message(100);

#[derive(Debug, Serialize, Deserialize)]
struct Ask;

impl Request for Ask {
    const NAME: &'static str = "ask";
    type Reply = u32;
}

/// `chat` and `names`.
fn first() -> Protocol {
    Protocol::new("arena", 1).channel(CHAT).channel(NAMES_1)
}

/// `names` and `shout`: no channel has the place it had before.
fn second() -> Protocol {
    Protocol::new("arena", 2).channel(NAMES_2).channel(SHOUT).request::<Ask>()
}

struct Both {
    server: Server,
    old: Client,
    new: Client,
    /// As the server has them.
    sessions: [Session; 2],
}

impl Both {
    fn joined() -> Self {
        let config = ServerConfig::default().also(first());
        let server = Server::bind_with("127.0.0.1:0", &second(), config).unwrap();
        let join = |protocol: &Protocol| {
            let client = Client::connect(server.link(), protocol).wait().unwrap();
            (client, joined(&server))
        };
        let (old, old_session) = join(&first());
        let (new, new_session) = join(&second());
        Self { server, old, new, sessions: [old_session, new_session] }
    }
}

fn next_on(client: &Client, channel: Channel<String>) -> String {
    until(|| client.recv(channel))
}

#[test]
fn each_session_knows_which_it_speaks() {
    let both = Both::joined();
    let versions = both.sessions.each_ref().map(|session| session.protocol().version());
    assert_eq!(versions, [1, 2]);
    assert_eq!(both.sessions[0].protocol().name(), "arena");
    assert_eq!((both.old.protocol().version(), both.new.protocol().version()), (1, 2));
}

#[test]
fn what_a_sessions_protocol_lacks_is_neither_sent_nor_received() {
    let both = Both::joined();
    let [old, new] = &both.sessions;
    let text = "hello".to_owned();
    assert_eq!(old.send(SHOUT, &text), Err(SendError::NotInProtocol));
    assert_eq!(new.send(CHAT, &text), Err(SendError::NotInProtocol));
    assert_eq!((old.recv(SHOUT), new.recv(CHAT)), (None, None));
    let asked = old.request(&Ask).wait();
    assert!(matches!(asked, Err(biplane::RequestError::NotSent(SendError::NotInProtocol))));
    both.server.drain(Channel::<u8>::command("nobody's"), |_, _| panic!("nothing can come"));
}

#[test]
fn a_channel_is_found_wherever_a_protocol_puts_it() {
    let both = Both::joined();
    let [old, new] = &both.sessions;
    for (session, client, name) in [(old, &both.old, "old"), (new, &both.new, "new")] {
        session.send(NAMES_2, &name.to_owned()).unwrap();
        both.server.flush();
        assert_eq!(next_on(client, NAMES_2), name);
        client.send(NAMES_2, &format!("{name} too")).unwrap();
        client.flush();
    }
    let mut came = Vec::new();
    until(|| {
        both.server.drain(NAMES_1, |session, name| came.push((session.id(), name)));
        (came.len() == 2).then_some(())
    });
    came.sort();
    assert_eq!(came, [(old.id(), "old too".to_owned()), (new.id(), "new too".to_owned())]);
}

#[test]
fn a_broadcast_reaches_those_who_have_its_channel_and_room_for_it() {
    let both = Both::joined();
    let server = &both.server;
    assert_eq!(server.broadcast(&both.sessions, NAMES_2, &"everybody".to_owned()), 2);
    assert_eq!(server.broadcast(&both.sessions, SHOUT, &"the new".to_owned()), 1);
    assert_eq!(server.broadcast(&both.sessions, NAMES_2, &"x".repeat(50)), 1, "too long for one");
    assert_eq!(server.broadcast(&both.sessions, NAMES_2, &"x".repeat(101)), 0);
    server.flush();
    assert_eq!(next_on(&both.old, NAMES_1), "everybody");
    assert_eq!(next_on(&both.new, SHOUT), "the new");
}

#[test]
fn a_third_version_is_told_how_it_differs_from_the_servers_own() {
    let both = Both::joined();
    let third = Protocol::new("arena", 3).channel(NAMES_2).channel(SHOUT).request::<Ask>();
    match Client::connect(both.server.link(), &third).wait() {
        Err(ConnectError::Mismatch { differences, .. }) => assert_eq!(differences.len(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn at_most_4_each_once() {
    let bind = |also: &[Protocol]| {
        let config = also.iter().cloned().fold(ServerConfig::default(), ServerConfig::also);
        Server::bind_with("127.0.0.1:0", &second(), config)
    };
    let version = |version| Protocol::new("arena", version);
    assert!(bind(&[first(), version(3), version(4)]).is_ok());
    let told = bind(&[first(), version(3), version(4), version(5)]).unwrap_err();
    assert!(matches!(told, BindError::Protocol(ProtocolError::TooManyProtocols { count: 5 })));
    let told = bind(&[first(), second()]).unwrap_err();
    assert_eq!(told.to_string(), "the protocol `arena`, version 2, is given twice");
}
