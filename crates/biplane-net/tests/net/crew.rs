//! Several workers of one socket.

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use biplane_net::{Endpoint, EndpointStats};
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
            let stats = server.stats();
            let shares: u64 = stats.receivers.iter().map(|worker| worker.datagrams).sum();
            assert_eq!(shares, stats.datagrams.received, "at any time");
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
