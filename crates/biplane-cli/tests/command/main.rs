//! The command as a user runs it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod bad_starts;
mod bench;
mod doctor;
mod figures;
mod help;
mod link;
mod probe;
mod program;
