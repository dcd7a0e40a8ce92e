//! Golden bytes of the key schedule, and what must not open.

use biplane_wire::ReceiveId;

use super::*;

const SECRET: [u8; 32] = [7; 32];

const fn fresh(aead: Aead) -> Fresh<'static> {
    Fresh { aead, secret: &SECRET, peer: ReceiveId(1) }
}

fn pair(aead: Aead) -> (Keys, Sealer, Opener) {
    let mut client = Keys::new(Role::Client, fresh(aead), PacketNumber(0), u64::MAX);
    let mut server = Keys::new(Role::Server, fresh(aead), PacketNumber(0), u64::MAX);
    let sealer = core::iter::from_fn(|| client.poll_change()).find_map(|change| match change {
        KeyChange::InstallSealer(_, _, sealer) => Some(sealer),
        KeyChange::InstallOpener(..)
        | KeyChange::DiscardOpener(..)
        | KeyChange::DiscardEpoch(_) => None,
    });
    let opener = core::iter::from_fn(|| server.poll_change()).find_map(|change| match change {
        KeyChange::InstallOpener(_, _, opener) => Some(opener),
        KeyChange::InstallSealer(..)
        | KeyChange::DiscardOpener(..)
        | KeyChange::DiscardEpoch(_) => None,
    });
    (client, sealer.unwrap(), opener.unwrap())
}

fn sealed(keys: &mut Keys, sealer: &Sealer) -> (Header, PacketNumber, Vec<u8>) {
    let job = keys.take_job().unwrap();
    let number = job.number();
    let header = Header::data(job.phase(), ReceiveId(1), number);
    let mut packet = header.encode().to_vec();
    packet.extend([0x01; 20]);
    packet.extend([0; wire::TAG]);
    sealer.seal(job, &mut packet).unwrap();
    (header, number, packet)
}

#[test]
fn opens_what_the_other_side_sealed() {
    for aead in [Aead::Aes128Gcm, Aead::ChaCha20Poly1305] {
        let (mut keys, sealer, opener) = pair(aead);
        let (header, number, mut packet) = sealed(&mut keys, &sealer);
        let opened = opener.open(&header, number, &mut packet[Header::LEN..]);
        assert_eq!(opened, Ok(&[0x01; 20][..]), "{aead:?}");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let (mut keys, sealer, opener) = pair(Aead::Aes128Gcm);
    let (_, number, packet) = sealed(&mut keys, &sealer);
    for bit in 0..packet.len() * 8 {
        let mut flipped = packet.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok((header, _)) = Header::decode(&flipped) {
            let number = header.number.expand(number);
            let opened = opener.open(&header, number, &mut flipped[Header::LEN..]);
            assert_eq!(opened, Err(OpenError), "bit {bit}");
        }
    }
}

#[test]
fn the_same_frames_under_two_numbers_look_unlike() {
    let (mut keys, sealer, _) = pair(Aead::Aes128Gcm);
    let (_, _, one) = sealed(&mut keys, &sealer);
    let (_, _, two) = sealed(&mut keys, &sealer);
    assert_ne!(one[Header::LEN..], two[Header::LEN..]);
}

#[test]
fn a_key_refuses_at_its_limit() {
    let (mut keys, ..) = pair(Aead::Aes128Gcm);
    // The peer never acknowledged a packet under it, so there is no moving on.
    keys.send.confirmed = false;
    keys.send.sealed = limits::KEY_PACKETS_MAX - 1;
    assert!(keys.take_job().is_some());
    assert!(keys.take_job().is_none());
    assert!(keys.exhausted());
}

#[test]
fn numbers_end_before_they_wrap() {
    let last = PacketNumber(PacketNumber::MAX.0 - 1);
    let mut keys = Keys::new(Role::Client, fresh(Aead::Aes128Gcm), last, u64::MAX);
    assert_eq!(keys.take_job().map(|job| job.number()), Some(last));
    assert!(keys.take_job().is_none());
}

#[test]
fn golden_bytes_of_the_schedule() {
    let up = DirectionSecret::of_session(&SECRET, "client");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&expand::<16>(&up.0, "key")), GOLDEN_KEY);
    assert_eq!(hex(&expand::<12>(&up.0, "iv")), GOLDEN_IV);
    assert_eq!(hex(&expand::<16>(&up.next().0, "key")), GOLDEN_NEXT_KEY);
}

// Worked out by another implementation of HKDF, in Python.
const GOLDEN_KEY: &str = "72fbae67b97f999e71ddfe9b186c0d80";
const GOLDEN_IV: &str = "4efab14248ea37e85507b853";
const GOLDEN_NEXT_KEY: &str = "59d7f63a348ce6df644b55cd6f4acb38";

#[test]
fn golden_packet_of_the_protocol_page() {
    let (mut keys, sealer, _) = pair(Aead::Aes128Gcm);
    let job = keys.take_job().unwrap();
    let mut packet = Header::data(job.phase(), ReceiveId(1), job.number()).encode().to_vec();
    packet.push(0x01);
    packet.resize(wire::PACKET_MIN, 0);
    sealer.seal(job, &mut packet).unwrap();
    let hex: Vec<_> = packet.iter().map(|byte| format!("{byte:02x}")).collect();
    let page = include_str!("../../../../docs/PROTOCOL.md");
    let shown = page.lines().find_map(|line| line.strip_prefix("sealed       "));
    assert_eq!(shown, Some(&*hex.join(" ")), "worked out by another implementation, in Python");
}

#[test]
fn a_key_is_left_at_its_limit_once_the_peer_has_seen_it() {
    let mut keys = Keys::new(Role::Client, fresh(Aead::Aes128Gcm), PacketNumber(0), 2);
    let phases = |keys: &mut Keys, count: usize| -> Vec<usize> {
        (0..count).map(|_| keys.take_job().unwrap().phase().index()).collect()
    };
    assert_eq!(phases(&mut keys, 4), [0, 0, 1, 1]);
    assert_eq!(phases(&mut keys, 2), [1, 1], "packet 2 is not acknowledged yet");
    keys.on_ack(PacketNumber(1));
    assert_eq!(phases(&mut keys, 1), [1]);
    keys.on_ack(PacketNumber(2));
    assert_eq!(phases(&mut keys, 3), [2, 2, 2]);
}

#[test]
fn three_receive_keys_follow_each_other_round_the_circle() {
    let mut keys = Keys::new(Role::Client, fresh(Aead::Aes128Gcm), PacketNumber(0), 2);
    let mut held = [false; 4];
    let mut phase = KeyPhase::FIRST;
    for update in 0..9 {
        while let Some(change) = keys.poll_change() {
            match change {
                KeyChange::InstallOpener(_, phase, _) => held[phase.index()] = true,
                KeyChange::DiscardOpener(_, phase) => held[phase.index()] = false,
                KeyChange::InstallSealer(..) | KeyChange::DiscardEpoch(_) => {}
            }
        }
        let before = (phase.index() + 3) % 4;
        assert_eq!(held[before], update > 0, "the one before");
        assert!(held[phase.index()] && held[phase.next().index()]);
        assert!(!held[phase.next().next().index()]);
        phase = phase.next();
        keys.on_opened(KeyEpoch(0), phase);
        keys.on_opened(KeyEpoch(0), phase);
    }
}
