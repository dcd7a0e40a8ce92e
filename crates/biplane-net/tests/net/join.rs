//! Sessions that begin, fly on both planes, and end.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use biplane_net::{Decision, Endpoint, EndpointConfig};
use biplane_proto::{CloseReason, Event, Planes, Reply};
use bytes::Bytes;

use crate::support::{
    CHAT, INPUTS, PATIENCE, Pair, admission, client, config, connect, dial, eventually, join,
    listen, receive, send, server, until,
};

fn planes(pair: &Pair) -> [Planes; 2] {
    [&pair.here, &pair.there].map(|slot| slot.with(|_, session| session.planes()))
}

fn fly(pair: &Pair) {
    until("both planes", || planes(pair) == [Planes::Both; 2]);
}

fn reason(slot: &biplane_net::Slot) -> CloseReason {
    eventually("the end of a session", || match slot.with(|_, session| session.poll_event())? {
        Event::Left(reason) => Some(reason),
        _ => None,
    })
}

/// Received is delivered and dropped, to the datagram, at any time.
fn accounts_balance(endpoint: &Endpoint) {
    let datagrams = endpoint.stats().datagrams;
    assert_eq!(datagrams.received, datagrams.delivered + datagrams.drops.total(), "{datagrams:?}");
}

#[test]
fn messages_fly_each_way_on_both_planes() {
    let (server, client) = (server(), client());
    let pair = join(&server, &client);
    fly(&pair);
    for channel in [CHAT, INPUTS] {
        send(&pair.here, channel, "hello");
        client.flush();
        assert_eq!(receive(&pair.there, channel), "hello");
        send(&pair.there, channel, "welcome");
        server.flush();
        assert_eq!(receive(&pair.here, channel), "welcome");
    }
    for endpoint in [&server, &client] {
        accounts_balance(endpoint);
        let stats = endpoint.stats();
        assert!(stats.datagrams.delivered > 0);
        assert_eq!((stats.datagrams.drops.total(), stats.panics), (0, 0));
        assert_eq!(stats.sessions.current, 1);
    }
}

#[test]
fn a_message_leaves_without_a_flush_when_its_delay_is_over() {
    let (server, client) = (server(), client());
    let pair = join(&server, &client);
    fly(&pair);
    send(&pair.here, INPUTS, "on its own");
    assert_eq!(receive(&pair.there, INPUTS), "on its own");
}

#[test]
fn a_flush_of_many_sessions_reaches_each() {
    let (server, client) = (server(), client());
    let pairs: Vec<_> = (0..50).map(|_| join(&server, &client)).collect();
    pairs.iter().for_each(fly);
    for (index, pair) in pairs.iter().enumerate() {
        send(&pair.there, INPUTS, &format!("snapshot {index}"));
    }
    server.flush();
    for (index, pair) in pairs.iter().enumerate() {
        assert_eq!(receive(&pair.here, INPUTS), format!("snapshot {index}"));
    }
    let ids: Vec<_> = server.sessions().iter().map(|slot| slot.id()).collect();
    assert!(ids.is_sorted());
    assert_eq!((ids.len(), server.stats().sessions.peak), (50, 50));
    accounts_balance(&server);
}

#[test]
fn two_receivers_and_two_senders_deliver_the_same() {
    let mut config = config(admission(|_| Decision::Admit(None)));
    config.endpoint = EndpointConfig { receivers: 2, senders: 2, ..EndpointConfig::default() };
    let (server, client) = (listen(config), client());
    let pairs: Vec<_> = (0..20).map(|_| join(&server, &client)).collect();
    pairs.iter().for_each(fly);
    for round in 0..20 {
        pairs.iter().for_each(|pair| send(&pair.here, INPUTS, &format!("input {round}")));
        client.flush();
        for pair in &pairs {
            let latest =
                || (receive(&pair.there, INPUTS) == format!("input {round}")).then_some(());
            eventually("the newest input", latest);
        }
    }
    accounts_balance(&server);
    accounts_balance(&client);
    assert_eq!(server.stats().panics, 0);
}

#[test]
fn a_request_is_answered() {
    let (server, client) = (server(), client());
    let pair = join(&server, &client);
    let (told, heard) = mpsc::channel();
    let ask = |slot: &biplane_net::Slot| {
        let asked = slot.with(|now, session| {
            session.request(now, 0, Bytes::from_static(b"who?"), Duration::from_secs(10))
        });
        slot.on_answer(asked.unwrap(), Box::new(move |outcome| told.send(outcome).unwrap()));
    };
    ask(&pair.here);
    let call = eventually("the call", || match pair.there.with(|_, s| s.poll_event())? {
        Event::Called(call) => Some(call),
        _ => None,
    });
    assert_eq!(&call.payload[..], b"who?");
    let reply = Reply::Answer(Bytes::from_static(b"me"));
    pair.there.with(|now, session| session.reply(now, call.id, reply)).unwrap();
    let answer = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(answer, Ok(Bytes::from_static(b"me")));
}

#[test]
fn admission_sees_credentials_and_gives_the_session_something() {
    let server = listen(config(admission(|request| {
        let name = String::from_utf8(request.credentials).unwrap();
        Decision::Admit(Some(Arc::new(name)))
    })));
    let client = client();
    let mut dial = dial(server.link().unwrap());
    dial.credentials = b"ada".to_vec();
    connect(&client, dial).unwrap();
    let slot = server.ready().recv_timeout(PATIENCE).unwrap();
    let app = slot.app().unwrap().downcast_ref::<String>().unwrap();
    assert_eq!(app, "ada");
}

#[test]
fn a_session_that_is_closed_tells_the_peer_why() {
    let (server, client) = (server(), client());
    let pair = join(&server, &client);
    fly(&pair);
    pair.there.with(|now, session| session.close(now, "maintenance"));
    assert_eq!(reason(&pair.here), CloseReason::Closed { text: "maintenance".into() });
    assert_eq!(reason(&pair.there), CloseReason::ClosedHere { text: "maintenance".into() });
    until("no session", || server.sessions().is_empty() && client.sessions().is_empty());
}

#[test]
fn a_client_that_is_dropped_leaves_at_once() {
    let (server, client) = (server(), client());
    let pair = join(&server, &client);
    fly(&pair);
    drop(client);
    assert_eq!(reason(&pair.there), CloseReason::Dropped);
    until("no session", || server.sessions().is_empty());
}

#[test]
fn an_endpoint_that_closes_says_when_all_know() {
    let (server, client) = (server(), client());
    let pairs: Vec<_> = (0..5).map(|_| join(&server, &client)).collect();
    let (told, heard) = mpsc::channel();
    server.close("good night", Box::new(move || told.send(()).unwrap()));
    heard.recv_timeout(PATIENCE).unwrap();
    assert!(server.sessions().is_empty());
    for pair in &pairs {
        assert_eq!(reason(&pair.here), CloseReason::Closed { text: "good night".into() });
    }
    connect(&client, dial(server.link().unwrap())).unwrap_err();
}

#[test]
fn an_idle_endpoint_sleeps() {
    let (server, client) = (server(), client());
    let pair = join(&server, &client);
    fly(&pair);
    let wakeups = |endpoint: &Endpoint| -> u64 {
        let stats = endpoint.stats();
        stats.receivers.iter().chain(&stats.senders).map(|worker| worker.wakeups).sum()
    };
    // The last acks of the join are still under way; a quiet stretch comes within a second or so.
    let (told, heard) = mpsc::channel::<()>();
    until("a quiet stretch", || {
        let before = wakeups(&server) + wakeups(&client);
        assert!(heard.recv_timeout(Duration::from_millis(300)).is_err());
        wakeups(&server) + wakeups(&client) - before <= 4
    });
    drop(told);
}

#[test]
fn sessions_may_outlive_their_endpoint_in_the_applications_hands() {
    let (server, client) = (server(), client());
    let pair = join(&server, &client);
    let address = server.local_addr().to_string();
    drop(server);
    pair.there.with(|_, session| assert!(session.is_closed()));
    pair.there.queued();
    // The port is free again.
    drop(Endpoint::listen(&address, config(admission(|_| Decision::Admit(None)))).unwrap());
}
