//! The proofs of two resumes in a row, and of what is attached between, made a second time from the words of the protocol page.

use std::time::{Duration, Instant};

use biplane_proto::{Agreement, Role, Session, SessionConfig, Setup};
use biplane_wire::{Aead, PacketNumber, Parameters, ReceiveId, Resume};

use crate::schedule::{expand_label, hmac};

const NAME: [u8; 16] = [0x6e; 16];
const JOINED: [u8; 32] = [7; 32];
const RESUMED: [u8; 32] = [8; 32];

fn client() -> Session {
    let peer = Parameters { session: Some(NAME), ..Parameters::new(ReceiveId(2)) };
    let local = Parameters::new(ReceiveId(1));
    let setup = Setup {
        role: Role::Client,
        agreement: Agreement { context: [0; 32], aead: Aead::Aes128Gcm, local, peer },
        secret: JOINED,
        channels: Vec::new(),
        requests: 0,
        config: SessionConfig::default(),
        seed: [1; 32],
        first_packet: PacketNumber(0),
        remote: None,
        handshake_rtt: Duration::ZERO,
    };
    Session::new(Instant::now(), setup)
}

fn proof(secret: &[u8], binding: [u8; 32], count: u32) -> Vec<u8> {
    hmac(secret, &[&binding[..], &NAME, &count.to_be_bytes()].concat())
}

fn attach_proof(secret: &[u8], binding: [u8; 32], count: u32) -> Vec<u8> {
    hmac(secret, &[&binding[..], &NAME, &count.to_be_bytes(), b"attach"].concat())
}

/// A connection is attached; the count and the proof that it says.
fn attaches(session: &mut Session, binding: [u8; 32]) -> (u32, Vec<u8>) {
    let said = session.begin_attach(&binding).unwrap();
    assert_eq!((said.session, said.receive_id), (Some(NAME), ReceiveId(0)));
    let Resume { count, proof } = said.resume.unwrap();
    (count, proof.to_vec())
}

#[test]
fn proofs_are_what_the_page_says() {
    let mut session = client();
    let now = Instant::now();
    let first = expand_label(&JOINED, "resume", 32);
    assert_eq!(attaches(&mut session, [9; 32]), (1, attach_proof(&first, [9; 32], 1)));
    let said = session.begin_resume(now, &[3; 32], ReceiveId(4)).unwrap();
    assert_eq!((said.session, said.receive_id), (Some(NAME), ReceiveId(4)));
    let Resume { count, proof: made } = said.resume.unwrap();
    assert_eq!((count, made.to_vec()), (1, proof(&first, [3; 32], 1)));

    let peer = Parameters { control_next: Some(0), ..Parameters::new(ReceiveId(5)) };
    let agreement = Agreement { context: [0; 32], aead: Aead::Aes128Gcm, local: said, peer };
    session.resume(now, &agreement, &RESUMED).unwrap();
    let second = hmac(&first, &RESUMED);
    assert_eq!(attaches(&mut session, [10; 32]), (2, attach_proof(&second, [10; 32], 2)));
    let said = session.begin_resume(now, &[4; 32], ReceiveId(6)).unwrap();
    let Resume { count, proof: made } = said.resume.unwrap();
    assert_eq!((count, made.to_vec()), (2, proof(&second, [4; 32], 2)));
}
