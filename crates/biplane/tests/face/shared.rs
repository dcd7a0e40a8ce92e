//! Many clients on one socket.

use std::{collections::HashSet, thread, time::Duration};

use biplane::{
    Channel, Client, CloseReason, ConnectError, Endpoint, Event, Pending, Protocol, Server,
};

use crate::support::{joined, left, names, until};

const LINES: Channel<String> = Channel::command("lines");
const WAVES: Channel<u32> = Channel::sequenced("waves");
const CLIENTS: usize = 10;

fn protocol() -> Protocol {
    Protocol::new("shared", 1).channel(LINES).channel(WAVES)
}

fn crowd(endpoint: &Endpoint, server: &Server) -> Vec<Client> {
    let pending: Vec<_> =
        (0..CLIENTS).map(|_| endpoint.connect(server.link(), &protocol())).collect();
    pending.into_iter().map(Pending::wait).collect::<Result<_, ConnectError>>().unwrap()
}

#[test]
fn each_is_told_of_its_own_session_alone() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let clients = crowd(&endpoint, &server);
    let sessions: Vec<_> = (0..CLIENTS).map(|_| joined(&server)).collect();
    for session in &sessions {
        session.send(LINES, &session.to_string()).unwrap();
    }
    server.flush();
    let mut heard = HashSet::new();
    for client in &clients {
        let mut line = None;
        while line.is_none() {
            let event = pollster::block_on(client.next()).unwrap();
            let about = match &event {
                Event::Joined(session) | Event::Readable(session) | Event::Planes(session, _) => {
                    session
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(about, client.session());
            line = client.recv(LINES);
        }
        assert!(heard.insert(line), "each line to one");
    }
    assert_eq!(endpoint.stats().sessions.current, CLIENTS as u64);
}

#[test]
fn one_that_is_never_polled_holds_nobody_up() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let clients = crowd(&endpoint, &server);
    // It waits, and then nobody looks after it any more.
    let mut idle = Box::pin(async {
        while let Some(event) = clients[0].next().await {
            drop(event);
        }
    });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(idle.as_mut().poll(&mut context).is_pending());
    thread::scope(|scope| {
        scope.spawn(|| {
            for session in (0..CLIENTS).map(|_| joined(&server)) {
                session.send(LINES, &"hi".to_owned()).unwrap();
            }
        });
        for client in &clients[1..] {
            until(|| {
                let _something = client.wait(Duration::from_millis(50));
                client.events().for_each(drop);
                client.recv(LINES)
            });
        }
    });
    drop(idle);
}

#[test]
fn one_leaves_and_the_others_stay() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let mut clients = crowd(&endpoint, &server);
    let one = clients.pop().unwrap();
    one.close("I alone").wait();
    let told: Vec<_> = std::iter::from_fn(|| pollster::block_on(one.next())).collect();
    assert_eq!(names(&told).last(), Some(&"left"));
    drop(clients.pop());
    let mut reasons = Vec::new();
    until(|| {
        let _something = server.wait(Duration::from_millis(2));
        reasons.extend(server.events().filter_map(|event| match event {
            Event::Left(_, reason) => Some(reason),
            _ => None,
        }));
        (reasons.len() == 2).then_some(())
    });
    assert!(reasons.contains(&CloseReason::Closed { text: "I alone".into() }));
    assert!(reasons.contains(&CloseReason::Dropped));
    for client in &clients {
        client.send(WAVES, &1).unwrap();
    }
    let mut waves = 0;
    until(|| {
        endpoint.flush();
        let _something = server.wait(Duration::from_millis(2));
        server.events().for_each(drop);
        server.drain(WAVES, |_, _| waves += 1);
        (waves == CLIENTS - 2).then_some(())
    });
}

#[test]
fn a_dropped_endpoint_ends_the_sessions_of_all_its_clients() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let clients = crowd(&endpoint, &server);
    drop(endpoint);
    for client in &clients {
        let told: Vec<_> = std::iter::from_fn(|| pollster::block_on(client.next())).collect();
        assert!(left(&told).is_some());
    }
    let mut gone = 0;
    until(|| {
        let _something = server.wait(Duration::from_millis(2));
        gone += names(&server.events().collect::<Vec<_>>())
            .into_iter()
            .filter(|name| *name == "left")
            .count();
        (gone == CLIENTS).then_some(())
    });
}

#[test]
fn an_endpoint_says_goodbye_for_all() {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let _clients = crowd(&endpoint, &server);
    endpoint.close("all of us").wait();
    let mut gone = 0;
    until(|| {
        let _something = server.wait(Duration::from_millis(2));
        gone += server
            .events()
            .filter(|event| {
                matches!(event, Event::Left(_, CloseReason::Closed { text }) if &**text == "all of us")
            })
            .count();
        (gone == CLIENTS).then_some(())
    });
}
