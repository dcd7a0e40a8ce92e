//! The work that benchmarks do, the same on Biplane and on anything else.
//!
//! A [`System`] is what carries messages; a [`Side`] is one end of it in one process: a server, or
//! any number of its clients. The work knows nothing of the system, and the system nothing of the
//! work, so a figure of one system stands beside that of another.
//!
//! | module | is |
//! |---|---|
//! | `system` | what carries messages, as the work sees it |

#![forbid(unsafe_code)]
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

mod system;

pub use system::{Class, Heard, Means, Peer, Served, Side, System, Tuning, Worker};
