//! The decoder of application messages, compiled from `biplane`'s own source: there it is private.

#[path = "../../biplane/src/codec/access.rs"]
mod access;
#[path = "../../biplane/src/codec/bounded.rs"]
mod bounded;
#[path = "../../biplane/src/codec/decoder.rs"]
mod decoder;
#[path = "../../biplane/src/codec/encoder.rs"]
mod encoder;
#[path = "../../biplane/src/codec/reader.rs"]
mod reader;

use serde::Serialize;

pub(crate) use self::decoder::{Malformed, decode};

/// The bytes of a value, however many they are.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, encoder::EncodeError> {
    encoder::encode_to(value, usize::MAX, <[u8]>::to_vec)
}
