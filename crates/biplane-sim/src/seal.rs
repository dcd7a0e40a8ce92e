//! What sealing and opening a packet costs here.
//!
//! A client whose path nobody answers repeats its challenge in packets of full size, each with the
//! right to be sealed once: as many as one wants, without a network. Shorter packets are those, cut.
//! The clock is an argument, as everywhere in this crate.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::{
    Agreement, CloseReason, KeyChange, Opener, Role, SealJob, Sealer, Session, SessionConfig,
    Setup, limits,
};
use biplane_wire::{Aead, Header, PacketNumber, Parameters, ReceiveId, Record};

/// Packets of one round: so many fit the cache, as they do where packets are sealed one after
/// another.
const PACKETS: usize = 400;
/// The median of so many rounds counts.
const ROUNDS: usize = 9;

/// What one packet costs, sealed and opened by the library's own keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SealCost {
    /// The algorithm.
    pub aead: Aead,
    /// Bytes of the packet, header and tag among them.
    pub size: usize,
    /// To seal it; of many, on average.
    pub seal: Duration,
    /// To open it.
    pub open: Duration,
    /// Packets that were sealed.
    pub packets: usize,
    /// Those of them that opened; all must.
    pub opened: usize,
}

impl SealCost {
    /// Measures `aead` on packets of `size` bytes, 40 to 1,200, by `clock`.
    #[must_use]
    pub fn measure(aead: Aead, size: usize, clock: fn() -> Instant) -> Self {
        let size = size.clamp(limits::PACKET_MIN, limits::DATAGRAM_SIZE);
        let rounds: Vec<_> = (0..ROUNDS).map(|_| round(aead, size, clock)).collect();
        let middle = |of: fn(&Self) -> Duration| {
            let mut all: Vec<_> = rounds.iter().map(of).collect();
            all.sort_unstable();
            all.get(ROUNDS / 2).copied().unwrap_or_default()
        };
        let least = |of: fn(&Self) -> usize| rounds.iter().map(of).min().unwrap_or_default();
        Self {
            aead,
            size,
            seal: middle(|cost| cost.seal),
            open: middle(|cost| cost.open),
            packets: least(|cost| cost.packets),
            opened: least(|cost| cost.opened),
        }
    }
}

fn round(aead: Aead, size: usize, clock: fn() -> Instant) -> SealCost {
    let start = clock();
    let mut client = Challenger::new(start, aead);
    let sealer = sealer(&mut client);
    let opener = opener(&mut session(start, aead, Role::Server));
    let (mut packets, jobs): (Vec<_>, Vec<_>) = challenges(&mut client).into_iter().unzip();
    packets.iter_mut().for_each(|packet: &mut Vec<u8>| packet.truncate(size));
    let began = clock();
    for (packet, job) in packets.iter_mut().zip(jobs) {
        if let Some(sealer) = &sealer {
            // What could not be sealed does not open.
            sealer.seal(job, packet).ok();
        }
    }
    let sealed = clock();
    let opened = packets.iter_mut().filter_map(|packet| open(opener.as_ref()?, packet)).count();
    let ended = clock();
    let each = |from: Instant, to: Instant| {
        let count = u32::try_from(packets.len().max(1)).unwrap_or(u32::MAX);
        to.saturating_duration_since(from) / count
    };
    let (seal, open) = (each(began, sealed), each(sealed, ended));
    SealCost { aead, size, seal, open, packets: packets.len(), opened }
}

/// Packets of full size, not sealed yet, and the right to seal each.
fn challenges(client: &mut Challenger) -> Vec<(Vec<u8>, SealJob)> {
    let all = core::iter::from_fn(|| {
        let mut packet = Vec::with_capacity(limits::DATAGRAM_SIZE);
        let job = client.challenge(&mut packet)?;
        Some((packet, job))
    });
    all.filter(|(packet, _)| packet.len() == limits::DATAGRAM_SIZE).take(PACKETS).collect()
}

/// A client whose path nobody answers: a source of packets and of the right to seal each, as many
/// as its keys may.
#[derive(Debug)]
pub struct Challenger {
    session: Session,
    now: Instant,
    /// What shows that the peer is there.
    alive: Vec<u8>,
}

impl Challenger {
    /// A client that begins at `start`.
    #[must_use]
    pub fn new(start: Instant, aead: Aead) -> Self {
        let mut alive = Vec::new();
        Record::Ping { token: 0 }.encode(&mut alive);
        Self { session: session(start, aead, Role::Client), now: start, alive }
    }

    /// Appends the next packet to `packet`; `None` once the session is over. Keys must be taken
    /// before it is sealed: [`Challenger::poll_key`].
    pub fn challenge(&mut self, packet: &mut Vec<u8>) -> Option<SealJob> {
        while !self.session.is_over() {
            if let Some(transmit) = self.session.poll_packet(self.now, packet) {
                return Some(transmit.job);
            }
            self.now += limits::CHALLENGE_MAX;
            self.session.handle_control(self.now, &self.alive);
            self.session.handle_timeout(self.now);
            self.session.poll_control(self.now, &mut Vec::new());
        }
        None
    }

    /// The next key to install.
    pub fn poll_key(&mut self) -> Option<KeyChange> {
        self.session.poll_key()
    }

    /// Whether the session ended because a key has sealed as many packets as it may.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.session.close_reason() == Some(&CloseReason::KeysExhausted)
    }
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

fn sealer(session: &mut Challenger) -> Option<Sealer> {
    core::iter::from_fn(|| session.poll_key()).find_map(|change| {
        if let KeyChange::InstallSealer(.., sealer) = change { Some(sealer) } else { None }
    })
}

fn opener(session: &mut Session) -> Option<Opener> {
    core::iter::from_fn(|| session.poll_key()).find_map(|change| {
        if let KeyChange::InstallOpener(.., opener) = change { Some(opener) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that stands: what it costs is nothing, and all the rest is as ever.
    fn standing() -> Instant {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        *START
    }

    #[test]
    fn every_packet_that_is_sealed_opens_whatever_its_size() {
        for aead in [Aead::Aes128Gcm, Aead::ChaCha20Poly1305] {
            for size in [limits::PACKET_MIN, 64, limits::DATAGRAM_SIZE] {
                let cost = SealCost::measure(aead, size, standing);
                assert_eq!((cost.packets, cost.opened), (PACKETS, PACKETS), "{cost:?}");
                assert_eq!((cost.size, cost.seal), (size, Duration::ZERO));
            }
        }
    }

    #[test]
    fn a_size_that_no_packet_has_is_brought_into_range() {
        let size = |wanted| SealCost::measure(Aead::Aes128Gcm, wanted, standing).size;
        assert_eq!((size(0), size(9_000)), (limits::PACKET_MIN, limits::DATAGRAM_SIZE));
    }
}
