//! Moves bytes between the operating system and `biplane-proto`: threads, the one UDP socket, TCP
//! with TLS, and the clock.
//!
//! An [`Endpoint`] is one UDP socket, its receivers and senders, and a control thread beside them;
//! its sessions are [`Slot`]s. Nothing here decides what bytes mean: each input is handed to a
//! session under its lock, and what comes out is sealed and sent after it.
//!
//! | module | sees to |
//! |---|---|
//! | `endpoint` | what an application opens and lets go of |
//! | `slot`, `slots` | one session beside its lock, and all of them by receive id |
//! | `announcements` | what the application is told of, and who waits for it |
//! | `hub` | what workers, control thread and application share |
//! | `receiver`, `source` | from a datagram to its session, or to the one reason why not |
//! | `sender`, `outbox`, `work`, `wheel` | who sends next, when, and how |
//! | `crew` | the threads of the data plane, and how they wait |
//! | `socket`, `os` | the kernel's UDP: batches, segmentation offload, waiting |
//! | `control` | TCP, TLS, hello, admission, records |
//! | `transfer` | what is handed over in bulk, and taken |
//! | `step` | the steps of a connection, by name |
//! | `identity`, `pin`, `link` | who a server is, and how it is found |
//! | `counters`, `stats` | what is counted, and how it is read |
//! | `doctor` | whether parallel calls on one socket can be trusted on this system |
//! | `clock` | the time |
//! | `sync`, `locks` | what threads meet at, and locks that survive a panic |

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

mod alarm;
mod announcements;
mod clock;
mod config;
mod control;
mod counters;
mod crank;
mod crew;
pub mod doctor;
mod endpoint;
mod error;
mod hub;
mod identity;
mod link;
mod locks;
mod os;
mod outbox;
mod pin;
mod receiver;
mod sender;
mod slot;
mod slots;
mod socket;
mod source;
mod stats;
mod step;
mod sync;
mod transfer;
mod warnings;
mod wheel;
mod work;

use biplane_wire::limits;

pub use announcements::Announcements;
pub use clock::now;
pub use config::{
    Admission, Decision, DialConfig, EndpointConfig, GreetingConfig, ListenConfig, Milestone,
    ProtocolSpec, Request, Threading, Watch,
};
pub use endpoint::Endpoint;
pub use error::{BindError, ConnectError, Fault, SpecError};
pub use identity::{Identity, IdentityError};
pub use link::{Link, LinkError};
pub use pin::{Pin, PinError};
pub use slot::{SessionId, Slot};
pub use stats::{ConnectionStats, DatagramStats, EndpointStats, SessionCounts, WorkerStats};
pub use step::Step;
pub use transfer::{IncomingTransfer, OutgoingTransfer, TransferSource};
pub use warnings::Throttle;
