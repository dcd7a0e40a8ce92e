//! Values to bytes and back: postcard's format, with bounds on what a peer can make us do.
//!
//! Encoding is postcard's own, into a buffer with a limit, and refuses what decoding would for its
//! depth or its number of elements: the sender hears of it. Decoding is ours, since plain postcard
//! follows a hostile message down until the stack is gone, and takes trailing bytes and over-long
//! varints. Ours refuses, with an error and without work or memory beyond the bytes it was given:
//!
//! - more than 64 values inside each other;
//! - a sequence or map that claims more elements than bytes are left; and, over the whole message,
//!   more elements than it has bytes, so that elements without bytes cost one each;
//! - numbers that are not in their shortest form or too large for their type;
//! - text that is not UTF-8, and a bool, option, char or enum that is none;
//! - bytes that are left over.
//!
//! Collections grow with what was read, never by what was claimed: no size hint is given.

mod access;
mod bounded;
mod decoder;
mod encoder;
mod reader;

pub(crate) use self::{
    decoder::{Malformed, decode},
    encoder::{EncodeError, encode_to},
};

#[cfg(test)]
mod tests;
