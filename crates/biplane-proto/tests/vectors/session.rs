//! A real session, driven so that it seals and opens what the vectors say.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use biplane_proto::{
    Agreement, Arrival, KeyChange, KeyEpoch, Opener, Path, Role, Sealer, Session, SessionConfig,
    Setup,
};
use biplane_wire::{
    Ack, AckRange, AckRanges, Aead, Frame, Header, KeyPhase, PacketNumber, Parameters, ReceiveId,
};

/// A session that changes its send key with every packet that the peer lets it.
#[derive(Debug)]
pub(crate) struct Real {
    now: Instant,
    session: Session,
    sealers: Vec<(KeyPhase, Sealer)>,
    openers: Vec<(KeyPhase, Opener)>,
    first: u64,
    heard: u64,
}

impl Real {
    /// `first` is the number of its first packet; `receive_id` what the peer wants to see.
    pub(crate) fn new(
        role: Role,
        aead: Aead,
        secret: [u8; 32],
        first: u64,
        receive_id: u32,
    ) -> Self {
        let [local, peer] = [7, receive_id].map(|id| Parameters::new(ReceiveId(id)));
        let now = Instant::now();
        let setup = Setup {
            role,
            agreement: Agreement { context: [0; 32], aead, local, peer },
            secret,
            channels: Vec::new(),
            requests: 0,
            config: SessionConfig { key_packets: 1, ..SessionConfig::default() },
            seed: [0; 32],
            first_packet: PacketNumber(first),
            remote: (role == Role::Client).then_some(peer_address()),
            handshake_rtt: Duration::from_millis(1),
        };
        let session = Session::new(now, setup);
        let (sealers, openers) = (Vec::new(), Vec::new());
        let mut real = Self { now, session, sealers, openers, first, heard: 0 };
        real.install();
        real
    }

    fn install(&mut self) {
        while let Some(change) = self.session.poll_key() {
            match change {
                KeyChange::InstallSealer(_, phase, sealer) => self.sealers.push((phase, sealer)),
                KeyChange::InstallOpener(_, phase, opener) => self.openers.push((phase, opener)),
                _ => {}
            }
        }
    }

    /// The key that opens the packets of the phase `steps` after the first.
    pub(crate) fn opener(&mut self, steps: usize) -> &Opener {
        let mut phase = KeyPhase::FIRST;
        while self.openers.len() <= steps {
            phase = phase.next();
            self.hear(phase, &[]);
        }
        &self.openers[steps].1
    }

    /// Seals `frames` under the packet number `steps` after the first, by the key of as many phases
    /// after the first. The session fills a packet to have a job; what it filled is not what counts.
    pub(crate) fn seal(&mut self, steps: u64, frames: &[u8]) -> Vec<u8> {
        for step in 0.. {
            let (mut out, number) = (Vec::new(), self.first + step);
            self.now += Duration::from_secs(1);
            // Pays for what leaves, and lets the session leave its key.
            let acked = number.checked_sub(1).filter(|acked| *acked >= self.first);
            self.hear(KeyPhase::FIRST, &acked.map(ack_of).unwrap_or_default());
            let transmit = self.session.poll_packet(self.now, &mut out).expect("a challenge");
            self.install();
            assert_eq!(transmit.job.number(), PacketNumber(number));
            if step < steps {
                continue;
            }
            let (header, _) = Header::decode(&out).unwrap();
            let mut packet = [&header.encode()[..], frames, &[0; 16]].concat();
            let (phase, sealer) = &self.sealers[usize::try_from(steps).unwrap()];
            assert_eq!(*phase, transmit.job.phase());
            sealer.seal(transmit.job, &mut packet).unwrap();
            return packet;
        }
        unreachable!("steps are few")
    }

    /// Takes in a long packet of the peer's that begins with `frames`.
    fn hear(&mut self, phase: KeyPhase, frames: &[u8]) {
        let mut plaintext = frames.to_vec();
        plaintext.resize(1_175, 0);
        let path = Path { remote: peer_address(), local: None };
        let number = PacketNumber(self.first + self.heard);
        let arrival =
            Arrival { received_at: self.now, path, number, epoch: KeyEpoch(0), phase, ecn: None };
        self.heard += 1;
        self.session.handle_packet(self.now, &arrival, &plaintext).unwrap();
        self.install();
    }
}

fn peer_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1_001))
}

/// An ack of one packet.
fn ack_of(number: u64) -> Vec<u8> {
    let (mut ranges, mut out) = (Vec::new(), Vec::new());
    let range = AckRange { low: number, high: number };
    AckRanges::encode(&mut ranges, std::iter::once(range), 1);
    let ranges = AckRanges::of_encoded(&ranges);
    let largest = PacketNumber(number).truncated();
    Frame::Ack(Ack { largest, delay: 0, arrival: 0, ranges, ecn: None }).encode(&mut out);
    out
}
