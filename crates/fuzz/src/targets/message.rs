//! Application messages, through the decoder of `biplane`.

use std::{collections::BTreeMap, fmt::Debug, num::NonZeroU8};

use serde::{Deserialize, Serialize, de::DeserializeOwned, de::IgnoredAny};

use crate::{codec, labels, memory, script::Script};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "Bool",
    "Char",
    "Number",
    "Option",
    "Refused",
    "Short",
    "Text",
    "TooDeep",
    "TooMany",
    "Trailing",
    "Undescribed",
    "read",
    "type 0",
    "type 1",
    "type 10",
    "type 11",
    "type 2",
    "type 3",
    "type 4",
    "type 5",
    "type 6",
    "type 7",
    "type 8",
    "type 9",
];

/// How many bytes one byte of a message may become: the largest element is one of [`Everything`],
/// which takes 30 bytes or more, and a list of small ones grows by doubling.
const FACTOR: usize = 160;
const SLACK: usize = 1_024;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Shape {
    Nothing,
    Just(i32),
    Pair(u8, String),
    Named { wide: u128, narrow: i128, letter: char },
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    unit: (),
    yes: bool,
    bytes: (u8, i8),
    shorts: (u16, i16),
    longs: (u64, i64),
    text: String,
    maybe: Option<Box<Self>>,
    shapes: Vec<Shape>,
    array: [u32; 3],
    wrapped: Wrapped,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Wrapped(Vec<u8>);

/// As deep as a peer likes.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Nested(Option<Box<Self>>);

/// As wide as a peer likes, too.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Tree(Vec<Self>);

/// Reads all but the first byte of `data` as a value of the type that the first one says.
pub fn message(data: &[u8]) {
    let mut script = Script(data);
    let kind = script.byte() % 12;
    let bytes = script.0;
    match kind {
        0 => canonical::<Everything>(bytes),
        1 => canonical::<Vec<Shape>>(bytes),
        2 => canonical::<Nested>(bytes),
        3 => canonical::<Tree>(bytes),
        4 => canonical::<Vec<u8>>(bytes),
        5 => canonical::<(String, char, bool)>(bytes),
        6 => canonical::<Vec<()>>(bytes),
        7 => canonical::<(u16, i16, u32, i32, u64, i64)>(bytes),
        8 => canonical::<(f32, f64, u128, i128)>(bytes),
        9 => canonical::<Vec<NonZeroU8>>(bytes),
        10 => comes_back::<BTreeMap<u16, String>>(bytes),
        _ => drop(read::<IgnoredAny>(bytes)),
    }
    labels::note(|| format!("type {kind}"));
}

/// Equal values have equal bytes.
fn canonical<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
    if let Some(value) = read::<T>(bytes) {
        assert_eq!(codec::encode(&value).expect("bytes of a value"), bytes);
    }
}

/// A map takes its keys in any order, and gives them out in its own.
fn comes_back<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    if let Some(value) = read::<T>(bytes) {
        let again = codec::encode(&value).expect("bytes of a value");
        assert!(again.len() <= bytes.len());
        assert_eq!(read::<T>(&again), Some(value));
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match memory::bounded(FACTOR * bytes.len() + SLACK, || codec::decode::<T>(bytes)) {
        Ok(value) => {
            labels::note(|| "read".into());
            Some(value)
        }
        Err(malformed) => {
            labels::note(|| labels::first_word(&malformed));
            None
        }
    }
}
