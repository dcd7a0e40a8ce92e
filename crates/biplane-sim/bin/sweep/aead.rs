//! What sealing and opening a packet costs here.
//!
//! A client whose path nobody answers repeats its challenge in packets of full size, each with the
//! right to be sealed once: as many as one wants, without a network.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{
    Agreement, KeyChange, Opener, Role, SealJob, Sealer, Session, SessionConfig, Setup, limits,
};
use biplane_wire::{Aead, Header, PacketNumber, Parameters, ReceiveId, Record};

use crate::json::Object;

/// So many fit the cache, as they do where packets are sealed one after another.
const PACKETS: usize = 400;
/// The median of so many rounds counts.
const ROUNDS: usize = 9;
const ALGORITHMS: [(Aead, &str); 2] =
    [(Aead::Aes128Gcm, "aes_128_gcm"), (Aead::ChaCha20Poly1305, "chacha20_poly1305")];

/// The cost of each algorithm.
#[derive(Debug)]
pub(crate) struct Costs(Vec<Cost>);

#[derive(Debug)]
struct Cost {
    name: &'static str,
    /// Of a packet of full size, on average.
    seal: Duration,
    open: Duration,
    /// Packets that opened; all must.
    opened: usize,
}

/// Measures both algorithms.
pub(crate) fn measure() -> Costs {
    Costs(ALGORITHMS.iter().map(|(aead, name)| median(*aead, name)).collect())
}

impl Costs {
    pub(crate) fn told(&self, json: bool) -> String {
        if json { self.to_json() } else { self.to_text() }
    }

    fn to_json(&self) -> String {
        let all = self.0.iter().fold(Object::new(), |all, cost| {
            let Cost { seal, open, opened, .. } = cost;
            let of_one = Object::new()
                .value("seal_ns", &seal.as_nanos())
                .value("open_ns", &open.as_nanos())
                .value("opened", opened);
            all.value(cost.name, &of_one.end())
        });
        let document = Object::new().value("bytes", &limits::DATAGRAM_SIZE);
        document.value("packets", &PACKETS).value("aead", &all.end()).end() + "\n"
    }

    fn to_text(&self) -> String {
        let line = |cost: &Cost| {
            let Cost { name, seal, open, .. } = cost;
            format!("{name}: {seal:?} to seal {} bytes, {open:?} to open\n", limits::DATAGRAM_SIZE)
        };
        self.0.iter().map(line).collect()
    }
}

fn median(aead: Aead, name: &'static str) -> Cost {
    let rounds: Vec<_> = (0..ROUNDS).map(|_| cost(aead, name)).collect();
    let middle = |of: fn(&Cost) -> Duration| {
        let mut all: Vec<_> = rounds.iter().map(of).collect();
        all.sort_unstable();
        all.get(ROUNDS / 2).copied().unwrap_or_default()
    };
    let opened = rounds.iter().map(|cost| cost.opened).min().unwrap_or_default();
    Cost { name, seal: middle(|cost| cost.seal), open: middle(|cost| cost.open), opened }
}

fn cost(aead: Aead, name: &'static str) -> Cost {
    let start = Instant::now();
    let mut client = session(start, aead, Role::Client);
    let sealer = sealer(&mut client);
    let opener = opener(&mut session(start, aead, Role::Server));
    let (mut packets, jobs): (Vec<_>, Vec<_>) = challenges(start, &mut client).into_iter().unzip();
    let began = Instant::now();
    for (packet, job) in packets.iter_mut().zip(jobs) {
        if let Some(sealer) = &sealer {
            // What could not be sealed does not open.
            sealer.seal(job, packet).ok();
        }
    }
    let seal = per_packet(began, packets.len());
    let began = Instant::now();
    let opened = packets.iter_mut().filter_map(|packet| open(opener.as_ref()?, packet)).count();
    Cost { name, seal, open: per_packet(began, packets.len()), opened }
}

fn per_packet(began: Instant, packets: usize) -> Duration {
    began.elapsed() / u32::try_from(packets.max(1)).unwrap_or(u32::MAX)
}

/// Packets of full size, not sealed yet, and the right to seal each.
fn challenges(start: Instant, client: &mut Session) -> Vec<(Vec<u8>, SealJob)> {
    let mut alive = Vec::new();
    Record::Ping { token: 0 }.encode(&mut alive);
    let (mut now, mut packets) = (start, Vec::new());
    while packets.len() < PACKETS && !client.is_over() {
        let mut packet = Vec::with_capacity(limits::DATAGRAM_SIZE);
        match client.poll_packet(now, &mut packet) {
            Some(transmit) if packet.len() == limits::DATAGRAM_SIZE => {
                packets.push((packet, transmit.job));
            }
            Some(_) => {}
            None => {
                now += limits::CHALLENGE_MAX;
                client.handle_control(now, &alive);
                client.handle_timeout(now);
                client.poll_control(now, &mut Vec::new());
            }
        }
    }
    packets
}

fn open(opener: &Opener, packet: &mut [u8]) -> Option<()> {
    let (header, _) = Header::decode(packet).ok()?;
    let number = header.number.expand(PacketNumber(0));
    opener.open(&header, number, packet.get_mut(Header::LEN..)?).ok().map(drop)
}

fn session(now: Instant, aead: Aead, role: Role) -> Session {
    let [local, peer] = [1, 2].map(|id| Parameters::new(ReceiveId(id)));
    Session::new(
        now,
        Setup {
            role,
            agreement: Agreement { context: [0; 32], aead, local, peer },
            secret: [1; 32],
            channels: Vec::new(),
            requests: 0,
            config: SessionConfig::default(),
            seed: [2; 32],
            first_packet: PacketNumber(0),
            remote: Some(([127, 0, 0, 1], 1).into()),
            handshake_rtt: Duration::ZERO,
        },
    )
}

fn sealer(session: &mut Session) -> Option<Sealer> {
    core::iter::from_fn(|| session.poll_key()).find_map(|change| match change {
        KeyChange::InstallSealer(_, sealer) => Some(sealer),
        _ => None,
    })
}

fn opener(session: &mut Session) -> Option<Opener> {
    core::iter::from_fn(|| session.poll_key()).find_map(|change| match change {
        KeyChange::InstallOpener(_, opener) => Some(opener),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_that_is_sealed_opens() {
        for Cost { name, opened, .. } in measure().0 {
            assert_eq!(opened, PACKETS, "{name}");
        }
    }
}
