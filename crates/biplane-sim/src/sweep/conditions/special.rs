//! Drawn conditions, with what one question asks for.

use biplane_proto::FirstNumbers;
use biplane_wire::{ControlNumber, PacketNumber, RequestId, SequenceNumber};

use super::{Conditions, LOSS};
use crate::{EndConfig, Lengths, Loss, Rng};

/// Powers of two at which a packet number, or what travels of it, could wrap. The last it may have
/// ends its session, which is another question.
const PACKETS: [u32; 6] = [8, 15, 16, 31, 32, 48];
/// The same for messages and control records, which know no end.
const MESSAGES: [u32; 8] = [8, 15, 16, 24, 31, 32, 48, 62];
/// The same for requests, which begin anew at the last.
const REQUESTS: [u32; 5] = [8, 15, 16, 31, 32];
/// The same for bytes of credit.
const CREDIT: [u32; 6] = [8, 15, 16, 31, 32, 48];
/// Counters begin so close before.
const CLOSE: (usize, usize) = (10, 1_000);
/// Requests are few.
const CLOSE_REQUESTS: u64 = 40;
/// Keys are changed after so many packets where what is recorded must outlive them.
const KEY_PACKETS: (u64, u64) = (50, 500);

/// Of so many datagrams some are altered in any run.
const CORRUPTS: f64 = 0.03;

/// A figure for each counter: how far it is from a wrap, or how often it passed one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wraps {
    /// Packets.
    pub packets: u64,
    /// Messages of one channel.
    pub messages: u64,
    /// Numbered control records.
    pub records: u64,
    /// Requests.
    pub requests: u64,
}

impl Conditions {
    /// The same where this share of all datagrams is lost, 0 to below 1, in either direction; more
    /// than half of them each by itself, for there are no bursts where hardly anything passes.
    #[must_use]
    pub fn losing(mut self, share: f64) -> Self {
        for client in &mut self.clients {
            for link in [&mut client.wires.up, &mut client.wires.down] {
                link.loss = match link.loss {
                    Loss::Bursts { mean_length, .. } if share <= LOSS => {
                        Loss::Bursts { share, mean_length }
                    }
                    Loss::Never | Loss::Independent { .. } | Loss::Bursts { .. } => {
                        Loss::Independent { share }
                    }
                };
            }
        }
        self
    }

    /// The same where so many receivers read at every end.
    #[must_use]
    pub fn received_by(mut self, receivers: usize) -> Self {
        self.each_end(|end| end.receivers = receivers);
        self
    }

    /// The same where every datagram that is taken in comes twice more, sooner or later, across
    /// changes of keys.
    #[must_use]
    pub fn replayed(mut self, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        for client in &mut self.clients {
            let (low, high) = KEY_PACKETS;
            client.session.key_packets = rng.between(low, high);
        }
        self.each_end(|end| end.is_replayed = true);
        self
    }

    /// The same where every counter begins close before a place where it could wrap, and messages
    /// are about as long as one.
    #[must_use]
    pub fn beside_a_wrap(mut self, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let (low, high) = CLOSE;
        let mut close = || rng.size(low, high) as u64;
        let mut wraps =
            Wraps { packets: close(), messages: close(), records: close(), requests: 0 };
        wraps.requests = rng.between(1, CLOSE_REQUESTS);
        let packet = PacketNumber(before(&mut rng, &PACKETS, wraps.packets));
        let request = before(&mut rng, &REQUESTS, wraps.requests);
        let numbers = FirstNumbers {
            sequence: SequenceNumber(before(&mut rng, &MESSAGES, wraps.messages)),
            control: ControlNumber(before(&mut rng, &MESSAGES, wraps.records)),
            request: RequestId(u32::try_from(request).unwrap_or(0)),
            credit: {
                let bytes = rng.between(10, 1_000);
                before(&mut rng, &CREDIT, bytes)
            },
        };
        self.each_end(|end| (end.first_packet, end.numbers) = (packet, numbers));
        self.lengths = Lengths::Edges;
        self.wraps = Some(wraps);
        self
    }

    /// Whether many datagrams come to the first client's server that it has to drop.
    #[must_use]
    pub fn corrupts(&self) -> bool {
        self.clients.first().is_some_and(|client| client.wires.up.corruption > CORRUPTS)
    }

    fn each_end(&mut self, mut change: impl FnMut(&mut EndConfig)) {
        for client in &mut self.clients {
            change(&mut client.client);
            change(&mut client.server);
        }
    }
}

/// So far before one of these powers of two; 0 if that is before 0.
fn before(rng: &mut Rng, powers: &[u32], distance: u64) -> u64 {
    let power = powers.get(rng.index(powers.len())).copied().unwrap_or(0);
    (1_u64 << power).saturating_sub(distance)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn drawn() -> Conditions {
        Conditions::draw(3, Duration::from_secs(60))
    }

    #[test]
    fn a_loss_of_the_callers_is_met_both_ways_and_changes_nothing_else() {
        let (drawn, heavy) = (drawn(), drawn().losing(0.9));
        assert_ne!(heavy, drawn);
        for client in &heavy.clients {
            for link in [&client.wires.up, &client.wires.down] {
                assert!((link.loss.share() - 0.9).abs() < 1e-9);
            }
        }
        assert_eq!(heavy.protocol, drawn.protocol);
    }

    #[test]
    fn links_lose_in_bursts_where_more_passes_than_is_lost() {
        let in_bursts = |share| {
            let drawn = (0..20).map(|seed| Conditions::draw(seed, Duration::from_secs(60)));
            let clients = drawn.flat_map(|drawn| drawn.losing(share).clients);
            let bursts = |loss: Loss| matches!(loss, Loss::Bursts { .. });
            clients.filter(|client| bursts(client.wires.up.loss)).count()
        };
        assert!(in_bursts(0.5) > 0);
        assert_eq!(in_bursts(0.9), 0);
    }

    #[test]
    fn every_counter_begins_close_before_a_power_of_two() {
        for seed in 0..200 {
            let conditions = drawn().beside_a_wrap(seed);
            let (wraps, end) = (conditions.wraps.unwrap(), conditions.clients[0].client);
            assert_eq!(end.numbers, conditions.clients[0].server.numbers);
            let after = |first: u64, distance: u64| (first + distance).is_power_of_two();
            // 2^8 is closer than some distances.
            assert!(end.first_packet.0 == 0 || after(end.first_packet.0, wraps.packets));
            let sequence = end.numbers.sequence.0;
            assert!(sequence == 0 || after(sequence, wraps.messages));
            let request = u64::from(end.numbers.request.0);
            assert!(request == 0 || after(request, wraps.requests), "{request}");
            assert!((10..=1_000).contains(&wraps.packets));
        }
    }
}
