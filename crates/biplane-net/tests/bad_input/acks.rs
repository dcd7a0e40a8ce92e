//! Inputs 17, 18 and 19: acks that lie.

use std::time::{Duration, Instant};

use biplane_net::Slot;
use biplane_proto::{CloseReason, Violation, limits};
use biplane_wire::{CloseCode, DecodeError};

use crate::rig::{Peer, Scene, UNRELIABLE, channel, until, varint};

/// Ranges after the first: gap and length, each less one.
type Ranges<'a> = &'a [(u64, u64)];

/// An ack frame as it stands on the wire, whatever it says; `first` is the first range's length less one.
fn ack(largest: u64, first: u64, further: Ranges<'_>, (delay, arrival): (u64, u32)) -> Vec<u8> {
    let [.., a, b, c, d] = largest.to_be_bytes();
    let count = varint(u64::try_from(further.len()).unwrap());
    let mut bytes =
        [&[2, a, b, c, d][..], &varint(delay), &arrival.to_be_bytes(), &count, &varint(first)]
            .concat();
    for (gap, length) in further {
        bytes.extend(varint(*gap));
        bytes.extend(varint(*length));
    }
    bytes
}

const AT_ONCE: (u64, u32) = (0, 0);

/// An ack of these numbers and no others, highest first.
fn ack_of(numbers: impl IntoIterator<Item = u64>, told: (u64, u32)) -> Vec<u8> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((low, _)) if *low == number + 1 => *low = number,
            _ => ranges.push((number, number)),
        }
    }
    let between = ranges.windows(2).map(|pair| (pair[0].0 - pair[1].1 - 2, pair[1].1 - pair[1].0));
    let further: Vec<_> = between.take(31).collect();
    let (low, largest) = ranges[0];
    ack(largest, largest - low, &further, told)
}

/// An ack of everything that has come of the victim's.
fn ack_of_all(peer: &Peer, told: (u64, u32)) -> Vec<u8> {
    ack_of(peer.heard().iter().rev().copied(), told)
}

/// An ack with as many ranges as one may have: of every other packet.
fn ragged_ack(peer: &Peer) -> Vec<u8> {
    ack_of(peer.heard().iter().rev().step_by(2).copied(), AT_ONCE)
}

/// The number of the victim's next packet, or one less; it is quiet.
fn sent(slot: &Slot) -> u64 {
    let stats = slot.with(|_, session| session.stats());
    stats.packets_sent + stats.path.numbers_skipped
}

/// The victim sends a message; the number of its packet.
fn speak(scene: &Scene, peer: &mut Peer, slot: &Slot) -> u64 {
    slot.with(|now, session| session.send(now, channel(UNRELIABLE), b"hello".as_slice().into()))
        .unwrap();
    slot.queued();
    scene.endpoint.flush();
    loop {
        let (number, plaintext) = peer.receive();
        if plaintext.windows(5).any(|bytes| bytes == b"hello") {
            return number;
        }
    }
}

fn in_flight(slot: &Slot) -> u64 {
    slot.with(|_, session| session.stats().bytes_in_flight)
}

fn received(slot: &Slot) -> u64 {
    slot.with(|_, session| session.stats().packets_received)
}

#[test]
fn bad_input_17_an_ack_of_what_was_never_sent_ends_its_session() {
    let ahead: [u64; 5] = [0, 1, 1_000, (1 << 31) - 10, 1 << 20];
    for scene in Scene::both() {
        for ahead in ahead {
            let (mut peer, slot) = scene.flying();
            let watch = scene.watch();
            peer.send(&ack(sent(&slot) + ahead, 0, &[], AT_ONCE));
            let told = peer.last_word().unwrap();
            assert_eq!(told.1, Violation::AckOfUnsent.to_string(), "{ahead}");
            drop(peer);
            watch.left(&[("violation", 1)]);
        }
        // The last that was sent is another matter.
        let (mut peer, slot) = scene.flying();
        peer.send(&ack(sent(&slot) - 1, 0, &[], AT_ONCE));
        scene.go_on();
        slot.with(|_, session| assert!(!session.is_closed()));
    }
}

#[test]
fn bad_input_17_ranges_that_go_below_zero_end_their_session() {
    let cases: [(&str, u64, Ranges<'_>); 5] = [
        ("a first range below zero", 1_000, &[]),
        ("a first range of everything", u64::from(u32::MAX), &[]),
        ("a gap below zero", 0, &[(1_000, 0)]),
        ("a gap of everything", 0, &[(u32::MAX as u64, u32::MAX as u64)]),
        ("a second range below zero", 0, &[(0, 5_000)]),
    ];
    for scene in Scene::both() {
        for (what, first, further) in cases {
            scene.is_violation(what, Violation::AckOfUnsent, |peer| {
                let begins = scene.endpoint.sessions().last().unwrap().clone();
                if scene.role == crate::rig::Victim::Server {
                    peer.challenge();
                }
                until("a packet of the victim's", || sent(&begins) > 0);
                peer.send(&ack(0, first, further, AT_ONCE));
            });
        }
    }
}

#[test]
fn bad_input_17_more_ranges_than_an_ack_may_have_do_not_read() {
    let violation = Violation::Decode(DecodeError::TooLong { field: "ack ranges", limit: 31 });
    for scene in Scene::both() {
        for count in [32, 255] {
            scene.is_violation("many ranges", violation, |peer| {
                peer.send(&ack(5_000, 0, &vec![(0, 0); count], AT_ONCE));
            });
        }
        for count in [u64::from(u32::MAX), (1 << 62) - 1] {
            scene.is_violation("a count of ranges", violation, |peer| {
                let head = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                peer.send(&[&head[..], &varint(count)].concat());
            });
        }
        let wide = Violation::Decode(DecodeError::OutOfRange { field: "ack ranges" });
        scene.is_violation("a length beyond 32 bits", wide, |peer| {
            peer.send(&ack(0, 1 << 32, &[], AT_ONCE));
        });
        scene.is_violation("a gap beyond 32 bits", wide, |peer| {
            peer.send(&ack(5_000, 0, &[(1 << 40, 0)], AT_ONCE));
        });
    }
}

#[test]
fn bad_input_17_acks_that_say_old_things_again_are_read_and_change_nothing() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let mut last = 0;
        while last < 80 {
            last = speak(&scene, &mut peer, &slot);
            if last % 8 == 0 {
                peer.send(&ack(last, 0, &[], AT_ONCE));
            }
        }
        let (ragged, everything) = (ragged_ack(&peer), ack_of_all(&peer, AT_ONCE));
        let oldest = ack(0, 0, &[], AT_ONCE);
        scene.go_on();
        let watch = scene.watch();
        let taken = || slot.with(|_, session| session.stats().packets_received);
        let before = taken();
        for round in 1..=100 {
            for bytes in [&ragged, &everything, &oldest, &ragged] {
                peer.send(bytes);
            }
            until("the acks", || taken() == before + 4 * round);
        }
        watch.drops(&[]);
        slot.with(|_, session| assert!(!session.is_closed()));
        assert_eq!(in_flight(&slot), 0);
        speak(&scene, &mut peer, &slot);
    }
}

/// What a packet with such an ack may take of a receiver, from the socket to the end of it; less is
/// asked of code that checks every step.
const PER_PACKET: Duration = Duration::from_micros(if cfg!(debug_assertions) { 2_000 } else { 50 });

#[test]
fn bad_input_17_the_worst_acks_take_microseconds_each() {
    const ROUNDS: usize = 101;
    const BURST: u32 = 32;
    /// With less room than a datagram takes, nothing leaves.
    const FULL: u64 = 1_200;
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let mut last = 0;
        while last < 80 {
            last = speak(&scene, &mut peer, &slot);
            peer.send(&ack(last, 0, &[], AT_ONCE));
        }
        // As much as may be in flight is in flight, and nothing of it is acknowledged.
        until("a full window", || {
            let hello = b"hello".as_slice().into();
            slot.with(|now, session| session.send(now, channel(UNRELIABLE), hello)).unwrap();
            slot.queued();
            scene.endpoint.flush();
            let stats = slot.with(|_, session| session.stats());
            stats.bytes_in_flight + FULL > stats.congestion_window
        });
        let (ragged, everything) = (ragged_ack(&peer), ack_of_all(&peer, AT_ONCE));
        let delivered = || scene.endpoint.stats().datagrams.delivered;
        let mut took: Vec<_> = (0..ROUNDS)
            .map(|round| {
                let bytes = if round % 2 == 0 { &ragged } else { &everything };
                let packets: Vec<_> = (0..BURST).map(|_| peer.packet(bytes)).collect();
                let (before, start) = (delivered(), Instant::now());
                packets.iter().for_each(|packet| peer.throw(packet));
                until("the acks", || delivered() >= before + u64::from(BURST));
                start.elapsed() / BURST
            })
            .collect();
        // A busy machine has other things to do at times.
        took.sort_unstable();
        let median = took[ROUNDS / 2];
        println!("{:?}: {median:?} for a packet", scene.role);
        assert!(median <= PER_PACKET, "{median:?} for a packet, {:?}", scene.role);
        slot.with(|_, session| assert!(!session.is_closed()));
        scene.go_on();
    }
}

/// The victim speaks, and each of its packets is acknowledged, until it has skipped a number; which.
fn skipped(scene: &Scene, peer: &mut Peer, slot: &Slot) -> u64 {
    loop {
        let known = peer.heard().len() - 1;
        let number = speak(scene, peer, slot);
        peer.acknowledge(number);
        let gap = peer.heard()[known..].windows(2).find(|pair| pair[1] > pair[0] + 1);
        if let Some(gap) = gap {
            return gap[1] - 1;
        }
    }
}

fn numbers_skipped(slot: &Slot) -> u64 {
    slot.with(|_, session| session.stats().path.numbers_skipped)
}

#[test]
fn bad_input_18_an_ack_of_a_skipped_number_ends_its_session() {
    let lie = Violation::AckOfSkipped.to_string();
    for scene in Scene::both() {
        // By itself, and with all that is below it.
        for below in [0, 50] {
            let (mut peer, slot) = scene.flying();
            while peer.try_receive().is_some() {}
            let watch = scene.watch();
            let before = numbers_skipped(&slot);
            let number = skipped(&scene, &mut peer, &slot);
            assert_eq!(numbers_skipped(&slot), before + 1);
            scene.go_on();
            slot.with(|_, session| assert!(!session.is_closed(), "it has not lied yet"));
            peer.send(&ack(number, below.min(number), &[], AT_ONCE));
            assert_eq!(peer.last_word(), Some((CloseCode::Violation, lie.clone())));
            drop(peer);
            watch.left(&[("violation", 1)]);
        }
    }
}

#[test]
fn bad_input_18_who_acknowledges_all_there_can_be_is_cut_within_a_thousand_packets() {
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        while peer.try_receive().is_some() {}
        let watch = scene.watch();
        let start = Instant::now();
        while !slot.with(|_, session| session.is_closed()) {
            let full = vec![7; 1_000].into();
            slot.with(|now, session| session.send(now, channel(UNRELIABLE), full)).ok();
            slot.queued();
            scene.endpoint.flush();
            while peer.try_receive().is_some() {}
            let largest = *peer.heard().last().unwrap();
            let before = received(&slot);
            peer.send(&ack(largest, largest.min(200), &[], AT_ONCE));
            // What leaves before it is seen says nothing of how soon it is found out.
            until("the ack", || received(&slot) > before);
        }
        println!("{:?}: cut after {:?}", scene.role, start.elapsed());
        let stats = slot.with(|_, session| session.stats());
        assert!(stats.packets_sent <= 2 * limits::SKIP_MEAN + 100, "{stats:?}");
        let reason = slot.with(|_, session| session.close_reason().cloned());
        assert_eq!(reason, Some(CloseReason::Violation(Violation::AckOfSkipped)));
        drop(peer);
        watch.left(&[("violation", 1)]);
    }
}

#[test]
fn bad_input_19_delays_and_stamps_of_any_size_leave_a_round_trip_that_makes_sense() {
    let delays = [0, 1, 20_000, 60_000, 1_000_000, u64::from(u32::MAX)];
    let stamps = [0, 1, 1 << 31, u32::MAX];
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        for delay in delays {
            for stamp in stamps {
                speak(&scene, &mut peer, &slot);
                peer.send(&ack_of_all(&peer, (delay, stamp)));
                until("the ack", || in_flight(&slot) == 0);
                let stats = slot.with(|_, session| session.stats());
                let sane = Duration::from_nanos(1)..Duration::from_secs(5);
                let what = format!("{delay}, {stamp}: {stats:?}");
                for rtt in [stats.rtt, stats.rtt_min, stats.rtt_latest] {
                    assert!(sane.contains(&rtt), "{what}");
                }
                assert!(stats.rtt >= stats.rtt_min, "{what}");
                assert!(stats.rtt_latest >= stats.rtt_min, "{what}");
                assert!(stats.rtt_variation < sane.end, "{what}");
            }
        }
        slot.with(|_, session| assert!(!session.is_closed()));
        scene.go_on();
    }
}

#[test]
fn bad_input_19_a_delay_beyond_its_field_does_not_read() {
    let violation = Violation::Decode(DecodeError::OutOfRange { field: "ack delay" });
    for scene in Scene::both() {
        for delay in [1 << 32, (1 << 62) - 1] {
            scene.is_violation("a long delay", violation, |peer| {
                peer.send(&ack(0, 0, &[], (delay, 0)));
            });
        }
    }
}
