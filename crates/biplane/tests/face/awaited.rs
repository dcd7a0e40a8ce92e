//! The asynchronous face, on an executor that is nobody's runtime.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    thread,
};

use biplane::{Channel, Client, ConnectError, Event, Protocol, Server};

use crate::support::{Pair, names};

const LINES: Channel<String> = Channel::command("lines");

fn protocol() -> Protocol {
    Protocol::new("awaited", 1).channel(LINES)
}

/// Sends every line back, until the server is closed.
async fn echo(server: &Server) -> Vec<&'static str> {
    let mut told = Vec::new();
    while let Some(event) = server.next().await {
        if let Event::Readable(session) = &event {
            while let Some(line) = session.recv(LINES) {
                session.send(LINES, &line).unwrap();
            }
        }
        told.extend(names(&[event]));
    }
    told
}

#[test]
fn a_server_and_a_client_that_await() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let told = thread::scope(|scope| {
        let serving = scope.spawn(|| pollster::block_on(echo(&server)));
        pollster::block_on(async {
            let client = Client::connect(server.link(), &protocol()).await?;
            client.send(LINES, &"hello".to_owned()).unwrap();
            while let Some(event) = client.next().await {
                if let Event::Readable(session) = event {
                    assert_eq!(session.recv(LINES).as_deref(), Some("hello"));
                    client.close("done").await;
                }
            }
            Ok::<_, ConnectError>(())
        })
        .unwrap();
        pollster::block_on(server.close("good night"));
        serving.join().unwrap()
    });
    assert_eq!(told.first(), Some(&"joined"));
    assert_eq!(told.last(), Some(&"left"));
}

#[test]
fn next_ends_after_close_when_all_is_told() {
    let pair = Pair::new(&protocol());
    pair.server.close("good night").wait();
    let mut told = Vec::new();
    while let Some(event) = pollster::block_on(pair.server.next()) {
        told.extend(names(&[event]));
    }
    assert_eq!(told.last(), Some(&"left"), "{told:?}");
    assert!(pollster::block_on(pair.server.next()).is_none(), "and stays so");
    assert!(!pair.server.wait(crate::support::PATIENCE), "without waiting");
}

#[test]
fn next_that_is_given_up_takes_nothing() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        let waiting = pin!(pair.server.next());
        assert!(waiting.poll(&mut context).is_pending());
    }
    pair.client.send(LINES, &"hi".to_owned()).unwrap();
    let event = pollster::block_on(pair.server.next());
    assert!(matches!(event, Some(Event::Readable(_))));
}

#[test]
fn every_caller_of_next_gets_something_else() {
    const CLIENTS: usize = 12;
    let server = Arc::new(Server::bind("127.0.0.1:0", &protocol()).unwrap());
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let server = Arc::clone(&server);
            thread::spawn(move || {
                let mut joined = Vec::new();
                while let Some(event) = pollster::block_on(server.next()) {
                    if let Event::Joined(session) = event {
                        joined.push(session.id());
                    }
                }
                joined
            })
        })
        .collect();
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| Client::connect(server.link(), &protocol())).collect();
    let clients: Vec<_> = clients.into_iter().map(|client| client.wait().unwrap()).collect();
    crate::support::until(|| (server.sessions().len() == CLIENTS).then_some(()));
    server.close("good night").wait();
    let mut joined: Vec<_> =
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    joined.sort_unstable();
    joined.dedup();
    assert_eq!(joined.len(), CLIENTS, "each told to one");
    drop(clients);
}

#[test]
fn a_client_is_asked_for_once_a_frame() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let mut pending = Client::connect(server.link(), &protocol());
    let client = crate::support::until(|| pending.try_take()).unwrap();
    assert_eq!(client.remote(), server.local_addr());
    assert!(pending.try_take().is_none());
}
