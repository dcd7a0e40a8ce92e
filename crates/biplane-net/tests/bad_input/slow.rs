//! Input 37: a peer that does not read.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use biplane_net::Slot;
use biplane_proto::{SendError, limits};
use biplane_wire::{CloseCode, Frame, Frames};
use bytes::Bytes;

use crate::rig::{COMMAND, ORDERED, Peer, Scene, UNRELIABLE, channel, until};

const PAYLOAD: usize = 1_000;
/// What a message takes of a queue.
const COST: usize = PAYLOAD + limits::MESSAGE_COST;
/// A busy machine may take longer.
const SLACK: Duration = Duration::from_secs(3);

/// Sends on a channel until that is refused; how many were not.
fn fill(slot: &Slot, index: u8, most: usize) -> usize {
    let payload = Bytes::from(vec![3; PAYLOAD]);
    let send = || slot.with(|now, session| session.send(now, channel(index), payload.clone()));
    for count in 0..most {
        match send() {
            Ok(()) => {}
            Err(SendError::QueueFull) => return count,
            Err(error) => panic!("{error}"),
        }
    }
    most
}

#[test]
fn bad_input_37_a_peer_that_reads_nothing_of_tcp_is_closed_as_too_slow() {
    thread::scope(|scope| {
        let ending: Vec<_> =
            Scene::both_without_grace().map(|scene| scope.spawn(move || stalls(&scene))).collect();
        ending.into_iter().for_each(|ending| ending.join().unwrap());
    });
}

fn stalls(scene: &Scene) {
    let (mut peer, slot) = scene.narrow();
    let watch = scene.watch();
    let start = Instant::now();
    let full = fill(&slot, COMMAND, 5_000);
    assert!((limits::CONTROL_QUEUE_BYTES / PAYLOAD).abs_diff(full) <= 1, "{full}");
    let mut spoke = Instant::now();
    let mut told = None;
    // It is not silent, it is slow: it says something, and takes nothing.
    until("the session's end", || {
        if spoke.elapsed() > Duration::from_secs(2) {
            spoke = Instant::now();
            peer.tls.write_all(&[0, 2, 0x43, 3]).ok();
            scene.go_on();
        }
        told = told.or_else(|| close_code(&mut peer));
        slot.with(|_, session| session.is_closed())
    });
    let after = start.elapsed();
    assert!((limits::WRITE_STALL..limits::WRITE_STALL + SLACK).contains(&after), "{after:?}");
    assert_eq!(slot.with(|_, session| session.close_reason().unwrap().name()), "too_slow");
    until("a word over UDP", || {
        told = told.or_else(|| close_code(&mut peer));
        told.is_some()
    });
    assert_eq!(told, Some(CloseCode::TimedOut));
    watch.left(&[("too_slow", 1)]);
}

/// Answers what comes over UDP, until that is a close.
fn close_code(peer: &mut Peer) -> Option<CloseCode> {
    let (_, plaintext) = peer.try_receive()?;
    Frames::new(&plaintext).find_map(|frame| match frame.unwrap() {
        Frame::Close(close) => Some(close.code),
        _ => None,
    })
}

#[test]
fn bad_input_37_a_peer_that_acknowledges_nothing_fills_its_own_queues_alone() {
    const MANY: usize = 5_000;
    for scene in Scene::both() {
        let (_peer, slot) = scene.flying();
        let watch = scene.watch();
        // Reliable messages are refused once the queue is full, and none is dropped.
        let full = fill(&slot, ORDERED, MANY);
        assert!((limits::SEND_QUEUE_BYTES / COST).abs_diff(full) <= 1, "{full}");
        slot.queued();
        scene.endpoint.flush();
        scene.go_on();
        assert_eq!(fill(&slot, ORDERED, MANY), 0);
        // Of unreliable ones, the oldest go. What is in flight is no queue's.
        let count = fill(&slot, UNRELIABLE, MANY);
        assert_eq!(count, MANY);
        let stats = slot.with(|_, session| session.stats());
        let waiting = limits::FRESH_QUEUE_MESSAGES.min(limits::SEND_QUEUE_BYTES / COST);
        let left = stats.messages_overflowed + u64::try_from(waiting).unwrap();
        assert!(left.abs_diff(u64::try_from(MANY).unwrap()) <= 64, "{stats:?}");
        // A probe after a timeout may leave beyond the window (RFC 9002 section 7.5).
        // Two packets each time, one of which carries the oldest reliable message once more.
        let probes = stats.delivery.resent * 2 * u64::try_from(limits::DATAGRAM_SIZE).unwrap();
        assert!(stats.bytes_in_flight <= stats.congestion_window + probes, "{stats:?}");
        watch.drops(&[]);
        slot.with(|_, session| assert!(!session.is_closed()));
    }
}
