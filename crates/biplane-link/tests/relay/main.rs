//! The relay over real sockets on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod blocks;
#[path = "../both.rs"]
mod both;
mod flows;
mod quic;
mod streams;
mod tools;
