//! The work that benchmarks do, the same on Biplane as on anything else that carries messages.
//!
//! A [`System`] is driven through a [`Plan`] by [`measure`]: a server and its clients, each side in
//! a process of its own, which are this program run again. So whatever calls [`measure`] must call
//! [`part()`] first in its `main`:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use biplane_load::{Biplane, Class, Plan, Progress, Work};
//!
//! fn main() -> ExitCode {
//!     if let Some(code) = biplane_load::part(&[&Biplane]) {
//!         return code;
//!     }
//!     let plan = Plan::new(Work::Flow { class: Class::Reliable, size: 64, rate: None });
//!     match biplane_load::measure(&Biplane, &plan, &mut |_: Progress| {}) {
//!         Ok(measured) => println!("{measured:?}"),
//!         Err(error) => eprintln!("{error:#}"),
//!     }
//!     ExitCode::SUCCESS
//! }
//! ```
//!
//! | module | decides |
//! |---|---|
//! | `system` | what carries messages, as the work sees it |
//! | `work` | what is done, by how many, and for how long |
//! | `run`, `child`, `line` | how the two processes are started, led and ended |
//! | `part` | what a process does that is one of the two |
//! | `stamp`, `books`, `window`, `shared` | what a message says of itself, and what is known of those that came |
//! | `bulk` | what is handed over beside messages |
//! | `latency`, `meter` | how time, processor time and memory are taken |
//! | `measured` | what comes of it |
//! | `biplane` | Biplane as one of the systems |

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

mod biplane;
mod books;
mod bulk;
mod child;
mod latency;
mod line;
mod measured;
mod meter;
mod part;
mod run;
mod shared;
mod stamp;
mod system;
mod window;
mod work;

pub use biplane::Biplane;
pub use bulk::{Handed, Pattern};
pub use latency::{Bucket, Latency};
pub use measured::{Bulk, Connects, Measured, Rates, Sides, Way, Workers};
pub use part::part;
pub use run::{BrokeOff, Progress, Stage, Watch, measure};
pub use system::{Class, Heard, Means, Peer, Served, Side, System, Threads, Tuning, Worker};
pub use work::{Game, Plan, Work};
