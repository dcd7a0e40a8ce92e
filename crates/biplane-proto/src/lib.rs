//! Decides what to send, when, and what received bytes mean.
//!
//! No sockets, no threads, no clock: the caller passes in packets, control bytes and the time, and
//! takes out packets, control bytes, events and the next deadline. [`Session`] is the whole of it;
//! [`Opener`] and [`Sealer`] are the two parts that work without its lock.
//!
//! # The contract
//!
//! 1. `now` is the first argument of whatever depends on time. Nothing inside reads a clock,
//!    sleeps, or draws randomness beyond the seed it was given.
//! 2. After any input, drain the `poll_*` outputs until `None`, in any order; then read
//!    [`Session::poll_timeout`], which is cheap and names its timer.
//! 3. An early [`Session::handle_timeout`] is harmless, a late one legal, time that goes backwards
//!    is clamped.
//! 4. The caller owns the buffers: output is appended to one passed in, input is borrowed.
//! 5. `&mut self`: no `Arc`, `Mutex`, channel, callback or `async` inside.
//! 6. Same inputs, same outputs, byte for byte.
//! 7. Everything is bounded by a named limit; a full queue is a typed outcome.
//! 8. A [`Transmit`] carries destination, length and key job: runs of equal length are the
//!    caller's to find, so GSO is data, not a code path.
//! 9. Both planes meet in one type; the session alone decides what one plane says about the other.
//!
//! | module | decides |
//! |---|---|
//! | `handshake` | whether two sides can speak, and with what parameters |
//! | `session` | whether we are connected, and over what |
//! | `keys` | which key seals and opens, and that no number is used twice |
//! | `window` | whether a packet is new |
//! | `acks` | what to acknowledge, and when |
//! | `recovery` | how fast: RTT, loss, congestion, pacing |
//! | `path` | which address is proven, and how long a datagram may be there |
//! | `channel` | what a message is promised |
//! | `control` | what goes over the control connection, in which order |
//! | `peer_clock` | how old is what came late |
//! | `transfer` | how far bulk has come on a connection of its own, and how fast it may go |
//! | `redial` | when a client that lost its control connection dials again |

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

mod acks;
mod channel;
mod config;
mod control;
mod drops;
mod ecn;
mod error;
mod event;
mod handshake;
mod keys;
mod liveness;
mod path;
mod peer_clock;
mod random;
mod ranges;
mod recovery;
pub mod redial;
mod requests;
mod session;
mod stats;
mod timers;
mod transfer;
mod watched;
mod window;

pub use biplane_wire::limits;
pub use channel::{Content, credit_window};
pub use config::{ChannelConfig, Congestion, FirstNumbers, PlaneMode, Role, SessionConfig, Setup};
pub use drops::{DropReason, Drops};
pub use ecn::Ecn;
pub use error::{CloseReason, JoinError, OpenError, RequestError, SealError, SendError, Violation};
pub use event::{Answered, Call, Event, Notice, Planes};
pub use handshake::{Accepting, Agreement, AttachClaim, Dialing, HelloError, ResumeClaim, digest};
pub use keys::{KeyChange, KeyEpoch, Opener, SealJob, Sealer};
pub use path::{Path, Sounding, SoundingCounts, SoundingReport};
pub use requests::ReplyPlace;
pub use session::{Arrival, Consequence, ControlLoss, Reply, SendOptions, Session, Transmit};
pub use stats::{ChannelStats, ControlStats, DeliveryStats, PathStats, SessionStats};
pub use timers::Timer;
pub use transfer::{
    Intake, Offer, Piece, RoundTrip, Supply, TransferChange, TransferError, TransferNews,
    TransferSide, Yielding,
};
