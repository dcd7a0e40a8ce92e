//! Moves bytes between the operating system and `biplane-proto`.
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

mod clock;
mod config;
mod endpoint;
mod error;
mod identity;
mod link;
mod pin;
mod slot;
mod stats;

pub use config::{
    Admission, Decision, DialConfig, EndpointConfig, ListenConfig, ProtocolSpec, Request,
};
pub use endpoint::Endpoint;
pub use error::{BindError, ConnectError, Fault};
pub use identity::{Identity, IdentityError};
pub use link::{Link, LinkError};
pub use pin::{Pin, PinError};
pub use slot::{SessionId, Slot};
pub use stats::{DatagramStats, EndpointStats, SessionCounts, WorkerStats};
