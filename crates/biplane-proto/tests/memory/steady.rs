//! Two sessions that send each other packets of many messages.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use biplane_proto::{Arrival, Content, KeyEpoch, Path, Role, SendOptions, Session};
use biplane_wire::{Header, limits as wire};

use super::{ORDERED, SEQUENCED, UNORDERED, UNRELIABLE, channel, counting::asked, setup};

/// Both ends, and the packets between them.
struct Pair {
    now: Instant,
    client: Session,
    server: Session,
    packet: Vec<u8>,
    packets: u64,
    taken: u64,
}

const CLIENT: u16 = 1;
const SERVER: u16 = 2;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            client: Session::new(now, setup(Role::Client, Some(address(SERVER)))),
            server: Session::new(now, setup(Role::Server, None)),
            packet: Vec::with_capacity(2_048),
            packets: 0,
            taken: 0,
        }
    }

    /// A millisecond of the match: each side sends messages on `id`, and takes what came.
    fn tick(&mut self, id: u8, len: usize) {
        self.now += Duration::from_millis(1);
        let Self { now, client, server, packet, packets, taken } = self;
        let now = *now;
        for session in [&mut *client, &mut *server] {
            session.handle_timeout(now);
            for _ in 0..10 {
                let content = Content::Borrowed(&[7; 1_100][..len]);
                // What is reliable may find its queue full until the window has grown.
                let _queued = session.enqueue(now, channel(id), content, SendOptions::default());
            }
            session.flush(now);
        }
        for _ in 0..2 {
            *packets += carry(now, client, server, CLIENT, packet);
            *packets += carry(now, server, client, SERVER, packet);
        }
        for session in [client, server] {
            session.take_many(now, channel(id), usize::MAX, &mut |_| *taken += 1);
            while session.poll_event().is_some() {}
        }
    }
}

impl Pair {
    /// A tenth of a second in which nobody says anything, on either plane.
    fn be_quiet(&mut self) {
        self.now += Duration::from_millis(100);
        let Self { now, client, server, packet, .. } = self;
        client.handle_timeout(*now);
        server.handle_timeout(*now);
        for _ in 0..2 {
            carry(*now, client, server, CLIENT, packet);
            carry(*now, server, client, SERVER, packet);
            pipe(*now, client, server);
            pipe(*now, server, client);
        }
    }
}

fn pipe(now: Instant, from: &mut Session, to: &mut Session) {
    let mut records = Vec::new();
    while from.poll_control(now, &mut records) {}
    to.handle_control(now, &records);
}

/// Carries what `from`, whose port is `port`, sends now; how many packets that was.
fn carry(
    now: Instant,
    from: &mut Session,
    to: &mut Session,
    port: u16,
    packet: &mut Vec<u8>,
) -> u64 {
    let mut count = 0;
    packet.clear();
    while let Some(transmit) = from.poll_packet(now, packet) {
        let arrival = Arrival {
            received_at: now,
            path: Path { remote: address(port), local: None },
            number: transmit.job.number(),
            epoch: KeyEpoch(0),
            phase: transmit.job.phase(),
            ecn: None,
        };
        to.handle_packet(now, &arrival, &packet[Header::LEN..packet.len() - wire::TAG]).unwrap();
        packet.clear();
        count += 1;
    }
    count
}

#[test]
fn once_it_has_found_its_stride_a_session_asks_for_no_memory() {
    for id in [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        for len in [64, 1_100] {
            let mut pair = Pair::new();
            (0..3_000).for_each(|_| pair.tick(id, len));
            let (before, packets) = (asked(), pair.packets);
            (0..500).for_each(|_| pair.tick(id, len));
            let (asked, packets) = (asked() - before, pair.packets - packets);
            assert!(packets > 900, "{packets} packets");
            assert_eq!(asked, 0, "{packets} packets of channel {id}, {len} bytes a message");
            assert!(pair.taken > 0);
        }
    }
}

#[test]
fn sessions_that_rest_keep_none_of_what_they_needed() {
    let before = super::held();
    let mut pair = Pair::new();
    let new = super::held() - before;
    for id in [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        (0..100).for_each(|_| pair.tick(id, 64));
    }
    let busy = super::held() - before;
    (0..100).for_each(|_| pair.be_quiet());
    let rested = super::held() - before;
    assert!((rested - new) * 4 < busy - new, "{rested} of {busy} bytes, {new} when they began");
}
