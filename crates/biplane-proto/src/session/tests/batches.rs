//! Packets that leave or come together: the same comes of them as of each by itself.

use super::*;

impl Side {
    /// What [`Side::packets`] gives, by at most `most` at a time.
    fn packets_by(&mut self, now: Instant, most: usize) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        loop {
            let (mut out, mut filled) = (Vec::new(), Vec::new());
            let until = (most, usize::MAX);
            self.session.poll_packets(now, until, &mut out, |transmit| filled.push(transmit));
            if filled.is_empty() {
                return packets;
            }
            assert!(filled.len() <= most);
            self.install();
            let mut rest = out.as_mut_slice();
            for transmit in filled {
                let (packet, after) = rest.split_at_mut(transmit.len);
                let sealer = &self.sealers[&(transmit.job.epoch(), transmit.job.phase())];
                sealer.seal(transmit.job, packet).unwrap();
                packets.push(packet.to_vec());
                rest = after;
            }
            assert_eq!(rest.len(), 0);
        }
    }

    fn hear_together(&mut self, now: Instant, from: SocketAddr, packets: &[Vec<u8>]) {
        let opened: Vec<_> = packets.iter().map(|packet| self.open(now, from, packet)).collect();
        let mut outcomes = vec![Err(DropReason::Closed); opened.len()];
        let each = opened.iter().zip(&mut outcomes);
        let each = each.map(|((arrival, plaintext), outcome)| (arrival, &**plaintext, outcome));
        self.session.handle_packets(now, each);
        self.install();
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }

    /// All that can be seen of it, with its deadline as a distance from `now`.
    fn seen(&self, now: Instant) -> String {
        let deadline = self.session.poll_timeout();
        let deadline = deadline.map(|(at, timer)| (at.saturating_duration_since(now), timer));
        format!("{deadline:?} {:?}", self.session.stats())
    }
}

#[test]
fn the_same_comes_of_packets_together_as_of_each_by_itself() {
    let [alone, together] = [false, true].map(|together| {
        let mut pair = Pair::joined();
        let (now, from) = (pair.now, pair.client.address);
        for id in [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
            for _ in 0..9 {
                pair.client.session.send(now, channel(id), vec![id; 700].into()).unwrap();
            }
        }
        pair.client.session.flush(now);
        let packets =
            if together { pair.client.packets_by(now, 4) } else { pair.client.packets(now) };
        if together {
            pair.server.hear_together(now, from, &packets);
        } else {
            packets.iter().for_each(|packet| pair.server.hear(now, from, packet).unwrap());
        }
        let taken = [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE].map(|id| pair.server.take(now, id));
        let seen = [&pair.client, &pair.server].map(|side| side.seen(now));
        (packets, taken, seen, pair.server.packets(now))
    });
    assert!(alone.0.len() >= 8 && alone.1.iter().all(|taken| !taken.is_empty()));
    assert_eq!(alone, together);
}

#[test]
fn packets_of_long_messages_are_of_one_length() {
    // The third piece leaves room for no other.
    let (len, count) = (4_100, 3);
    for id in [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
        let mut pair = Pair::joined();
        // Until it knows how long packets may be.
        for _ in 0..20 {
            pair.client.session.send(pair.now, channel(id), vec![id; len].into()).unwrap();
            pair.client.session.flush(pair.now);
            pair.pass(Duration::from_millis(100));
            pair.server.take(pair.now, id);
        }
        for _ in 0..count {
            pair.client.session.send(pair.now, channel(id), vec![id; len].into()).unwrap();
        }
        pair.client.session.flush(pair.now);
        let packets = pair.client.packets(pair.now);
        let lens: Vec<_> = packets.iter().map(Vec::len).collect();
        assert!(lens.len() >= 3 && lens.iter().all(|len| *len == lens[0]), "{lens:?}");
        for packet in packets {
            pair.server.hear(pair.now, pair.client.address, &packet).unwrap();
        }
        pair.pass(Duration::from_millis(100));
        let taken = pair.server.take(pair.now, id);
        let newest_do = id == SEQUENCED && !taken.is_empty();
        assert!(newest_do || taken.len() == count, "channel {id}: {}", taken.len());
        assert!(taken.iter().all(|message| message.len() == len));
    }
}
