//! What became of each message, told once, over real sockets.

use std::{collections::BTreeSet, time::Duration};

use biplane::{
    Channel, Client, ClientConfig, Event, Link, Notice, Payload, Protocol, SendError, Server,
    ServerConfig, Session,
};

use biplane_link::{Relay, RelayConfig};

use crate::support::{Pair, joined};

const SNAPSHOTS: Channel<u32> = Channel::unreliable("snapshots").notify();
const BRIEF: Channel<u32> =
    Channel::unreliable("brief").lifetime(Duration::from_millis(1)).notify();
const STATES: Channel<Payload> = Channel::sequenced("states").notify();
const HITS: Channel<u32> = Channel::reliable_unordered("hits").notify();
const SHOTS: Channel<u32> =
    Channel::reliable_unordered("shots").escalate_after(Duration::from_millis(100)).notify();
const ORDERS: Channel<u32> = Channel::command("orders").notify();
const TALES: Channel<u32> = Channel::unreliable("tales").after_commands();
const SILENT: Channel<u32> = Channel::reliable_ordered("silent");

fn protocol() -> Protocol {
    let protocol = Protocol::new("notices", 1).channel(SNAPSHOTS).channel(BRIEF).channel(STATES);
    protocol.channel(HITS).channel(SHOTS).channel(ORDERS).channel(TALES).channel(SILENT)
}

/// A pair whose server holds what is not flushed as long as it may.
fn patient() -> Pair {
    let server = ServerConfig::default().max_send_delay(Duration::from_millis(20));
    let mut pair = Pair::with(&protocol(), &protocol(), server, ClientConfig::default());
    pair.until_both_planes();
    pair
}

/// What the server was told of `session`'s messages so far.
fn told(events: &[Event], session: &Session) -> Vec<(u64, Notice)> {
    let noted = |event: &Event| match event {
        Event::Noted(of, token, notice) if of == session => Some((*token, *notice)),
        _ => None,
    };
    events.iter().filter_map(noted).collect()
}

/// Goes on until `count` notices were told to the server, the client taking what comes.
fn notices(pair: &mut Pair, count: usize) -> Vec<(u64, Notice)> {
    let mut notices = pair.until(|pair| {
        for channel in [SNAPSHOTS, BRIEF, HITS, ORDERS] {
            while pair.client.recv(channel).is_some() {}
        }
        while pair.client.recv(STATES).is_some() {}
        let notices = told(&pair.server_events, &pair.session);
        (notices.len() >= count).then_some(notices)
    });
    notices.sort_unstable_by_key(|(token, _)| *token);
    notices
}

#[test]
fn what_the_application_took_is_delivered_on_either_plane() {
    let mut pair = patient();
    for (token, channel) in [(1, SNAPSHOTS), (2, HITS), (3, ORDERS)] {
        pair.session.send_noted(channel, &7, token).unwrap();
    }
    pair.session.send(HITS, &8).unwrap();
    pair.server.flush();
    let delivered = [1, 2, 3].map(|token| (token, Notice::Delivered));
    assert_eq!(notices(&mut pair, 3), delivered);
    assert_eq!(pair.session.stats().delivery.noted, 3);
}

#[test]
fn a_message_whose_lifetime_is_over_expires_unsent() {
    let mut pair = patient();
    // What was let go with the paths' coming up has left with this.
    pair.session.send(HITS, &1).unwrap();
    pair.server.flush();
    pair.until(|pair| pair.client.recv(HITS));
    // Nobody flushes it, so it waits longer than it lives; unless something else is sent just then,
    // which takes it along. Each attempt begins a little later: acks and looks for a flush have
    // periods of their own, and attempts in step with them would all meet one.
    let mut expired = None;
    for token in 0..20 {
        std::thread::sleep(Duration::from_millis(token));
        pair.session.send_noted(BRIEF, &1, token).unwrap();
        let end = std::time::Instant::now() + Duration::from_millis(2);
        while std::time::Instant::now() < end {}
        pair.server.flush();
        let mut taken = None;
        let told = pair.until(|pair| {
            taken = taken.or_else(|| pair.client.recv(BRIEF));
            told(&pair.server_events, &pair.session).pop().filter(|(told, _)| *told == token)
        });
        if told.1 == Notice::Expired {
            expired = Some(taken);
            break;
        }
        assert_eq!((told.1, taken), (Notice::Delivered, Some(1)));
    }
    assert_eq!(expired, Some(None));
}

#[test]
fn a_state_that_has_to_wait_is_superseded_by_the_newest() {
    let mut pair = patient();
    let state = Payload::from(vec![1; 16_000]);
    for token in 0..50 {
        pair.session.send_noted(STATES, &state, token).unwrap();
    }
    pair.server.flush();
    let notices = notices(&mut pair, 50);
    assert_eq!(
        notices.iter().map(|(token, _)| *token).collect::<Vec<_>>(),
        (0..50).collect::<Vec<_>>()
    );
    assert!(notices.iter().filter(|(_, notice)| *notice == Notice::Superseded).count() > 25);
    assert_eq!(notices.last(), Some(&(49, Notice::Delivered)));
}

#[test]
fn what_is_open_is_lost_before_the_session_is_left() {
    let mut pair = patient();
    pair.session.send_noted(ORDERS, &1, 1).unwrap();
    pair.server.flush();
    pair.until(|pair| (pair.client.session().stats().untaken_messages == 1).then_some(()));
    pair.session.close("enough");
    pair.until_left();
    assert_eq!(told(&pair.server_events, &pair.session), [(1, Notice::Lost)]);
    assert!(matches!(pair.server_events.last(), Some(Event::Left(..))));
}

#[test]
fn a_message_that_comes_after_commands_waits_until_they_were_taken() {
    let mut pair = patient();
    for channel in [SNAPSHOTS, HITS] {
        pair.session.send(ORDERS, &1).unwrap();
        pair.session.send_after_commands(channel, &2).unwrap();
        pair.server.flush();
        pair.until(|pair| (pair.client.stats().untaken_messages > 0).then_some(()));
        assert_eq!(pair.client.recv(channel), None, "the command was not taken");
        assert_eq!(pair.until(|pair| pair.client.recv(ORDERS)), 1);
        assert_eq!(pair.until(|pair| pair.client.recv(channel)), 2);
    }
    assert_eq!(pair.session.send_after_commands(ORDERS, &1), Err(SendError::NotOffered));
}

#[test]
fn a_broadcast_comes_after_commands_where_its_channel_does() {
    let mut pair = patient();
    pair.session.send(ORDERS, &1).unwrap();
    assert_eq!(pair.server.broadcast([&pair.session], TALES, &2), 1);
    pair.server.flush();
    pair.until(|pair| (pair.client.stats().untaken_messages > 0).then_some(()));
    assert_eq!(pair.client.recv(TALES), None, "the command was not taken");
    assert_eq!(pair.until(|pair| pair.client.recv(ORDERS)), 1);
    assert_eq!(pair.until(|pair| pair.client.recv(TALES)), 2);
}

#[test]
fn a_channel_that_declares_no_notices_gives_none() {
    let pair = patient();
    assert_eq!(pair.session.send_noted(SILENT, &1, 1), Err(SendError::NotOffered));
    assert_eq!(pair.client.send_noted(SILENT, &1, 1), Err(SendError::NotOffered));
}

/// A pair with a relay between its ends that does so.
fn through(profile: &str) -> (Relay, Pair) {
    let server = Server::bind("127.0.0.1:0", &protocol()).unwrap();
    let config = RelayConfig::new("127.0.0.1:0".parse().unwrap(), server.local_addr());
    let relay = Relay::start(&config.profile(profile.parse().unwrap())).unwrap();
    let link = Link { port: relay.address().port(), ..server.link().clone() };
    let client = Client::connect(link, &protocol()).wait().unwrap();
    let session = joined(&server);
    let (server_events, client_events) = (Vec::new(), Vec::new());
    (relay, Pair { server, client, session, server_events, client_events })
}

#[test]
fn a_message_that_comes_after_commands_waits_where_it_rides_tcp_too() {
    let (_relay, mut pair) = through("block-udp");
    for round in 0..10 {
        pair.session.send(ORDERS, &round).unwrap();
        pair.session.send(TALES, &round).unwrap();
        pair.server.flush();
        pair.until(|pair| (pair.client.stats().untaken_messages > 0).then_some(()));
        assert_eq!(pair.client.recv(TALES), None, "the command was not taken");
        assert_eq!(pair.until(|pair| pair.client.recv(ORDERS)), round);
        assert_eq!(pair.until(|pair| pair.client.recv(TALES)), round);
    }
    assert_eq!(pair.client.stats().delivery.tunnelled, 10);
}

#[test]
fn a_shot_that_a_blocked_path_swallows_escalates_and_comes_once() {
    let (_relay, mut pair) = through("block-udp,after=1s");
    pair.until_both_planes();
    let (mut sent, mut taken, mut came) = (0, BTreeSet::new(), 0);
    let mut take = |pair: &Pair| {
        while let Some(shot) = pair.session.recv(SHOTS) {
            taken.insert(shot);
            came += 1;
        }
        came
    };
    pair.until(|pair| {
        pair.client.send_noted(SHOTS, &sent, sent.into()).unwrap();
        sent += 1;
        take(pair);
        (pair.client.stats().delivery.escalated >= 20).then_some(())
    });
    pair.until(|pair| {
        take(pair);
        let told = told(&pair.client_events, pair.client.session());
        (told.len() >= sent as usize).then_some(())
    });
    assert_eq!((came, taken.len()), (sent, sent as usize), "each once");
    let told = told(&pair.client_events, pair.client.session());
    assert!(told.iter().all(|(_, notice)| *notice == Notice::Delivered));
    assert!(pair.session.stats().delivery.tunnelled >= 20);
}
