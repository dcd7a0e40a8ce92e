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

pub(crate) use self::{
    decoder::{Malformed, decode},
    encoder::encode,
};
