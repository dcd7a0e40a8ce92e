//! Inputs 13, 33 and 34 once more: what a claim and a stranger cost in memory.
//!
//! Each test has a process of its own, and counts what all threads but its own take: those of the
//! endpoints.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use biplane_net::{Endpoint, GreetingConfig, ListenConfig};
use biplane_wire::{Aead, limits};

use crate::rig::{
    CHANNELS, ORDERED, Peer, SEQUENCED, Scene, Tls, UNORDERED, UNRELIABLE, alone, held_by_others,
    listen_config, parameters, taken_by_others, this_thread_is_the_tests_own, until, varint,
};

/// What a packet, a record and the end of a session take whatever they say: frames, TLS records,
/// events, the last word, and what the honest session says meanwhile.
const HANDLING: usize = 4 * 1_024;

/// Whoever sends `input` makes the victim take twice as much and what handling takes, and no more.
fn is_within(what: &str, input: usize, taken: usize) {
    println!("{what}: {taken} bytes for {input}");
    assert!(taken <= 2 * input + HANDLING, "{what}: {taken} bytes for {input}");
}

fn first_piece(index: u8, total: u64) -> Vec<u8> {
    [&[0x21, index, 0, 0, 0, 0][..], &varint(total), &[1, 7]].concat()
}

#[test]
fn bad_input_13_a_claimed_length_reserves_nothing() {
    alone("bounds::bad_input_13_a_claimed_length_reserves_nothing", || {
        this_thread_is_the_tests_own();
        for scene in Scene::both() {
            for index in [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
                let longest = u64::from(CHANNELS[usize::from(index)].2);
                // The longest that it may claim, and what it may not.
                let beyond = [longest + 1, 1 << 20, 1 << 24, u64::from(u32::MAX), 1 << 61];
                claims(&scene, index, longest, false);
                beyond.into_iter().for_each(|total| claims(&scene, index, total, true));
            }
        }
    });
}

/// Sends a first piece of a message that claims to be so long.
fn claims(scene: &Scene, index: u8, total: u64, is_too_long: bool) {
    let (mut peer, slot) = scene.flying();
    let received = || slot.with(|_, session| session.stats().packets_received);
    let (before, packets) = (taken_by_others(), received());
    let packet = peer.packet(&first_piece(index, total));
    peer.throw(&packet);
    until("the packet", || received() > packets);
    if is_too_long {
        peer.last_word().expect("a reason");
    }
    let taken = taken_by_others() - before;
    is_within(&format!("channel {index}, {total}"), packet.len(), taken);
}

#[test]
fn bad_input_34_a_claimed_record_reserves_nothing() {
    alone("bounds::bad_input_34_a_claimed_record_reserves_nothing", || {
        this_thread_is_the_tests_own();
        for scene in Scene::both() {
            for claimed in [limits::RECORD, limits::RECORD + 1, 0xffff] {
                let (mut peer, slot) = scene.flying();
                let heard = || slot.with(|_, session| session.stats().control.bytes_received);
                let (before, bytes) = (taken_by_others(), heard());
                let head = u16::try_from(claimed).unwrap().to_be_bytes();
                peer.write(&[&head[..], &[0x60]].concat());
                until("the head", || heard() >= bytes + 3);
                if claimed > limits::RECORD {
                    peer.last_word().expect("a reason");
                }
                is_within(&format!("a record of {claimed}"), 3, taken_by_others() - before);
            }
        }
    });
}

const CONNECTIONS: usize = 1_000;
/// What a connection that waits may take beside the 16 KiB that are read of it: a task of 15 KiB, TLS,
/// and as much again as was read, by which buffers grow.
const SEAT: usize = 34 * 1_024;
/// All that one takes that says less than a hello.
const QUIET: usize = 32 * 1_024;

/// Those who come and wait, by what they have said.
enum Waiting {
    Tcp(Vec<u8>),
    /// Within TLS.
    Tls(Vec<u8>),
}

/// Keeps a connection open.
struct Kept(#[expect(dead_code, reason = "it is there to stay open")] Box<dyn Send>);

impl Waiting {
    fn come(&self, server: &Endpoint) -> Kept {
        let mut tcp = Peer::dial(server.local_addr());
        match self {
            Self::Tcp(bytes) => {
                tcp.write_all(bytes).unwrap();
                Kept(Box::new(tcp))
            }
            Self::Tls(bytes) => {
                let mut tls = Tls::connect(tcp);
                tls.write_all(bytes).unwrap();
                Kept(Box::new(tls))
            }
        }
    }
}

#[test]
fn bad_input_33_a_connection_that_waits_takes_its_seat_and_no_more() {
    alone("bounds::bad_input_33_a_connection_that_waits_takes_its_seat_and_no_more", || {
        this_thread_is_the_tests_own();
        let minute = Duration::from_secs(60);
        let greeting = GreetingConfig {
            tls_deadline: minute,
            hello_deadline: minute,
            ..GreetingConfig::default()
        };
        let config = ListenConfig { greeting, ..listen_config() };
        let server = Endpoint::listen("127.0.0.1:0", config).unwrap();
        let hello = Tls::client_hello();
        let mut long = long_hello();
        long.truncate(limits::WAITING_BYTES - 1);
        let mut parameters = parameters();
        parameters.credentials = vec![7; limits::CREDENTIALS];
        let biplane = Peer::dialing(&[Aead::Aes128Gcm], parameters).hello().to_vec();
        for (what, waiting) in [
            ("nothing", Waiting::Tcp(Vec::new())),
            ("half of a hello to TLS", Waiting::Tcp(hello[..hello.len() / 2].to_vec())),
            ("what may be said before a hello", Waiting::Tcp(long)),
            ("nothing in TLS", Waiting::Tls(Vec::new())),
            ("most of a hello", Waiting::Tls(biplane[..biplane.len() - 1].to_vec())),
        ] {
            let before = held_by_others();
            let kept: Vec<_> = (0..CONNECTIONS).map(|_| waiting.come(&server)).collect();
            until(what, || server.stats().connections.waiting == CONNECTIONS as u64);
            let each = settled().saturating_sub(before) / CONNECTIONS;
            println!("{what}: {each} bytes each");
            assert!(each <= limits::WAITING_BYTES + SEAT, "{what}: {each} bytes each");
            let is_long = what == "what may be said before a hello";
            assert!(is_long || each <= QUIET, "{what}: {each} bytes each");
            drop(kept);
            until("their end", || server.stats().connections.waiting == 0);
        }
    });
}

/// What others hold once that does not change any more.
fn settled() -> usize {
    const CALM: Duration = Duration::from_millis(200);
    let (mut held, mut since) = (held_by_others(), Instant::now());
    while since.elapsed() < CALM {
        let now = held_by_others();
        if now != held {
            (held, since) = (now, Instant::now());
        }
        thread::yield_now();
    }
    held
}

/// A ClientHello that says it has 65,535 bytes.
fn long_hello() -> Vec<u8> {
    let mut bytes = vec![22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff, 3, 3];
    bytes.resize(5 + 0x4000, 0);
    bytes
}
