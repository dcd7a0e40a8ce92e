//! The link model of `biplane-sim` on real sockets: an impaired network for any program.
//!
//! A [`Relay`] passes one TCP and one UDP port on through a [`biplane_sim::Profile`], without any
//! privileges: datagrams meet the model as they are, and TCP, which ends at the relay on both
//! sides, meets what loss would have done to it ([`biplane_sim::Stream`] states the model).
//!
//! ```no_run
//! use biplane_link::{Relay, RelayConfig};
//!
//! let (listen, to) = ("127.0.0.1:7877".parse()?, "127.0.0.1:7777".parse()?);
//! let relay = Relay::start(&RelayConfig::new(listen, to).profile("4g,loss=2%".parse()?))?;
//! // Whoever speaks to port 7877 now speaks to port 7777 over a phone.
//! let stats = relay.stop();
//! println!("{} datagrams of {} lost", stats.up.udp.lost, stats.up.udp.received);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | does |
//! |---|---|
//! | `relay`, `config`, `error`, `stats` | what a program starts, reads and stops |
//! | `engine` | the one thread that carries everything, and when it wakes |
//! | `network` | the model's links and the bottlenecks that TCP and UDP share |
//! | `udp` | flows of datagrams, each with a socket of its own towards the target |
//! | `tcp` | connections, each a pair of sockets and a stream each way |
//! | `poller`, `sockets`, `clock`, `limits`, `slab` | waiting, ports, the time, every cap, and places for things |
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

mod clock;
mod config;
mod engine;
mod error;
mod limits;
mod network;
mod poller;
mod relay;
mod slab;
mod sockets;
mod stats;
mod tcp;
mod udp;

#[cfg(target_os = "linux")]
pub mod tun;

pub use config::RelayConfig;
pub use error::RelayError;
pub use relay::Relay;
pub use stats::{RelayStats, TcpStats, UdpStats, WayStats};
