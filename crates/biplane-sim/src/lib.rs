//! A seeded network in virtual time, and an oracle that knows what was promised.
//!
//! No sockets, no threads, no clock: the start of a run is an argument, and everything after it
//! follows from a seed. Real sessions, real handshakes and real keys; only the wires are made up.
//!
//! | module | is |
//! |---|---|
//! | `rng` | where all chance comes from |
//! | `link` | one direction of a UDP path: loss, delay, duplication, corruption |
//! | `stream` | one direction of a control connection: in order, late, or gone |
//! | `profile` | both directions and both planes of a network, by name or in figures |
//! | `wires` | the four directions between a client and the server |
//! | `canary` | a fault planted between a session and its application |
//! | `node` | one session, driven as `biplane-net` drives it |
//! | `world` | a server and its clients in virtual time |
//! | `pair` | the same with one client |
//! | `transcript` | the hash that shows that a run replays |
//! | `breach` | a broken promise in words |
//! | `oracle` | what each kind of channel promises, and whether it was kept |
//! | `seal` | what sealing and opening a packet costs here |
//! | `rate` | what flows make of a narrow place, and who has which share |
//! | `sweep` | a seed's run from hello to goodbye, and its verdict |

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

mod breach;
mod canary;
mod link;
mod node;
mod oracle;
mod pair;
mod payload;
mod profile;
mod protocol;
mod rate;
mod rng;
mod seal;
mod side;
mod stream;
mod sweep;
mod transcript;
mod watch;
mod wires;
mod world;

pub use breach::{
    Breach, Broken, ContractBreach, MessageBreach, NoticeBreach, RequestBreach, SessionBreach,
};
pub use canary::{Canary, CanaryKind, Core};
pub use link::{
    Arrival, Bottleneck, BottleneckConfig, Fault, Link, LinkConfig, LinkStats, Loss, MarkPolicy,
    Outage, Trace, TraceError,
};
pub use oracle::Oracle;
pub use pair::Pair;
pub use payload::{SHORTEST, index_of, stamp};
pub use profile::{
    Agenda, Blocked, Capacity, Direction, Instruction, Profile, ProfileError, Queue, Schedule,
    Setting, Way,
};
pub use protocol::Protocol;
pub use rate::{Flow, FlowFigures, RateFigures, RatePlan, Second, Spread, rate};
pub use rng::Rng;
pub use seal::{Challenger, SealCost};
pub use side::Side;
pub use stream::{Inflow, Stream, StreamConfig};
pub use sweep::{
    Blow, Conditions, Datagrams, Drain, Figures, Lengths, Narrows, OrdealFigures, Outcome, Pause,
    Plan, Rhythm, Strike, Traffic, Trial, Work, Wraps,
};
pub use transcript::{Entry, Transcript};
pub use wires::{Access, Wires, WiresConfig};
pub use world::{
    ClientConfig, Clock, EndConfig, ForgerConfig, Gate, News, Questions, Tally, World,
};
