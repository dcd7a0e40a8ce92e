//! Who may join, and what the application keeps of it.

use std::time::Duration;

use biplane::{
    Channel, Client, ClientConfig, ConnectError, Hello, Protocol, Server, ServerConfig, Verdict,
};

use crate::support::Pair;

const LINES: Channel<String> = Channel::command("lines");

#[derive(Debug, PartialEq)]
struct Holder {
    user: String,
}

fn protocol() -> Protocol {
    Protocol::new("admission", 1).channel(LINES)
}

fn guarded() -> ServerConfig {
    ServerConfig::default().admission(|hello: Hello| async move {
        assert!(hello.remote.ip().is_loopback());
        match hello.credentials.as_slice() {
            b"" => Verdict::refuse(401, "log in first"),
            b"banned" => Verdict::refuse(403, "banned").retry_after(Duration::from_secs(60)),
            b"panic" => panic!("an admission that panics refuses its client"),
            b"guest" => Verdict::admit(),
            name => Verdict::admit_as(Holder { user: String::from_utf8_lossy(name).into() }),
        }
    })
}

fn join(server: &Server, credentials: &str) -> Result<Client, ConnectError> {
    let config = ClientConfig::default().credentials(credentials);
    Client::connect_with(server.link(), &protocol(), config).wait()
}

#[test]
fn what_admission_gives_stays_with_the_session() {
    let config = ClientConfig::default().credentials("ada");
    let pair = Pair::with(&protocol(), &protocol(), guarded(), config);
    assert_eq!(pair.session.app::<Holder>(), Some(&Holder { user: "ada".into() }));
    assert_eq!(pair.session.app::<String>(), None, "another type than was given");
    assert!(pair.client.app::<Holder>().is_none(), "the client has none");
}

#[test]
fn a_guest_has_no_data() {
    let config = ClientConfig::default().credentials("guest");
    let pair = Pair::with(&protocol(), &protocol(), guarded(), config);
    assert!(pair.session.app::<Holder>().is_none());
}

#[test]
fn a_refusal_brings_code_words_and_when_to_try_again() {
    let server = Server::bind_with("127.0.0.1:0", &protocol(), guarded()).unwrap();
    match join(&server, "") {
        Err(ConnectError::Refused { code: 401, text, retry_after: None }) => {
            assert_eq!(&*text, "log in first");
        }
        other => panic!("{other:?}"),
    }
    match join(&server, "banned") {
        Err(ConnectError::Refused { code: 403, retry_after: Some(after), .. }) => {
            assert_eq!(after, Duration::from_secs(60));
        }
        other => panic!("{other:?}"),
    }
    assert!(join(&server, "guest").is_ok());
    assert_eq!(server.stats().sessions.refused, 2);
}

#[test]
fn an_admission_that_panics_refuses_its_client_and_no_other() {
    let server = Server::bind_with("127.0.0.1:0", &protocol(), guarded()).unwrap();
    assert!(matches!(join(&server, "panic"), Err(ConnectError::Refused { .. })));
    assert!(join(&server, "ada").is_ok());
}

#[test]
fn an_admission_may_wait_on_the_control_threads_runtime() {
    let (sender, receiver) = flume::bounded::<()>(1);
    let config = ServerConfig::default().admission(move |_| {
        let receiver = receiver.clone();
        async move {
            receiver.recv_async().await.unwrap();
            Verdict::admit()
        }
    });
    let server = Server::bind_with("127.0.0.1:0", &protocol(), config).unwrap();
    let mut pending = Client::connect(server.link(), &protocol());
    assert!(pending.try_take().is_none());
    sender.send(()).unwrap();
    assert!(pending.wait().is_ok());
}

#[test]
fn a_full_server_refuses_with_503() {
    let config = ServerConfig::default().max_sessions(1);
    let server = Server::bind_with("127.0.0.1:0", &protocol(), config).unwrap();
    let _first = join(&server, "").unwrap();
    assert!(matches!(join(&server, ""), Err(ConnectError::Refused { code: 503, .. })));
}

#[test]
fn credentials_have_a_limit() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    assert!(join(&server, &"x".repeat(4_096)).is_ok());
    let longer = join(&server, &"x".repeat(4_097));
    assert!(matches!(longer, Err(ConnectError::Credentials { limit: 4_096 })));
}
