//! On which threads an endpoint works.

use std::{thread, time::Duration};

use biplane::{Channel, ClientConfig, Event, Planes, Protocol, ServerConfig, Threading};

use crate::support::Pair;

const LINES: Channel<String> = Channel::command("lines");
const SHOTS: Channel<u32> = Channel::reliable_ordered("shots");
const PLACES: Channel<u32> = Channel::unreliable("places");

const ALL: [Threading; 3] = [Threading::Dedicated, Threading::Shared, Threading::Inline];

fn pair(threading: Threading) -> Pair {
    let protocol = Protocol::new("threading", 1).channel(LINES).channel(SHOTS).channel(PLACES);
    let server = ServerConfig::default().threading(threading).receivers(2).senders(2);
    let mut pair =
        Pair::with(&protocol, &protocol, server, ClientConfig::default().threading(threading));
    pair.until_both_planes();
    pair
}

#[test]
fn messages_go_both_ways_on_whichever_threads() {
    for threading in ALL {
        let mut pair = pair(threading);
        for number in 0..1_000 {
            pair.client.send(SHOTS, &number).unwrap();
            pair.session.send(SHOTS, &number).unwrap();
        }
        pair.client.send(LINES, &"up".to_owned()).unwrap();
        pair.session.send(LINES, &"down".to_owned()).unwrap();
        pair.client.flush();
        pair.server.flush();
        let (mut up, mut down, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        pair.until(|pair| {
            pair.server.drain(SHOTS, |_, shot| up.push(shot));
            pair.client.drain(SHOTS, |shot| down.push(shot));
            pair.server.drain(LINES, |_, line| lines.push(line));
            pair.client.drain(LINES, |line| lines.push(line));
            (up.len() >= 1_000 && down.len() >= 1_000 && lines.len() >= 2).then_some(())
        });
        let wanted: Vec<u32> = (0..1_000).collect();
        assert_eq!((&up, &down), (&wanted, &wanted), "{threading:?}");
        lines.sort();
        assert_eq!(lines, ["down", "up"]);
    }
}

#[test]
fn there_are_as_many_workers_as_the_threads_allow() {
    for (threading, workers) in ALL.into_iter().zip([(2, 2), (2, 2), (1, 1)]) {
        let stats = pair(threading).server.stats();
        assert_eq!((stats.receivers.len(), stats.senders.len()), workers, "{threading:?}");
    }
}

#[test]
fn a_client_tells_the_figures_of_its_socket() {
    for threading in ALL {
        let stats = pair(threading).client.endpoint_stats();
        assert_eq!((stats.receivers.len(), stats.senders.len()), (1, 1), "{threading:?}");
        assert!(stats.datagrams.sent > 0 && stats.datagrams.delivered > 0, "{stats:?}");
    }
}

#[test]
fn a_wait_ends_with_what_comes_and_else_in_time() {
    for threading in ALL {
        let pair = pair(threading);
        while pair.server.wait(Duration::from_millis(50)) {
            pair.server.events().for_each(drop);
        }
        let begun = std::time::Instant::now();
        assert!(!pair.server.wait(Duration::from_millis(20)));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        pair.client.send(PLACES, &7).unwrap();
        pair.client.flush();
        assert!(pair.server.wait(Duration::from_secs(10)), "{threading:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{threading:?}");
        let mut places = Vec::new();
        pair.server.drain(PLACES, |_, place| places.push(place));
        assert_eq!(places, [7]);
    }
}

#[test]
fn an_application_that_sleeps_loses_neither_plane_nor_session() {
    let mut pair = pair(Threading::Inline);
    pair.client.send(SHOTS, &1).unwrap();
    pair.client.flush();
    thread::sleep(Duration::from_secs(15));
    pair.server_events.clear();
    pair.client_events.clear();
    let mut shots = Vec::new();
    pair.until(|pair| {
        pair.server.drain(SHOTS, |_, shot| shots.push(shot));
        (!shots.is_empty()).then_some(())
    });
    assert_eq!(shots, [1]);
    let changed = |event: &Event| matches!(event, Event::Planes(..) | Event::Left(..));
    assert!(!pair.server_events.iter().any(changed), "{:?}", pair.server_events);
    assert!(!pair.client_events.iter().any(changed), "{:?}", pair.client_events);
    assert_eq!((pair.client.planes(), pair.session.planes()), (Planes::Both, Planes::Both));
    assert_eq!(pair.client.stats().path.changes, 0);
}
