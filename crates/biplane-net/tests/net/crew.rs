//! Several workers of one socket.

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use biplane_net::{Endpoint, EndpointStats, WorkerStats};
use quinn_udp::{Transmit, UdpSocketState};

use crate::support::{INPUTS, address, client, config, everybody, join, listen, send, until};

/// Datagrams of one send.
const RUN: usize = 40;
const LEN: usize = 1_200;

/// Sends without a pause until it is told to stop.
fn flood(server: &Endpoint, stop: &AtomicBool) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let state = UdpSocketState::new((&socket).into()).unwrap();
    let contents = vec![0x40; RUN * LEN];
    while !stop.load(Ordering::Relaxed) {
        let transmit = Transmit {
            destination: address(server),
            ecn: None,
            contents: &contents,
            segment_size: Some(LEN),
            src_ip: None,
        };
        // A full kernel is what is wanted.
        state.try_send((&socket).into(), &transmit).ok();
    }
}

/// Every datagram is some receiver's, and delivered or dropped by it: at any time.
fn check_accounts(stats: &EndpointStats) {
    for worker in &stats.receivers {
        assert_eq!(worker.datagrams, worker.delivered + worker.dropped, "{stats:?}");
    }
    let sum = |of: fn(&WorkerStats) -> u64| stats.receivers.iter().map(of).sum::<u64>();
    let datagrams = &stats.datagrams;
    assert_eq!(sum(|worker| worker.datagrams), datagrams.received, "{stats:?}");
    assert_eq!(sum(|worker| worker.delivered), datagrams.delivered, "{stats:?}");
    assert_eq!(sum(|worker| worker.dropped), datagrams.drops.total(), "{stats:?}");
}

fn saturated(receivers: usize, length: Duration) -> EndpointStats {
    let mut config = config(everybody());
    config.endpoint.receivers = receivers;
    let (server, stop) = (listen(config), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| flood(&server, &stop));
        }
        let end = Instant::now() + length;
        while Instant::now() < end {
            check_accounts(&server.stats());
            thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    server.stats()
}

#[test]
fn under_a_saturating_flow_each_receiver_handles_a_twentieth_and_more() {
    for receivers in [2, 4] {
        let stats = saturated(receivers, Duration::from_secs(2));
        let received = stats.datagrams.received;
        assert!(received > 10_000, "no flow: {stats:?}");
        for worker in &stats.receivers {
            // Of four on two cores, two may be enough; of two, none may starve.
            let share = if receivers == 2 { 20 } else { 1_000 };
            assert!(worker.datagrams * share >= received, "{:?} of {received}", stats.receivers);
            assert!(worker.batches > 0 && worker.batches <= worker.datagrams);
        }
    }
}

#[test]
fn every_receiver_accounts_for_what_it_reads_of_sessions_and_of_strangers() {
    let mut config = config(everybody());
    config.endpoint.receivers = 2;
    let (server, client, stop) = (listen(config), client(), AtomicBool::new(false));
    let pair = join(&server, &client);
    thread::scope(|scope| {
        scope.spawn(|| flood(&server, &stop));
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            send(&pair.here, INPUTS, "forwards");
            client.flush();
            check_accounts(&server.stats());
            check_accounts(&client.stats());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let stats = server.stats();
    assert!(stats.datagrams.delivered > 100, "{stats:?}");
    assert!(stats.datagrams.drops.total() > 10_000, "{stats:?}");
}

#[test]
fn under_a_saturating_flow_each_sender_handles_a_twentieth_and_more() {
    const SESSIONS: usize = 80;
    let mut config = config(everybody());
    config.endpoint.senders = 2;
    let (server, client) = (listen(config), client());
    let pairs: Vec<_> = (0..SESSIONS).map(|_| join(&server, &client)).collect();
    let text = "x".repeat(900);
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        pairs.iter().for_each(|pair| send(&pair.there, INPUTS, &text));
        server.flush();
    }
    let stats = server.stats();
    let shares: u64 = stats.senders.iter().map(|worker| worker.datagrams).sum();
    assert!(shares > 1_000, "no flow: {stats:?}");
    for worker in &stats.senders {
        assert!(worker.datagrams * 20 >= shares, "{:?}", stats.senders);
    }
    drop(server);
}

#[test]
fn every_datagram_that_left_is_some_threads() {
    let (server, client) = (listen(config(everybody())), client());
    let pair = join(&server, &client);
    until("one session's flush, on this thread", || {
        send(&pair.there, INPUTS, "snapshot");
        server.flush();
        server.stats().sent_inline > 0
    });
    drop(client);
    for _ in 0..1_000 {
        let stats = server.stats();
        let shares: u64 = stats.senders.iter().map(|worker| worker.datagrams).sum();
        assert_eq!(shares + stats.sent_inline, stats.datagrams.sent, "at any time");
        assert!(stats.datagrams.bytes_sent >= 40 * stats.datagrams.sent);
    }
}
