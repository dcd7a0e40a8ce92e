//! `packets.txt`: packets sealed by both AEADs, in both directions, in the first phases.

use biplane_proto::{OpenError, Role};
use biplane_wire::{Aead, Header, PacketNumber};

use crate::{
    files::{Vector, vectors},
    schedule,
    session::Real,
};

/// A vector as the functions here need it.
#[derive(Debug)]
struct Case {
    chacha: bool,
    client: bool,
    secret: [u8; 32],
    first: u64,
    steps: u64,
    receive_id: u32,
    frames: Vec<u8>,
    packet: Vec<u8>,
}

impl Case {
    fn of(vector: &Vector) -> Self {
        Self {
            chacha: vector.says("ChaCha20-Poly1305"),
            client: vector.says("client"),
            secret: vector.bytes("session").try_into().unwrap(),
            first: vector.number("first"),
            steps: vector.number("step"),
            receive_id: vector.number("receive-id").try_into().unwrap(),
            frames: vector.bytes("frames").to_vec(),
            packet: vector.bytes("packet").to_vec(),
        }
    }

    fn number(&self) -> u64 {
        self.first + self.steps
    }

    const fn aead(&self) -> Aead {
        if self.chacha { Aead::ChaCha20Poly1305 } else { Aead::Aes128Gcm }
    }

    fn real(&self, client: bool) -> Real {
        let role = if client { Role::Client } else { Role::Server };
        Real::new(role, self.aead(), self.secret, self.first, self.receive_id)
    }
}

fn cases() -> Vec<(String, Case)> {
    let vectors = vectors("packets.txt");
    vectors.iter().map(|vector| (vector.name.clone(), Case::of(vector))).collect()
}

#[test]
fn packets_are_sealed_byte_for_byte() {
    for (name, case) in cases() {
        let sealed = case.real(case.client).seal(case.steps, &case.frames);
        assert_eq!(sealed, case.packet, "{name}");
    }
}

#[test]
fn packets_are_opened_by_the_key_of_their_phase_and_no_other() {
    for (name, case) in cases() {
        let mut peer = case.real(!case.client);
        for steps in 0..=5 {
            let mut packet = case.packet.clone();
            let (header, _) = Header::decode(&packet).unwrap();
            let number = PacketNumber(case.number());
            assert_eq!(header.number, number.truncated(), "{name}");
            let opened = peer.opener(steps).open(&header, number, &mut packet[Header::LEN..]);
            let wanted =
                if steps as u64 == case.steps { Ok(&case.frames[..]) } else { Err(OpenError) };
            assert_eq!(opened, wanted, "{name}, key {steps}");
        }
    }
}

#[test]
fn the_second_schedule_seals_the_same_packets() {
    for (name, case) in cases() {
        let sender = if case.client { "client" } else { "server" };
        let phase = schedule::phase(&case.secret, sender, case.steps);
        let mut head = vec![0x40 | u8::try_from(case.steps % 4).unwrap() << 2];
        head.extend(case.receive_id.to_be_bytes());
        head.extend(&case.number().to_be_bytes()[4..]);
        let sealed = schedule::seal(&phase, case.chacha, case.number(), (&head, &case.frames));
        assert_eq!(sealed, case.packet, "{name}");
    }
}

#[test]
fn every_aead_direction_and_phase_has_its_vector() {
    for chacha in [false, true] {
        for client in [false, true] {
            for steps in 0..=4 {
                let wanted = |case: &Case| {
                    case.chacha == chacha && case.client == client && case.steps == steps
                };
                assert!(cases().iter().any(|(_, case)| wanted(case)), "{chacha} {client} {steps}");
            }
        }
    }
    assert!(cases().iter().any(|(_, case)| case.number() > 1 << 32), "a number above 32 bits");
}
