//! Golden bytes, round trips, truncations, and what later versions may add.

use proptest::prelude::*;

use super::*;
use crate::ReceiveId;

fn hello() -> Hello {
    let mut parameters = Parameters::new(ReceiveId(0x0a0b_0c0d));
    parameters.credentials = b"let me in".to_vec();
    Hello {
        purpose: Purpose::Join,
        lowest_version: 1,
        highest_version: 1,
        digest: [0xdd; 32],
        aeads: vec![Aead::Aes128Gcm, Aead::ChaCha20Poly1305],
        parameters,
    }
}

fn answers() -> Vec<Answer> {
    let mut parameters = Parameters::new(ReceiveId(7));
    parameters.udp_port = Some(7_777);
    parameters.session = Some([9; 16]);
    let description = Description {
        application: "arena".into(),
        version: 1,
        channels: Vec::new(),
        requests: Vec::new(),
    };
    vec![
        Answer::Welcome(Welcome { version: 1, aead: Aead::Aes128Gcm, parameters }),
        Answer::Mismatch(description),
        Answer::Refused { code: 403, retry_after_ms: 0, text: "banned".into() },
        Answer::Unsupported { lowest_version: 2, highest_version: 3 },
    ]
}

#[test]
fn golden_bytes() {
    let mut expected = b"BPLN\x00\x52\x00\x01\x01".to_vec();
    expected.extend([0xdd; 32]);
    expected.extend(b"\x02\x01\x02");
    expected.extend(b"\x01\x04\x0a\x0b\x0c\x0d\x02\x02\x44\xb0\x03\x01\x14\x04\x01\x3c");
    expected.extend(b"\x05\x02\x4b\xb8\x06\x02\x67\x10\x07\x01\x00\x08\x04\x80\x10\x00\x00");
    expected.extend(b"\x10\x09let me in");
    assert_eq!(hello().encode(), expected);
    crate::page::assert_shows(&expected);
    let refused = Answer::Refused { code: 403, retry_after_ms: 0, text: "banned".into() };
    assert_eq!(refused.encode(), b"BPLN\x00\x0a\x02\x01\x93\x00banned");
    crate::page::assert_shows(&refused.encode());
}

#[test]
fn decodes_what_it_encodes() {
    let bytes = hello().encode();
    assert_eq!(Hello::len_of(&bytes), Ok(Some(bytes.len())));
    assert_eq!(Hello::decode(&bytes), Ok(hello()));
    for answer in answers() {
        assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = hello().encode();
    for len in 0..bytes.len() {
        assert!(Hello::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    for answer in answers() {
        let bytes = answer.encode();
        for len in 0..bytes.len() {
            assert!(Answer::decode(&bytes[..len]).is_err(), "{answer:?} cut to {len}");
        }
    }
}

#[test]
fn another_protocol_is_told_by_its_first_byte() {
    assert_eq!(Hello::len_of(b"GET / HTTP/1.1"), Err(DecodeError::NotBiplane));
    assert_eq!(Hello::len_of(b"BP"), Ok(None));
}

#[test]
fn parameters_of_later_versions_are_skipped() {
    let mut bytes = hello().encode();
    bytes.extend(b"\x3f\x03new");
    let len = u16::try_from(bytes.len() - HEAD).unwrap().to_be_bytes();
    bytes[4..6].copy_from_slice(&len);
    assert_eq!(Hello::decode(&bytes), Ok(hello()));
}

#[test]
fn versions_upside_down_are_refused_on_both_sides() {
    let error = DecodeError::OutOfRange { field: "version" };
    let hello = Hello { lowest_version: 2, ..hello() };
    assert_eq!(Hello::decode(&hello.encode()), Err(error));
    let answer = Answer::Unsupported { lowest_version: 3, highest_version: 2 };
    assert_eq!(Answer::decode(&answer.encode()), Err(error));
}

#[test]
fn a_hello_longer_than_allowed_is_refused_by_its_head() {
    let head = b"BPLN\xff\xff";
    let error = DecodeError::TooLong { field: "handshake", limit: limits::HELLO };
    assert_eq!(Hello::len_of(head), Err(error));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = block(|out| out.extend(tail));
        if let Ok(hello) = Hello::decode(&bytes) {
            prop_assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
        }
        if let Ok(answer) = Answer::decode(&bytes) {
            prop_assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }
    }
}
