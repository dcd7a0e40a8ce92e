//! The public face, over real sockets on loopback: one module a part of the contract.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so a test fails")]

mod admission;
mod awaited;
mod broadcast;
mod diagnosis;
mod errors;
mod events;
mod handles;
mod kinds;
mod modes;
mod notices;
mod panics;
mod queues;
mod recommended;
mod requests;
mod settings;
mod shape;
mod shared;
mod support;
mod threading;
mod transfers;
mod undecodable;
mod versions;
mod waiting;
