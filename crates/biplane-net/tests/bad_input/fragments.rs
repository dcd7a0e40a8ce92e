//! Inputs 12 to 16: pieces of messages.

use biplane_proto::{Violation, limits};
use biplane_wire::{DecodeError, Frame};

use crate::rig::{
    CHANNELS, ORDERED, Peer, SEQUENCED, Scene, UNORDERED, UNRELIABLE, channel, fragment,
    nobody_reserved_by_a_claim, take, until, varint,
};

/// The longest message that any channel may declare.
const LONGEST: u64 = 16 * 1024 * 1024;
const UNREADABLE: Violation = Violation::Decode(DecodeError::OutOfRange { field: "fragment" });

/// A fragment as it stands on the wire, whatever it says.
fn piece(index: u8, sequence: u8, offset: u64, total: u64, payload: &[u8]) -> Vec<u8> {
    let len = u64::try_from(payload.len()).unwrap();
    let head = [0x21, index, 0, 0, sequence];
    [&head[..], &varint(offset), &varint(total), &varint(len), payload].concat()
}

/// Sends frames in as few packets as they take.
fn send_packed(peer: &mut Peer, frames: impl IntoIterator<Item = Vec<u8>>) {
    const ROOM: usize = 1_400;
    let mut plaintext = Vec::new();
    for frame in frames {
        if plaintext.len() + frame.len() > ROOM {
            peer.send(&core::mem::take(&mut plaintext));
        }
        plaintext.extend(frame);
    }
    peer.send(&plaintext);
}

/// Pieces arrive in `slot`'s channel `index` and make `whole`.
fn makes(scene: &Scene, index: u8, pieces: &[(u32, &[u8])], total: u32, whole: &[u8]) {
    let (mut peer, slot) = scene.hostile();
    for (offset, bytes) in pieces {
        peer.send_frames(&[fragment(index, 0, (*offset, total), bytes)]);
    }
    let mut got = None;
    until("a message", || {
        got = take(&slot, index);
        got.is_some()
    });
    assert_eq!(got.as_deref(), Some(whole), "channel {index}, {:?}", scene.role);
    assert_eq!(take(&slot, index), None);
}

/// Every kind of channel whose messages may come in pieces.
const IN_PIECES: [u8; 4] = [ORDERED, UNORDERED, SEQUENCED, UNRELIABLE];

#[test]
fn bad_input_12_pieces_that_are_none_end_their_session() {
    let cases: [(&str, u64, u64, &[u8]); 7] = [
        ("no byte", 0, 100, b""),
        ("an offset at the end", 100, 100, b"x"),
        ("an offset beyond the end", 101, 100, b"x"),
        ("a total of nothing", 0, 0, b""),
        ("a byte of a total of nothing", 0, 0, b"x"),
        ("the whole message", 0, 4, b"four"),
        ("a byte too many", 97, 100, b"four"),
    ];
    for scene in Scene::both() {
        for index in IN_PIECES {
            for (what, offset, total, payload) in cases {
                let slot = scene.is_violation(what, UNREADABLE, |peer| {
                    peer.send(&piece(index, 0, offset, total, payload));
                });
                assert_eq!(take(&slot, index), None, "{what}");
            }
        }
    }
}

#[test]
fn bad_input_12_a_message_that_changes_its_length_ends_its_session() {
    for scene in Scene::both() {
        for index in IN_PIECES {
            let violation = Violation::TotalChanged(channel(index));
            for total in [99, 101, 5_000] {
                let slot = scene.is_violation("another total", violation, |peer| {
                    peer.send_frames(&[fragment(index, 0, (0, 100), &[7; 50])]);
                    peer.send_frames(&[fragment(index, 0, (50, total), &[7; 49])]);
                });
                assert_eq!(take(&slot, index), None);
            }
        }
    }
}

#[test]
fn bad_input_13_a_message_longer_than_its_channel_is_refused_by_its_first_piece() {
    for scene in Scene::both() {
        for index in IN_PIECES {
            let longest = u64::from(CHANNELS[usize::from(index)].2);
            let violation = Violation::MessageTooLong(channel(index));
            for total in [longest + 1, 2 * longest, LONGEST] {
                let slot = scene.is_violation("a long total", violation, |peer| {
                    peer.send(&piece(index, 0, 0, total, b"x"));
                });
                assert_eq!(take(&slot, index), None);
            }
            let violation = Violation::Decode(DecodeError::TooLong {
                field: "fragment total",
                limit: usize::try_from(LONGEST).unwrap(),
            });
            for total in [LONGEST + 1, u64::from(u32::MAX), (1 << 62) - 1] {
                scene.is_violation("longer than any", violation, |peer| {
                    peer.send(&piece(index, 0, 0, total, b"x"));
                });
            }
        }
        nobody_reserved_by_a_claim();
    }
}

#[test]
fn bad_input_13_the_longest_message_is_taken() {
    for scene in Scene::both() {
        let total = CHANNELS[usize::from(UNRELIABLE)].2;
        let whole = vec![9; usize::try_from(total).unwrap()];
        let pieces: Vec<_> = (0..total).step_by(1_024).map(|at| (at, &whole[..1_024])).collect();
        makes(&scene, UNRELIABLE, &pieces, total, &whole);
        scene.go_on();
    }
}

#[test]
fn bad_input_14_of_pieces_that_overlap_the_first_content_wins() {
    for scene in Scene::both() {
        for index in IN_PIECES {
            let overlapping: [(u32, &[u8]); 3] = [(0, b"aaaa"), (2, b"bbbb"), (4, b"cccc")];
            makes(&scene, index, &overlapping, 8, b"aaaabbcc");
            let again: [(u32, &[u8]); 4] = [(0, b"aa"), (0, b"xx"), (0, b"xxx"), (2, b"bb")];
            makes(&scene, index, &again, 4, b"aaxb");
            let around: [(u32, &[u8]); 3] = [(2, b"c"), (1, b"xxx"), (0, b"ax")];
            makes(&scene, index, &around, 4, b"axcx");
            let short_middle: [(u32, &[u8]); 3] = [(0, b"aaa"), (3, b"b"), (4, b"cc")];
            makes(&scene, index, &short_middle, 6, b"aaabcc");
        }
        scene.go_on();
    }
}

#[test]
fn bad_input_14_a_last_piece_that_is_too_long_delivers_nothing() {
    for scene in Scene::both() {
        for index in IN_PIECES {
            let slot = scene.is_violation("an over-long last piece", UNREADABLE, |peer| {
                peer.send(&piece(index, 0, 0, 8, b"aaaa"));
                peer.send(&piece(index, 0, 4, 8, b"bbbbb"));
            });
            assert_eq!(take(&slot, index), None);
        }
    }
}

#[test]
fn bad_input_15_first_pieces_alone_are_kept_within_their_caps() {
    const MESSAGES: u32 = 10_000;
    for scene in Scene::both() {
        for index in [SEQUENCED, UNRELIABLE] {
            let (mut peer, slot) = scene.hostile();
            let frames = (0..MESSAGES).map(|sequence| {
                let mut bytes = Vec::new();
                fragment(index, sequence, (0, 5_000), &[1; 100]).encode(&mut bytes);
                bytes
            });
            send_packed(&mut peer, frames);
            let unfinished = || slot.with(|_, session| session.stats().messages_unfinished);
            let kept = u64::try_from(limits::FRESH_PARTIALS).unwrap();
            until("all pieces", || unfinished() >= u64::from(MESSAGES) - kept);
            scene.go_on();
            assert_eq!(unfinished(), u64::from(MESSAGES) - kept);
            // A message of its own still comes through, in pieces.
            for (offset, bytes) in [(0, b"late, "), (6, b"but in")] {
                peer.send_frames(&[fragment(index, MESSAGES, (offset, 12), bytes)]);
            }
            let mut got = None;
            until("a message", || {
                got = take(&slot, index);
                got.is_some()
            });
            assert_eq!(got.as_deref(), Some(&b"late, but in"[..]));
        }
    }
}

#[test]
fn bad_input_15_first_pieces_of_reliable_messages_end_with_the_credit() {
    for scene in Scene::both() {
        for index in [ORDERED, UNORDERED] {
            // A megabyte of credit covers so many messages of 5,000 bytes and no more.
            let covered = u32::try_from(limits::CHANNEL_CREDIT).unwrap() / 5_064;
            let first = |sequence| fragment(index, sequence, (0, 5_000), &[1; 100]);
            let encode = |frame: Frame<'_>| {
                let mut bytes = Vec::new();
                frame.encode(&mut bytes);
                bytes
            };
            let (mut peer, slot) = scene.hostile();
            send_packed(&mut peer, (0..covered).map(|sequence| encode(first(sequence))));
            scene.go_on();
            slot.with(|_, session| assert!(!session.is_closed(), "within the credit"));
            let violation = Violation::CreditOverrun(channel(index));
            scene.is_violation("10,000 first pieces", violation, |peer| {
                send_packed(peer, (0..10_000).map(|sequence| encode(first(sequence))));
            });
        }
    }
}

#[test]
fn bad_input_15_tiny_pieces_with_gaps_are_given_up_or_end_their_session() {
    for scene in Scene::both() {
        // Every other byte: each piece is one more gap.
        let pieces = |index, count: u64, total| {
            (0..count).map(move |step| piece(index, 0, 2 * step + 1, total, b"x"))
        };
        for index in [SEQUENCED, UNRELIABLE] {
            let (mut peer, slot) = scene.hostile();
            let most = u64::try_from(limits::FRESH_GAPS).unwrap();
            let unfinished = || slot.with(|_, session| session.stats().messages_unfinished);
            send_packed(&mut peer, pieces(index, most + 1, 5_000));
            scene.go_on();
            assert_eq!(unfinished(), 0);
            peer.send(&piece(index, 0, 4_000, 5_000, b"x"));
            until("a message too many", || unfinished() == 1);
            slot.with(|_, session| assert!(!session.is_closed()));
        }
        for index in [ORDERED, UNORDERED] {
            let most = u64::try_from(limits::RELIABLE_GAPS).unwrap();
            let violation = Violation::TooManyGaps(channel(index));
            scene.is_violation("gaps", violation, |peer| {
                send_packed(peer, pieces(index, most + 2, 10_000));
            });
        }
    }
}

#[test]
fn bad_input_16_offsets_and_lengths_whose_sum_overflows_do_not_read() {
    let cases: [(&str, u64, u64); 6] = [
        ("u16", 65_535, 5_000),
        ("u32", u64::from(u32::MAX), 5_000),
        ("i32", 1 << 31, 5_000),
        ("u32 less a piece", u64::from(u32::MAX) - 3, LONGEST),
        ("i16", 32_768, 5_000),
        ("one above", 4_997, 5_000),
    ];
    for scene in Scene::both() {
        for (what, offset, total) in cases {
            scene.is_violation(what, UNREADABLE, |peer| {
                peer.send(&piece(ORDERED, 0, offset, total, b"four"));
            });
            // The same over TCP.
            scene.is_violation(what, UNREADABLE, |peer| {
                let head = [0x63, 0, 0, 0, 0, 0x20, ORDERED, 0, 0, 0];
                let record = [&head[..], &varint(offset), &varint(total), b"four"].concat();
                let len = u16::try_from(record.len()).unwrap().to_be_bytes();
                peer.write(&[&len[..], &record].concat());
            });
        }
        let wide = Violation::Decode(DecodeError::OutOfRange { field: "fragment offset" });
        for offset in [1 << 32, (1 << 62) - 1] {
            scene.is_violation("an offset beyond 32 bits", wide, |peer| {
                peer.send(&piece(ORDERED, 0, offset, 5_000, b"four"));
            });
        }
    }
}

#[test]
fn bad_input_16_a_message_longer_than_its_packet_does_not_read() {
    for scene in Scene::both() {
        for claimed in [16, 1_000, 16_383] {
            let claimed_len = varint(claimed);
            // Type, channel, length and four bytes, padded to 15 with ten minus the length's more.
            let frame = [&[0x11, UNRELIABLE][..], &claimed_len, b"four"].concat();
            let there = u64::try_from(15 - 2 - claimed_len.len()).unwrap();
            let missing = usize::try_from(claimed - there).unwrap();
            let violation = Violation::Decode(DecodeError::Truncated { missing });
            scene.is_violation("a long length", violation, |peer| peer.send(&frame));
        }
        let violation = Violation::Decode(DecodeError::TooLong { field: "message", limit: 65_507 });
        for claimed in [65_508, u64::from(u32::MAX), (1 << 62) - 1] {
            let frame = [&[0x11, UNRELIABLE][..], &varint(claimed), b"four"].concat();
            scene.is_violation("a longer length", violation, |peer| peer.send(&frame));
        }
    }
}
