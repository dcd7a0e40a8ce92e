//! What letting go of a handle does, and what saying goodbye does.

use std::time::{Duration, Instant};

use biplane::{Channel, Client, CloseReason, Endpoint, Protocol, Server, ServerConfig, Verdict};

use crate::support::{Pair, joined, left, until};

const LINES: Channel<String> = Channel::command("lines");

fn protocol() -> Protocol {
    Protocol::new("handles", 1).channel(LINES)
}

fn reason_of(client: &Client) -> CloseReason {
    until(|| {
        let _something = client.wait(Duration::from_millis(2));
        left(&client.events().collect::<Vec<_>>())
    })
}

#[test]
fn a_dropped_server_ends_its_sessions_at_once() {
    let Pair { server, client, .. } = Pair::new(&protocol());
    drop(server);
    assert_eq!(reason_of(&client), CloseReason::Dropped);
}

#[test]
fn a_dropped_client_ends_its_session_at_once() {
    let Pair { server, client, session, .. } = Pair::new(&protocol());
    drop(client);
    let reason = until(|| {
        let _something = server.wait(Duration::from_millis(2));
        left(&server.events().collect::<Vec<_>>())
    });
    assert_eq!(reason, CloseReason::Dropped);
    assert!(session.send(LINES, &"hi".to_owned()).is_err());
}

#[test]
fn a_dropped_session_is_only_a_handle() {
    let mut pair = Pair::new(&protocol());
    let session = pair.session.clone();
    drop(session);
    pair.client.send(LINES, &"still here".to_owned()).unwrap();
    let session = pair.session.clone();
    assert_eq!(pair.until(|_| session.recv(LINES)), "still here");
}

#[test]
fn a_client_says_goodbye_in_words() {
    let mut pair = Pair::new(&protocol());
    pair.client.send(LINES, &"one last thing".to_owned()).unwrap();
    pair.client.close("so long").wait();
    assert_eq!(pair.until_left(), CloseReason::Closed { text: "so long".into() });
    let here = pair.until(|pair| left(&pair.client_events));
    assert_eq!(here, CloseReason::ClosedHere { text: "so long".into() });
    assert_eq!(pair.session.recv(LINES).as_deref(), Some("one last thing"));
}

#[test]
fn a_server_says_goodbye_in_words_and_takes_no_more() {
    let pair = Pair::new(&protocol());
    let link = pair.server.link().clone();
    pair.server.close("maintenance").wait();
    let reason = reason_of(&pair.client);
    assert_eq!(reason, CloseReason::Closed { text: "maintenance".into() });
    assert!(Client::connect(link, &protocol()).wait().is_err());
}

/// A server whose admission says when it is asked, and then waits for a word.
fn slow_to_admit() -> (Server, flume::Receiver<()>, flume::Sender<()>) {
    let (asks, asked) = flume::unbounded();
    let (admit, word) = flume::unbounded::<()>();
    let config = ServerConfig::default().admission(move |_| {
        let (asks, word) = (asks.clone(), word.clone());
        async move {
            asks.send(()).unwrap();
            word.recv_async().await.ok();
            Verdict::admit()
        }
    });
    (Server::bind_with("127.0.0.1:0", &protocol(), config).unwrap(), asked, admit)
}

#[test]
fn nobody_joins_whose_admission_was_under_way_when_the_server_shut() {
    for closes in [true, false] {
        let (server, asked, admit) = slow_to_admit();
        let pending = Client::connect(server.link(), &protocol());
        asked.recv().unwrap();
        let begun = Instant::now();
        if closes {
            server.close("bye").wait();
        } else {
            server.maintenance(Duration::from_secs(9));
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "nobody is there to wait for");
        admit.send(()).unwrap();
        let told = pending.wait().unwrap_err().to_string();
        let expected = if closes { "the server is closing" } else { "under maintenance" };
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_session_is_ended_by_itself() {
    let mut pair = Pair::new(&protocol());
    pair.session.close("you alone");
    let reason = pair.until(|pair| left(&pair.client_events));
    assert_eq!(reason, CloseReason::Closed { text: "you alone".into() });
    let again = Client::connect(pair.server.link(), &protocol()).wait();
    assert!(again.is_ok(), "the server goes on");
}

#[test]
fn closing_twice_is_closing_once() {
    let mut pair = Pair::new(&protocol());
    let (one, two) = (pair.client.close("once"), pair.client.close("twice"));
    one.wait();
    two.wait();
    assert_eq!(pair.until_left(), CloseReason::Closed { text: "once".into() });
}

#[test]
fn a_goodbye_ends_with_its_endpoint_whoever_keeps_a_handle() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let client = endpoint.connect(server.link(), &protocol()).wait().unwrap();
    let session = client.session().clone();
    let goodbye = client.close("bye");
    drop((client, endpoint));
    goodbye.wait();
    assert!(session.send(LINES, &"hi".to_owned()).is_err());
}

#[test]
fn a_connect_that_is_given_up_leaves_no_session() {
    let (server, asked, admit) = slow_to_admit();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let pending = endpoint.connect(server.link(), &protocol());
    asked.recv().unwrap();
    drop(pending);
    admit.send(()).unwrap();
    let session = joined(&server);
    until(|| {
        let _something = server.wait(Duration::from_millis(2));
        left(&server.events().collect::<Vec<_>>())
    });
    assert!(session.send(LINES, &"hi".to_owned()).is_err());
}

#[test]
fn a_connect_ends_with_the_endpoint_that_it_is_of() {
    let (server, asked, admit) = slow_to_admit();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let pending = endpoint.connect(server.link(), &protocol());
    asked.recv().unwrap();
    drop(endpoint);
    admit.send(()).unwrap();
    assert!(matches!(pending.wait(), Err(biplane::ConnectError::Closed)));
}

#[test]
fn sessions_outlive_their_server_as_handles() {
    let pair = Pair::new(&protocol());
    drop(pair.server);
    assert!(pair.session.send(LINES, &"hi".to_owned()).is_err());
    assert_eq!(pair.session.recv(LINES), None);
    let _stats = pair.session.stats();
}
