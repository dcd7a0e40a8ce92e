//! Endpoints on real sockets, on loopback: what simulation cannot show.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod buffers;
mod crew;
mod doors;
mod families;
mod forwarder;
mod join;
mod parallel;
#[path = "../patience.rs"]
mod patience;
mod protocols;
mod refuse;
mod resume;
mod strangers;
mod support;
mod talk;
mod transfers;
#[path = "../trusting.rs"]
mod trusting;
