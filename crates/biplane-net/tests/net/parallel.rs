//! Many datagrams on one socket with any number of workers, few datagrams after long silence, and
//! none at all. How many, the environment says; what was measured is told as `figure NAME VALUE`.

use std::{
    env, fs, thread,
    time::{Duration, Instant},
};

use biplane_net::{DialConfig, Endpoint, EndpointConfig, EndpointStats};
use biplane_proto::DropReason;
use biplane_wire::ChannelKind;
use bytes::Bytes;

use crate::support::{
    INPUTS, Pair, channel_id, config, connect, everybody, join, listen, protocol_with, send, until,
};

const SESSIONS: usize = 4;
/// Bytes of a message: each fills a datagram.
const LEN: usize = 1_000;
/// Datagrams that the kernel takes in one run at the most.
const RUN: u64 = 64;
/// Messages between two flushes.
const BURST: usize = 32;

/// What the environment says, or what is enough to see that it works.
fn count(name: &str, short: u64) -> u64 {
    env::var(name).map_or(short, |value| value.parse().expect(name))
}

/// Both ends, with so many receivers and senders each, and their sessions.
fn both(workers: usize) -> (Endpoint, Endpoint, Vec<Pair>) {
    let protocol = protocol_with(ChannelKind::Unreliable);
    let endpoint =
        || EndpointConfig { receivers: workers, senders: workers, ..EndpointConfig::default() };
    let mut config = config(everybody());
    (config.endpoint, config.protocol) = (endpoint(), protocol.clone());
    let server = listen(config);
    let client = Endpoint::bind("127.0.0.1:0".parse().unwrap(), endpoint()).unwrap();
    let pair = || {
        let dial = DialConfig::new(server.link().unwrap(), protocol.clone());
        let here = connect(&client, dial).unwrap();
        Pair { here, there: server.sessions().last().unwrap().clone() }
    };
    let pairs = (0..SESSIONS).map(|_| pair()).collect();
    (server, client, pairs)
}

/// Sends numbers from 0 on as fast as they go, until `enough`; returns how many.
fn pour(client: &Endpoint, pair: &Pair, enough: impl Fn() -> bool) -> u64 {
    let channel = channel_id(INPUTS);
    let mut next = 0_u64;
    while !enough() {
        let has_room = pair.here.with(|now, session| {
            session.channel_stats(now, channel).is_some_and(|stats| stats.has_room)
        });
        if !has_room {
            thread::yield_now();
            continue;
        }
        for number in next..next + BURST as u64 {
            let mut payload = vec![0; LEN];
            payload[..8].copy_from_slice(&number.to_be_bytes());
            pair.here.with(|now, session| session.send(now, channel, payload.into())).unwrap();
        }
        next += BURST as u64;
        pair.here.queued();
        client.flush();
    }
    next
}

/// Takes what has come; whether anything had. Each number comes once at the most.
fn take(pair: &Pair, seen: &mut Vec<bool>) -> bool {
    let channel = channel_id(INPUTS);
    let mut any = false;
    while let Some(payload) = pair.there.with(|now, session| session.take(now, channel)) {
        any = true;
        let number = payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let place = usize::try_from(number.expect("a number")).unwrap();
        seen.resize(seen.len().max(place + 1), false);
        assert!(!core::mem::replace(&mut seen[place], true), "{place} came twice");
    }
    any
}

/// The same of all.
fn take_all(pairs: &[Pair], seen: &mut [Vec<bool>]) -> bool {
    pairs.iter().zip(seen).fold(false, |any, (pair, seen)| take(pair, seen) | any)
}

/// What left is what came, or what the kernel says it had no room for, of which it counts runs.
fn is_settled(client: &EndpointStats, server: &EndpointStats) -> bool {
    let dropped = server.datagrams.kernel_dropped.unwrap_or(0);
    let missing = client.datagrams.sent.checked_sub(server.datagrams.received);
    missing.is_some_and(|missing| (dropped..=RUN * dropped).contains(&missing))
}

#[test]
fn with_any_number_of_workers_every_datagram_is_taken_once_or_dropped_by_the_kernel() {
    let wanted = count("BIPLANE_DATAGRAMS", 20_000);
    for workers in [1, 2, 4, 8] {
        let (server, client, pairs) = both(workers);
        let enough = || server.stats().datagrams.received >= wanted;
        let mut seen = vec![Vec::new(); SESSIONS];
        let sent: u64 = thread::scope(|scope| {
            let client = &client;
            let pouring: Vec<_> =
                pairs.iter().map(|pair| scope.spawn(move || pour(client, pair, enough))).collect();
            while !pouring.iter().all(|one| one.is_finished()) {
                if !take_all(&pairs, &mut seen) {
                    thread::sleep(Duration::from_micros(50));
                }
            }
            pouring.into_iter().map(|one| one.join().unwrap()).sum()
        });
        until("all that left to be accounted for", || {
            take_all(&pairs, &mut seen);
            is_settled(&client.stats(), &server.stats())
        });
        let stats = server.stats();
        let datagrams = &stats.datagrams;
        assert_eq!(datagrams.received, datagrams.delivered + datagrams.drops.total(), "{stats:?}");
        assert_eq!(datagrams.drops.count(DropReason::Replayed), 0, "{stats:?}");
        assert_eq!(stats.panics + client.stats().panics, 0);
        let came = seen.iter().flatten().filter(|seen| **seen).count() as u64;
        assert!(came <= sent && came >= wanted / 2, "{came} of {sent}");
        eprintln!("figure datagrams_{workers} {}", datagrams.received);
    }
}

#[test]
fn a_datagram_after_a_silence_is_handled_at_once() {
    let (server, client) = (listen(config(everybody())), crate::support::client());
    let pair = join(&server, &client);
    until("UDP", || client.stats().datagrams.received > 0 && server.stats().datagrams.received > 1);
    let mut took = Vec::new();
    for number in 0..count("BIPLANE_ISOLATED", 200) {
        thread::sleep(Duration::from_micros(300 + 97 * (number % 29)));
        let began = Instant::now();
        send(&pair.here, INPUTS, "x");
        client.flush();
        until("the datagram", || {
            let taken = pair.there.with(|now, session| session.take(now, channel_id(INPUTS)));
            taken == Some(Bytes::from_static(b"x"))
        });
        took.push(began.elapsed());
    }
    took.sort();
    let slow = took[took.len() - 1 - took.len() / 1_000];
    eprintln!("figure isolated {}", took.len());
    eprintln!("figure slow_us {}", slow.as_micros());
}

/// The processor time of this process.
fn spent() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks = rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

#[test]
fn sessions_that_say_nothing_cost_nothing() {
    let (server, client) = (listen(config(everybody())), crate::support::client());
    let pairs: Vec<_> = (0..50).map(|_| join(&server, &client)).collect();
    // What joining brings in its train.
    thread::sleep(Duration::from_secs(1));
    let (before, length) = (spent(), Duration::from_secs(count("BIPLANE_IDLE_SECONDS", 1)));
    thread::sleep(length);
    let spent = spent() - before;
    eprintln!("figure idle_ppm {}", spent.as_micros() / u128::from(length.as_secs().max(1)));
    drop(pairs);
}
