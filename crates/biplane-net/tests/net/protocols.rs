//! A server that speaks several protocols, and one that takes nobody for a while.

use std::time::Duration;

use biplane_net::{BindError, ConnectError, Endpoint, ProtocolSpec, SpecError};
use biplane_proto::JoinError;
use biplane_wire::ChannelKind;

use crate::support::{
    CHAT, client, config, connect, dial, everybody, join, listen, protocol, receive, send, server,
};

fn version(version: u32) -> ProtocolSpec {
    let mut spec = protocol();
    spec.description.version = version;
    spec
}

#[test]
fn each_session_knows_which_protocol_it_speaks() {
    let mut config = config(everybody());
    config.also = vec![version(2), version(3)];
    let (server, client) = (listen(config), client());
    for (spoken, number) in [(1, 0), (2, 1), (3, 2)] {
        let mut dial = dial(server.link().unwrap());
        dial.protocol = version(spoken);
        let here = connect(&client, dial).unwrap();
        let there = server.sessions().last().unwrap().clone();
        assert_eq!((there.protocol(), here.protocol()), (number, 0));
        send(&here, CHAT, "hello");
        assert_eq!(receive(&there, CHAT), "hello");
    }
    let mut other = dial(server.link().unwrap());
    other.protocol = version(4);
    match connect(&client, other) {
        Err(ConnectError::Join(error @ JoinError::Mismatch { .. })) => {
            assert!(error.to_string().contains("`test 4` here and `test 1` there"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn protocols_that_cannot_be_spoken_are_told_before_anything_is_opened() {
    let refused = |change: &dyn Fn(&mut biplane_net::ListenConfig)| {
        let mut config = config(everybody());
        change(&mut config);
        Endpoint::listen("127.0.0.1:0", config).unwrap_err()
    };
    let told = refused(&|config| config.also = vec![version(1)]);
    assert!(matches!(told, BindError::Protocol(SpecError::Twice)), "{told}");
    let told = refused(&|config| config.also = (2..=5).map(version).collect());
    assert_eq!(told.to_string(), "also is 4; it can be 0 to 3");
    let told = refused(&|config| config.max_sessions = 0);
    assert_eq!(told.to_string(), "max_sessions is 0; it can be 1 to 1048576");
    let too_long = |kind| {
        let mut spec = crate::support::protocol_with(kind);
        spec.channels[1].max_message = 1 << 30;
        spec.description.channels[1].max_message = 1 << 30;
        spec
    };
    for kind in [ChannelKind::Sequenced, ChannelKind::ReliableOrdered] {
        let told = refused(&|config| config.protocol = too_long(kind));
        assert!(told.to_string().contains("channel `inputs` declares"), "{told}");
    }
    let mut dial = dial(server().link().unwrap());
    dial.protocol = too_long(ChannelKind::Unreliable);
    let told = connect(&client(), dial).unwrap_err();
    assert!(matches!(told, ConnectError::Protocol(SpecError::TooLong { .. })), "{told}");
}

#[test]
fn under_maintenance_sessions_go_on_and_newcomers_are_told_when_to_try_again() {
    let (server, client) = (server(), client());
    let pair = join(&server, &client);
    let after = Duration::from_secs(90);
    server.set_maintenance(Some(after));
    match connect(&client, dial(server.link().unwrap())) {
        Err(ConnectError::Join(JoinError::Refused { code, retry_after, text })) => {
            assert_eq!((code, retry_after), (503, Some(after)));
            assert_eq!(&*text, "the server is under maintenance");
        }
        other => panic!("{other:?}"),
    }
    send(&pair.here, CHAT, "still here");
    assert_eq!(receive(&pair.there, CHAT), "still here");
    server.set_maintenance(None);
    join(&server, &client);
    assert_eq!((server.stats().sessions.refused, server.stats().sessions.admitted), (1, 2));
}
