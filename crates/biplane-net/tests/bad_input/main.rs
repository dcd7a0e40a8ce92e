//! The forty bad inputs, those that come over the wire, against running endpoints on loopback.
//!
//! Each test plays both roles where both exist: a hostile client against a server, and a hostile
//! server against a client. An honest session of the same endpoint goes on meanwhile. The number in
//! a test's name is the input's. Those that take a network of their own are in `apart`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod acks;
mod attaches;
mod bounds;
mod datagrams;
mod delays;
mod figures;
mod floods;
mod fragments;
mod frames;
mod greeting;
mod moving;
#[path = "../patience.rs"]
mod patience;
mod ports;
mod records;
mod resumes;
mod rig;
mod seals;
mod serialiser;
mod slow;
#[cfg(target_os = "linux")]
mod starved;
#[path = "../trusting.rs"]
mod trusting;
