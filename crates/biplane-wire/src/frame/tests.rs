//! Golden bytes, round trips, truncations, and bytes that mean nothing.

use proptest::prelude::*;

use super::*;
use crate::TruncatedNumber;

fn channel(id: u8) -> ChannelId {
    ChannelId::new(id).unwrap()
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out);
    out
}

fn message(delimited: bool, payload: &[u8]) -> Frame<'_> {
    Frame::Message(Message {
        channel: channel(3),
        sequence: Some(0x01_0203),
        after: None,
        clock: None,
        delimited,
        payload,
    })
}

/// One of each, with the bytes that `docs/PROTOCOL.md` shows.
fn golden() -> Vec<(Frame<'static>, Vec<u8>)> {
    let mut all = golden_control();
    all.extend(golden_messages());
    all
}

fn golden_control() -> Vec<(Frame<'static>, Vec<u8>)> {
    let ranges = AckRanges::of_encoded(&[1, 2, 0, 4]);
    vec![
        (Frame::Ping, vec![0x01]),
        (
            Frame::Ack(Ack {
                largest: TruncatedNumber(100),
                delay: 1_000,
                arrival: 0x0001_0000,
                ranges,
                ecn: None,
            }),
            vec![0x02, 0, 0, 0, 100, 0x43, 0xe8, 0, 1, 0, 0, 1, 2, 0, 4],
        ),
        (
            Frame::Ack(Ack {
                largest: TruncatedNumber(100),
                delay: 0,
                arrival: 0,
                ranges: AckRanges::of_encoded(&[0, 0]),
                ecn: Some(EcnCounts { ect0: 1, ect1: 2, ce: 3 }),
            }),
            vec![0x03, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3],
        ),
        (Frame::PathChallenge(*b"prove it"), b"\x04prove it".to_vec()),
        (Frame::PathResponse(*b"prove it"), b"\x05prove it".to_vec()),
        (
            Frame::Close(Close { code: CloseCode::Violation, text: "why" }),
            b"\x06\x02\x03why".to_vec(),
        ),
        (Frame::Credit { channel: channel(5), granted: 300 }, vec![0x07, 5, 0x41, 0x2c]),
        (
            Frame::Taken(Taken { channel: channel(5), largest: 9, ranges }),
            vec![0x08, 5, 0, 0, 9, 1, 2, 0, 4],
        ),
    ]
}

fn golden_messages() -> Vec<(Frame<'static>, Vec<u8>)> {
    vec![
        (message(true, b"jump"), b"\x13\x03\x01\x02\x03\x04jump".to_vec()),
        (message(false, b"jump"), b"\x12\x03\x01\x02\x03jump".to_vec()),
        (
            Frame::Fragment(Fragment {
                channel: channel(3),
                sequence: 7,
                offset: 1_100,
                total: 2_000,
                after: Some(2),
                clock: Some(3),
                delimited: false,
                payload: b"rest",
            }),
            b"\x2c\x03\x00\x00\x07\x44\x4c\x47\xd0\x00\x02\x00\x00\x00\x03rest".to_vec(),
        ),
        (
            Frame::Fragment(Fragment {
                channel: channel(3),
                sequence: 7,
                offset: 2_000,
                total: 2_000,
                after: None,
                clock: None,
                delimited: true,
                payload: b"",
            }),
            b"\x21\x03\x00\x00\x07\x47\xd0\x47\xd0\x00".to_vec(),
        ),
    ]
}

#[test]
fn golden_bytes_both_ways() {
    for (frame, bytes) in golden() {
        assert_eq!(encoded(&frame), bytes, "{frame:?}");
        crate::page::assert_shows(&bytes);
        let frames: Vec<_> = Frames::new(&bytes).collect();
        assert_eq!(frames, [Ok(frame)]);
    }
}

#[test]
fn every_truncation_is_an_error_or_a_shorter_payload() {
    for (frame, bytes) in golden() {
        for len in 1..bytes.len() {
            let first = Frames::new(&bytes[..len]).next().unwrap();
            let open_ended = matches!(
                frame,
                Frame::Message(Message { delimited: false, .. })
                    | Frame::Fragment(Fragment { delimited: false, .. })
            );
            assert!(first.is_err() || open_ended, "{frame:?} cut to {len}");
        }
    }
}

#[test]
fn ranges_come_back_highest_first() {
    let ranges = [(98, 100), (90, 95), (7, 7)].map(|(low, high)| AckRange { low, high });
    let mut out = Vec::new();
    AckRanges::encode(&mut out, ranges.into_iter(), limits::ACK_RANGES);
    let back: Vec<_> = AckRanges::of_encoded(&out).below(100).map(Option::unwrap).collect();
    assert_eq!(back, ranges);
}

#[test]
fn ranges_below_zero_are_told() {
    let ranges: Vec<_> = AckRanges::of_encoded(&[1, 2, 0, 4]).below(5).collect();
    assert_eq!(ranges, [Some(AckRange { low: 3, high: 5 }), None]);
}

#[test]
fn thirty_three_ranges_are_refused() {
    let mut bytes = vec![0x02, 0, 0, 0, 100, 0, 0, 0, 0, 0, 32];
    bytes.resize(bytes.len() + 65, 0);
    let frame = Frames::new(&bytes).next().unwrap();
    assert_eq!(frame, Err(DecodeError::TooLong { field: "ack ranges", limit: 31 }));
}

#[test]
fn counts_of_no_mark_are_neither_written_nor_read() {
    let ranges = AckRanges::of_encoded(&[0, 0]);
    let ecn = Some(EcnCounts::default());
    let ack = Ack { largest: TruncatedNumber(100), delay: 0, arrival: 0, ranges, ecn };
    let written = [&[0x02, 0, 0, 0, 100][..], &[0; 7]].concat();
    assert_eq!(encoded(&Frame::Ack(ack)), written);
    let said = [&[0x03, 0, 0, 0, 100][..], &[0; 10]].concat();
    let refused = DecodeError::NotCanonical { field: "ECN count" };
    assert_eq!(Frames::new(&said).next(), Some(Err(refused)));
}

#[test]
fn fragments_that_cannot_be_are_refused() {
    for (offset, total, payload) in
        [(0, 4, &b"whol"[..]), (3, 4, b"xx"), (5, 4, b"x"), (1, 4, b""), (5, 4, b""), (0, 0, b"")]
    {
        let fragment = Fragment {
            channel: channel(0),
            sequence: 0,
            offset,
            total,
            after: None,
            clock: None,
            delimited: true,
            payload,
        };
        let bytes = encoded(&Frame::Fragment(fragment));
        assert_eq!(
            Frames::new(&bytes).next().unwrap(),
            Err(DecodeError::OutOfRange { field: "fragment" })
        );
    }
}

#[test]
fn a_small_message_costs_27_bytes_unreliable_and_30_otherwise() {
    let packet = crate::Header::LEN + limits::TAG;
    assert_eq!(packet + Message::overhead(false, false, 12), 27);
    assert_eq!(packet + Message::overhead(true, false, 12), 30);
    assert!(packet + Message::overhead(false, false, 12) + 12 < limits::PACKET_MIN);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_what_is_read_writes_back(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut left = &bytes[..];
        while let Some((frame, rest)) = one(left) {
            let again = encoded(&frame);
            let used = &left[..left.len() - rest.len()];
            if frame != Frame::Padding {
                prop_assert_eq!(&again[..], used);
            }
            left = rest;
        }
    }
}

/// Bytes that hold rows, and what ends them.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let frame = (0_usize..400, 3_u8..5, prop::option::weighted(0.1, 0_u32..9), 0_u8..20).prop_map(
        |(len, id, sequence, open)| {
            let payload = &vec![7; len];
            let (channel, delimited) = (channel(id), open > 0);
            encoded(&Frame::Message(Message {
                channel,
                sequence,
                after: None,
                clock: None,
                delimited,
                payload,
            }))
        },
    );
    let anything = prop::collection::vec(any::<u8>(), 0..5);
    prop::collection::vec(prop_oneof![9 => frame, 1 => anything], 0..12)
        .prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn a_row_is_what_its_frames_are_one_by_one(
        bytes in pieces(), longest in 0_usize..400, until in 0_usize..2_000,
    ) {
        let (mut rest, mut row) = (Frames::new(&bytes), MessageRow::default());
        while row.frames.len() < until
            && let Some(Ok(Frame::Message(message))) = rest.next()
            && message.channel == channel(3)
            && message.delimited
            && (message.sequence, message.after, message.clock) == (None, None, None)
            && message.payload.len() <= longest
        {
            row = MessageRow {
                frames: &bytes[..bytes.len() - rest.0.0.len()],
                count: row.count + 1,
                payload: row.payload + message.payload.len(),
                last: message.payload.len(),
            };
        }
        prop_assert_eq!(MessageRow::read(&bytes, channel(3), longest, until), row);
    }
}

#[test]
fn what_is_pushed_onto_a_row_is_a_frame() {
    for len in [0, 1, 0x3f, 0x40, 300, MessageRow::LONGEST] {
        let (payload, mut frames) = (vec![9; len], Vec::new());
        MessageRow::push(&mut frames, channel(3), &payload);
        let frame = Frame::Message(Message {
            channel: channel(3),
            sequence: None,
            after: None,
            clock: None,
            delimited: true,
            payload: &payload,
        });
        assert_eq!(frames, encoded(&frame));
        assert!(frames.len() <= len + MessageRow::HEAD);
        let mut read = Frames::new(&frames);
        let row = MessageRow { frames: &frames, count: 1, payload: len, last: len };
        assert_eq!((read.next_row(channel(3), len), read.next()), (row, None));
    }
}

fn one(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let mut reader = Reader(bytes);
    let frame = Frame::read(&mut reader).ok()?;
    Some((frame, reader.0))
}
