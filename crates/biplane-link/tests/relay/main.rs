//! The relay over real sockets on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod blocks;
mod flows;
mod quic;
mod streams;
mod tools;
