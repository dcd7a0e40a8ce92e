//! Paths that carry longer datagrams than others, and that cease to.

use super::*;

/// A pair whose client's packets pass if they are no longer than the path carries.
struct Narrow {
    pair: Pair,
    carries: usize,
    /// The lengths of the client's packets since the last look.
    lens: Vec<usize>,
}

impl Narrow {
    fn joined(carries: usize) -> Self {
        let mut pair = Pair::joined();
        pair.settle();
        Self { pair, carries, lens: Vec::new() }
    }

    fn client(&mut self) -> &mut Session {
        &mut self.pair.client.session
    }

    fn send(&mut self, id: u8, len: usize) {
        let now = self.pair.now;
        self.client().send(now, channel(id), vec![id; len].into()).unwrap();
        self.client().flush(now);
    }

    fn carry(&mut self) {
        loop {
            let (now, one, two) =
                (self.pair.now, self.pair.client.address, self.pair.server.address);
            let up = self.pair.client.packets(now);
            self.lens.extend(up.iter().map(Vec::len));
            for packet in up.iter().filter(|packet| packet.len() <= self.carries) {
                self.pair.server.hear(now, one, packet).unwrap();
            }
            let down = self.pair.server.packets(now);
            down.iter().for_each(|packet| self.pair.client.hear(now, two, packet).unwrap());
            if up.is_empty() && down.is_empty() {
                return;
            }
        }
    }

    /// Lets time go by in steps of 10 ms.
    fn pass(&mut self, time: Duration) {
        self.carry();
        for _ in 0..time.as_millis() / 10 {
            self.pair.now += Duration::from_millis(10);
            for side in [&mut self.pair.client, &mut self.pair.server] {
                side.session.handle_timeout(self.pair.now);
            }
            self.carry();
        }
    }

    fn size(&self) -> usize {
        usize::try_from(self.pair.client.session.stats().path.datagram_size).unwrap()
    }

    fn lens(&mut self) -> Vec<usize> {
        core::mem::take(&mut self.lens)
    }

    /// The lengths of the messages that the server takes off a channel.
    fn taken(&mut self, id: u8) -> Vec<usize> {
        self.pair.server.take(self.pair.now, id).iter().map(Bytes::len).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn small_messages_ask_for_nothing() {
    let mut narrow = Narrow::joined(9_000);
    for _ in 0..100 {
        narrow.send(SEQUENCED, 100);
        narrow.send(ORDERED, 100);
        narrow.pass(Duration::from_millis(20));
    }
    assert!(narrow.lens().iter().all(|len| *len <= 300));
    assert_eq!(narrow.size(), 1_200);
}

#[test]
fn a_long_message_finds_out_what_the_path_carries() {
    for (carries, found) in [(1_200, 1_200), (1_252, 1_251), (1_452, 1_452), (9_000, 1_452)] {
        let mut narrow = Narrow::joined(carries);
        narrow.send(ORDERED, 100_000);
        narrow.pass(3 * SECOND);
        assert_eq!(narrow.size(), found, "{carries}");
        assert_eq!(narrow.taken(ORDERED), [100_000]);
        narrow.lens();
        narrow.send(ORDERED, 100_000);
        narrow.pass(3 * SECOND);
        assert_eq!(narrow.taken(ORDERED), [100_000]);
        let lens = narrow.lens();
        let longest = lens.into_iter().max().unwrap();
        assert!((found - 3..=found).contains(&longest), "{longest}: nothing is asked");
    }
}

#[test]
fn probes_that_are_lost_are_no_congestion_and_count_as_no_loss() {
    let mut narrow = Narrow::joined(1_200);
    narrow.send(ORDERED, 20_000);
    narrow.pass(3 * SECOND);
    let window = narrow.pair.client.session.stats().congestion_window;
    let asked = narrow.lens().iter().filter(|len| **len > 1_200).count();
    assert!((3 * 6..=3 * 8).contains(&asked), "{asked}");
    let stats = narrow.pair.client.session.stats();
    assert_eq!((stats.packets_lost, stats.path.narrowed), (0, 0));
    assert!(window >= 12_000, "{window}");
    assert_eq!(stats.bytes_in_flight, 0);
}

#[test]
fn where_the_path_comes_to_carry_less_everything_arrives_cut_anew() {
    let mut narrow = Narrow::joined(1_452);
    narrow.send(ORDERED, 50_000);
    narrow.pass(SECOND);
    assert_eq!((narrow.size(), narrow.taken(ORDERED)), (1_452, vec![50_000]));
    narrow.carries = 1_252;
    // In pieces, and whole in one packet that is too long now.
    narrow.send(ORDERED, 50_000);
    narrow.send(UNORDERED, 1_300);
    narrow.pass(5 * SECOND);
    assert_eq!(narrow.taken(ORDERED), [50_000]);
    assert_eq!(narrow.taken(UNORDERED), [1_300]);
    assert_eq!(narrow.size(), 1_251);
    assert_eq!(narrow.client().stats().path.narrowed, 1);
    assert_eq!(narrow.client().planes(), Planes::Both);
}

#[test]
fn a_stream_of_long_packets_alone_comes_through_again_and_its_direction_does_not_die() {
    let mut narrow = Narrow::joined(1_452);
    narrow.send(ORDERED, 50_000);
    narrow.pass(SECOND);
    narrow.carries = 1_252;
    narrow.pair.client.events();
    let mut taken = 0;
    for _ in 0..150 {
        narrow.send(UNRELIABLE, 1_350);
        narrow.pass(Duration::from_millis(20));
        taken += narrow.taken(UNRELIABLE).len();
    }
    assert!(taken > 75, "{taken} of 150, in 3 s");
    assert!(narrow.pair.client.events().is_empty(), "planes did not change");
    narrow.send(UNRELIABLE, 1_350);
    narrow.pass(Duration::from_millis(20));
    assert_eq!((narrow.taken(UNRELIABLE), narrow.size()), (vec![1_350], 1_251));
}

#[test]
fn rare_long_messages_among_short_ones_come_through_again() {
    let mut narrow = Narrow::joined(1_452);
    narrow.send(ORDERED, 50_000);
    narrow.pass(SECOND);
    narrow.carries = 1_252;
    for _ in 0..5 {
        narrow.send(UNRELIABLE, 1_350);
        for _ in 0..50 {
            narrow.send(SEQUENCED, 50);
            narrow.pass(Duration::from_millis(20));
        }
    }
    assert_eq!(narrow.taken(UNRELIABLE).len(), 2, "three were lost");
}

#[test]
fn datagrams_are_no_longer_than_the_peer_accepts() {
    let now = Instant::now();
    let config = |max_datagram| SessionConfig { max_datagram, ..SessionConfig::default() };
    for (own, peer, found) in [(8_000, 8_000, 8_000), (8_000, 1_300, 1_300), (1_200, 8_000, 1_200)]
    {
        let client = Side::facing(now, Role::Client, false, (config(own), peer), configs());
        let server = Side::with(now, Role::Server, false, config(1_200), configs());
        let mut pair = Pair { now, client, server };
        pair.settle();
        let mut narrow = Narrow { pair, carries: 9_000, lens: Vec::new() };
        narrow.send(ORDERED, 20_000);
        narrow.pass(SECOND);
        assert_eq!((narrow.size(), narrow.taken(ORDERED)), (found, vec![20_000]));
        assert!(narrow.lens().iter().all(|len| *len <= found));
    }
}

#[test]
fn an_interface_that_carries_less_is_believed_at_once() {
    let mut narrow = Narrow::joined(1_452);
    narrow.send(ORDERED, 50_000);
    narrow.pass(SECOND);
    narrow.carries = 1_252;
    narrow.send(ORDERED, 50_000);
    let now = narrow.pair.now;
    narrow.client().handle_too_big(now, 1_452);
    assert_eq!(narrow.size(), 1_200);
    narrow.lens();
    narrow.pass(3 * SECOND);
    assert_eq!((narrow.taken(ORDERED), narrow.size()), (vec![50_000; 2], 1_251));
    assert!(narrow.lens().iter().all(|len| *len < 1_452));
}
