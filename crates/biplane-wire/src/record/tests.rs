//! Golden bytes, round trips, and a stream cut at every byte.

use proptest::prelude::*;

use super::*;
use crate::Message;

fn golden() -> Vec<(Record<'static>, Vec<u8>)> {
    let mut all = unnumbered();
    all.extend(numbered());
    all.extend(transfers());
    all
}

fn unnumbered() -> Vec<(Record<'static>, Vec<u8>)> {
    let channel = ChannelId::new(2).unwrap();
    vec![
        (Record::Frame(Frame::Credit { channel, granted: 9 }), b"\0\x03\x07\x02\x09".to_vec()),
        (Record::Acked { next: 258 }, b"\0\x05\x40\0\0\x01\x02".to_vec()),
        (Record::Ping { token: 1 }, b"\0\x05\x41\0\0\0\x01".to_vec()),
        (Record::Pong { token: 1 }, b"\0\x05\x42\0\0\0\x01".to_vec()),
        (Record::Planes { bits: 3 }, b"\0\x02\x43\x03".to_vec()),
        (
            Record::ReceiveId { phase: KeyPhase::FIRST.next(), id: ReceiveId(5) },
            b"\0\x06\x44\x01\0\0\0\x05".to_vec(),
        ),
        (Record::GivenUp { next: 3 }, b"\0\x05\x45\0\0\0\x03".to_vec()),
    ]
}

fn numbered() -> Vec<(Record<'static>, Vec<u8>)> {
    let channel = ChannelId::new(2).unwrap();
    let chunk = Chunk { first: true, last: false };
    let message = Message {
        channel,
        sequence: None,
        after: None,
        clock: None,
        delimited: false,
        payload: b"hi",
    };
    vec![
        (
            Record::Command { number: 4, chunk: Chunk::WHOLE, channel, bytes: b"go" },
            b"\0\x09\x60\0\0\0\x04\x03\x02go".to_vec(),
        ),
        (
            Record::Request { number: 4, chunk, id: RequestId(6), kind: 1, bytes: b"?" },
            b"\0\x0c\x61\0\0\0\x04\x01\0\0\0\x06\x01?".to_vec(),
        ),
        (
            Record::Reply {
                number: 4,
                chunk,
                id: RequestId(6),
                outcome: ReplyOutcome::Refused,
                bytes: b"no",
            },
            b"\0\x0d\x62\0\0\0\x04\x01\0\0\0\x06\x01no".to_vec(),
        ),
        (
            Record::Tunnelled { number: 8, frame: Frame::Message(message) },
            b"\0\x09\x63\0\0\0\x08\x10\x02hi".to_vec(),
        ),
    ]
}

fn transfers() -> Vec<(Record<'static>, Vec<u8>)> {
    let id = TransferId(2);
    let offer = TransferStep::Offer { id, length: 259, name: "maps/de" };
    let end = TransferStep::End { id, own: false, outcome: TransferOutcome::Refused };
    let checksum = [&b"\0\x29\x66\0\0\0\x07\0\0\0\x02"[..], &[0xcc; 32]].concat();
    let golden = [
        (offer, b"\0\x18\x64\0\0\0\x07\0\0\0\x02\0\0\0\0\0\0\x01\x03maps/de".to_vec()),
        (TransferStep::Accept { id }, b"\0\x09\x65\0\0\0\x07\0\0\0\x02".to_vec()),
        (TransferStep::Checksum { id, sha256: [0xcc; 32] }, checksum),
        (end, b"\0\x0b\x67\0\0\0\x07\0\0\0\x02\0\x01".to_vec()),
    ];
    golden.map(|(step, bytes)| (Record::Transfer { number: 7, step }, bytes)).to_vec()
}

#[test]
fn golden_bytes_both_ways() {
    for (record, bytes) in golden() {
        let mut out = Vec::new();
        record.encode(&mut out);
        assert_eq!(out, bytes, "{record:?}");
        crate::page::assert_shows(&bytes);
        assert_eq!(Record::decode(&bytes), Ok(Some((record, bytes.len()))));
    }
}

#[test]
fn a_record_cut_anywhere_is_not_whole_yet() {
    for (record, bytes) in golden() {
        for len in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..len]), Ok(None), "{record:?} cut to {len}");
            let known = if len < Record::HEAD { Record::HEAD } else { bytes.len() };
            assert_eq!(Record::missing(&bytes[..len]), known - len);
        }
        assert_eq!(Record::missing(&bytes), 0);
    }
}

#[test]
fn lengths_that_cannot_be_are_refused_by_the_head() {
    assert_eq!(Record::decode(&[0, 0]), Err(DecodeError::OutOfRange { field: "record length" }));
    let over = u16::try_from(limits::RECORD + 1).unwrap().to_be_bytes();
    assert_eq!(
        Record::decode(&over),
        Err(DecodeError::TooLong { field: "record", limit: limits::RECORD })
    );
}

#[test]
fn frames_that_belong_to_paths_do_not_ride_tcp() {
    for kind in [0x00, 0x01, 0x04, 0x05, 0x10, 0x20] {
        let bytes = [0, 9, kind, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Record::decode(&bytes), Err(DecodeError::UnknownType(kind)));
    }
}

#[test]
fn the_longest_chunk_fits_a_record() {
    let bytes = vec![7; Record::CHUNK];
    let chunk = Chunk::WHOLE;
    let record = Record::Request { number: 1, chunk, id: RequestId(1), kind: 0, bytes: &bytes };
    let mut out = Vec::new();
    record.encode(&mut out);
    assert_eq!(Record::decode(&out), Ok(Some((record, out.len()))));
}

#[test]
fn an_offer_says_a_name_and_a_length_that_can_be() {
    let offer = |length: [u8; 8], name: &[u8]| {
        let mut bytes = [&b"\0\0\x64\0\0\0\x07\0\0\0\x02"[..], &length, name].concat();
        let len = u16::try_from(bytes.len() - Record::HEAD).unwrap().to_be_bytes();
        bytes[..2].copy_from_slice(&len);
        Record::decode(&bytes).map(drop)
    };
    let most = limits::TRANSFER_BYTES.to_be_bytes();
    let longest = [b'n'; limits::TRANSFER_NAME + 1];
    assert_eq!(offer(most, &longest[1..]), Ok(()));
    let field = "transfer name";
    assert_eq!(
        offer(most, &longest),
        Err(DecodeError::TooLong { field, limit: limits::TRANSFER_NAME })
    );
    assert_eq!(offer(most, b""), Err(DecodeError::OutOfRange { field }));
    assert_eq!(offer(most, b"\xff"), Err(DecodeError::NotText { field }));
    let more = (limits::TRANSFER_BYTES + 1).to_be_bytes();
    assert_eq!(offer(more, b"n"), Err(DecodeError::OutOfRange { field: "transfer length" }));
}

proptest! {
    #[test]
    fn arbitrary_bodies_never_panic_and_what_is_read_writes_back(
        body in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let mut bytes = u16::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(body);
        if let Ok(Some((record, len))) = Record::decode(&bytes) {
            let mut out = Vec::new();
            record.encode(&mut out);
            prop_assert_eq!(len, bytes.len());
            prop_assert_eq!(out, bytes);
        }
    }
}
