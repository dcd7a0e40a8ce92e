//! The relay over real sockets on loopback.

mod blocks;
mod flows;
mod quic;
mod streams;
mod tools;
