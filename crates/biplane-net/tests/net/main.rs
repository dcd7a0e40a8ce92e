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
mod join;
#[path = "../patience.rs"]
mod patience;
mod protocols;
mod refuse;
mod strangers;
mod support;
#[path = "../trusting.rs"]
mod trusting;
