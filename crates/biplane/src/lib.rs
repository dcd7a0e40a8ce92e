//! Netcode for games and live streams: one session, two planes.
//!
//! A session with a peer flies on TCP with TLS (the control plane: commands, requests, whatever must
//! arrive) and on sealed UDP datagrams (the data plane: whatever must be fast), and goes on when one
//! of the two is lost. A [`Protocol`] names [`Channel`]s, typed constants that say what their
//! messages are promised; [`Session::send`] and [`Session::recv`] serve both planes.
//!
//! ```
//! use std::time::Duration;
//!
//! use biplane::{Channel, Client, Event, Protocol, Server};
//!
//! const CHAT: Channel<String> = Channel::command("chat");
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let protocol = Protocol::new("hello", 1).channel(CHAT);
//!     let server = Server::bind("127.0.0.1:0", &protocol)?;
//!     let joining = Client::connect(server.link(), &protocol);
//!     assert!(server.wait(Duration::from_secs(10)));
//!     for event in server.events() {
//!         if let Event::Joined(session) = event {
//!             // Who left is that session's affair.
//!             session.send(CHAT, &format!("hello, {session}")).ok();
//!         }
//!     }
//!     server.flush();
//!     let client = joining.wait()?;
//!     while client.wait(Duration::from_secs(10)) {
//!         client.events().for_each(drop);
//!         if let Some(line) = client.recv(CHAT) {
//!             assert!(line.starts_with("hello, s"));
//!             return Ok(());
//!         }
//!     }
//!     Err("no greeting".into())
//! }
//! ```
//!
//! The same server awaited: `while let Some(event) = server.next().await`. The same client awaited:
//! `Client::connect(link, &protocol).await?`. No runtime is needed or taken: both planes run on
//! threads of Biplane's own, and the futures on any executor.
//!
//! | module | decides |
//! |---|---|
//! | `channel`, `payload`, `codec` | what a message is, and its bytes |
//! | `protocol`, `request` | what two programs agree on |
//! | `recommended` | what `biplane doctor` found best for a server here |
//! | `server`, `client`, `endpoint` | who opens sessions, and who is told of them |
//! | `session` | what one can do with a session |
//! | `transfer` | how bulk is handed over, beside everything else |
//! | `diagnosis` | why one cannot connect |
//! | `inbox`, `router` | which event is next, and for whom |
//! | `pending`, `waiting` | how one waits |
//! | `engine` | what all of this stands on |
//! | `sim` | worlds in virtual time, to test one's own game in (feature `sim`) |

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

mod channel;
mod client;
mod codec;
mod config;
mod diagnosis;
mod endpoint;
mod engine;
mod error;
mod event;
mod inbox;
mod payload;
mod pending;
mod protocol;
mod recommended;
mod request;
mod router;
mod server;
mod session;
#[cfg(feature = "sim")]
pub mod sim;
mod transfer;
mod waiting;

pub use biplane_proto::{
    ChannelStats, CloseReason, ControlStats, DeliveryStats, DropReason, Drops, Notice, PathStats,
    PlaneMode, Planes, SessionStats, TransferError, Violation,
};
pub use biplane_wire::{ChannelDescription, ChannelKind, Description, Difference};
pub use channel::Channel;
pub use client::Client;
pub use config::{ClientConfig, Hello, ServerConfig, Verdict};
pub use diagnosis::{
    Diagnosis, DiagnosisConfig, Direction, Finding, Loss, Outcome, RoundTrips, StepReport, Trouble,
};
pub use endpoint::Endpoint;
pub use engine::{
    ConnectionStats, DatagramStats, DialError, EndpointStats, Fault, Identity, IdentityError, Link,
    LinkError, Pin, PinError, SessionCounts, SessionId, SocketError, SpecError, Step, Threading,
    WorkerStats,
};
pub use error::{BindError, ConnectError, RequestError, SendError};
pub use event::Event;
pub use payload::{Incoming, Outgoing, Payload};
pub use pending::Pending;
pub use protocol::{Protocol, ProtocolError};
pub use recommended::RecommendedError;
pub use request::{Call, Reply, Request};
pub use server::Server;
pub use session::Session;
pub use transfer::{Intake, Offer, Progress, Transfer};

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
