//! The files of vectors, and the test that the real codec reads and writes them.
//!
//! ```text
//! # a remark
//! name
//!     hexadecimal bytes, on as many lines as it takes
//!     = what they say, one item a line
//! ```

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::{Form, REFUSED, UNFINISHED, first};

/// Every file, and what its bytes are.
pub(crate) const FILES: [(&str, Form); 7] = [
    ("packets.txt", Form::Packet),
    ("frames.txt", Form::Frames),
    ("records.txt", Form::Records),
    ("bulk.txt", Form::Bulk),
    ("hello.txt", Form::Hello),
    ("answers.txt", Form::Answer),
    ("descriptions.txt", Form::Description),
];

/// One vector.
#[derive(Debug)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) says: Vec<String>,
}

/// The vectors of one file.
pub(crate) fn vectors(file: &str) -> Vec<Vector> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let text = fs::read_to_string(folder.join(file)).unwrap();
    let mut found: Vec<Vector> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(inside) = line.strip_prefix("    ") else {
            let name = format!("{file}: {line}");
            found.push(Vector { name, bytes: Vec::new(), says: Vec::new() });
            continue;
        };
        let vector = found.last_mut().unwrap();
        match inside.strip_prefix("= ") {
            Some(item) => vector.says.push(item.to_owned()),
            None => vector.bytes.extend(hex(inside)),
        }
    }
    found
}

/// Bytes, and runs of them: `07*32` is 32 times `07`.
fn hex(line: &str) -> Vec<u8> {
    line.split_whitespace()
        .flat_map(|word| {
            let (byte, times) = word.split_once('*').unwrap_or((word, "1"));
            vec![u8::from_str_radix(byte, 16).unwrap(); times.parse().unwrap()]
        })
        .collect()
}

#[test]
fn every_vector_reads_as_it_says() {
    for (file, form) in FILES {
        let vectors = vectors(file);
        let names: BTreeSet<_> = vectors.iter().map(|vector| &vector.name).collect();
        assert!(!names.is_empty() && names.len() == vectors.len(), "{file}: names");
        for Vector { name, bytes, says } in &vectors {
            assert_eq!(&first::read(form, bytes), says, "{name}");
        }
    }
}

#[test]
fn every_vector_is_written_as_it_stands() {
    for (file, form) in FILES {
        for Vector { name, bytes, says } in vectors(file) {
            let whole = says.last().is_some_and(|last| last != REFUSED && last != UNFINISHED);
            // Defaults are written out, and what is unknown is left out: these do not come back.
            let otherwise = name.ends_with("(not as written)");
            if whole && !otherwise {
                assert_eq!(first::write_again(form, &bytes), bytes, "{name}");
            }
        }
    }
}

#[test]
fn every_kind_has_its_vector() {
    for (file, kinds) in KINDS {
        let vectors = vectors(file);
        let said: Vec<&String> = vectors.iter().flat_map(|vector| &vector.says).collect();
        for kind in kinds {
            assert!(said.iter().any(|item| item.starts_with(kind)), "{file} has no {kind}");
        }
    }
}

/// How the words for each kind begin.
const KINDS: [(&str, &[&str]); 7] = [
    ("packets.txt", &["data,", "group,", REFUSED]),
    (
        "frames.txt",
        &[
            "padding",
            "ping",
            "ack,",
            "ECN ack,",
            "challenge,",
            "response,",
            "close 0,",
            "close 1,",
            "close 2,",
            "close 3,",
            "close 4,",
            "close 5,",
            "credit,",
            "taken,",
            "message 10,",
            "message 11,",
            "message 12,",
            "message 13,",
            "message 14,",
            "message 18,",
            "message 1f,",
            "fragment 20,",
            "fragment 21,",
            "fragment 24,",
            "fragment 28,",
            "fragment 2d,",
            REFUSED,
        ],
    ),
    (
        "records.txt",
        &[
            "ack,",
            "ECN ack,",
            "close 0,",
            "credit,",
            "taken,",
            "acked,",
            "control ping,",
            "control pong,",
            "planes,",
            "receive id,",
            "given up,",
            "command,",
            "request,",
            "reply 0,",
            "reply 1,",
            "reply 2,",
            "tunnelled",
            "offer ",
            "accept ",
            "checksum ",
            "end ",
            REFUSED,
        ],
    ),
    ("bulk.txt", &["bytes of", "have of", "here", REFUSED, UNFINISHED]),
    ("hello.txt", &["hello, purpose 0,", "hello, purpose 1,", "hello, purpose 2,", REFUSED]),
    ("answers.txt", &["welcome,", "another protocol,", "refusal,", "versions", REFUSED]),
    ("descriptions.txt", &["application", REFUSED]),
];
