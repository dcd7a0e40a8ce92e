//! The link model of `biplane-sim` on real sockets: an impaired network for any program.
//!
//! | module | does |
//! |---|---|
//! | `tun` | carries IP packets between two network namespaces of its own (Linux) |

#![deny(unsafe_code)]
#![warn(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    clippy::exhaustive_enums,
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::unused_async
)]

#[expect(dead_code, reason = "its users come with the relay")]
mod clock;
#[cfg(target_os = "linux")]
pub mod tun;
