//! The files of vectors: `name` at the margin, and below it its fields.
//!
//! ```text
//! # a remark
//! name
//!     field  hexadecimal bytes; 07*32 is 32 times 07
//! ```

use std::{collections::BTreeMap, fs, path::PathBuf};

/// One vector.
#[derive(Debug)]
pub(crate) struct Vector {
    pub(crate) name: String,
    fields: BTreeMap<String, Vec<u8>>,
}

impl Vector {
    pub(crate) fn bytes(&self, field: &str) -> &[u8] {
        self.fields.get(field).unwrap_or_else(|| panic!("{} has no {field}", self.name))
    }

    /// The bytes of a field as a big-endian number.
    pub(crate) fn number(&self, field: &str) -> u64 {
        self.bytes(field).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    pub(crate) fn says(&self, word: &str) -> bool {
        self.name.split([' ', ',']).any(|said| said == word)
    }
}

/// The vectors of one file.
pub(crate) fn vectors(file: &str) -> Vec<Vector> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let text = fs::read_to_string(folder.join(file)).unwrap();
    let mut found: Vec<Vector> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(inside) = line.strip_prefix("    ") else {
            found.push(Vector { name: line.to_owned(), fields: BTreeMap::new() });
            continue;
        };
        let (field, bytes) = inside.split_once(' ').unwrap();
        let known = found.last_mut().unwrap().fields.insert(field.to_owned(), hex(bytes));
        assert_eq!(known, None, "{line}");
    }
    assert!(!found.is_empty(), "{file}");
    found
}

fn hex(line: &str) -> Vec<u8> {
    line.split_whitespace()
        .flat_map(|word| {
            let (byte, times) = word.split_once('*').unwrap_or((word, "1"));
            vec![u8::from_str_radix(byte, 16).unwrap(); times.parse().unwrap()]
        })
        .collect()
}
