//! The link model between two network namespaces: real IP packets, real TCP.
//!
//! ```text
//! whoever connects           near namespace           far namespace              the target
//!       |  listen             10.77.0.1                 10.77.0.2                  ^
//!       v                                                                          |
//!    host's sockets == splice == TCP, UDP -- TUN -- link -- TUN -- TCP, UDP == splice
//! ```
//!
//! What reaches the port is handed, by sockets, to the near namespace; what leaves the far one is
//! handed to the target. Between the two, the kernel's own TCP and UDP send IP packets, each of
//! which goes through a [`biplane_sim::Link`]: so TCP meets loss, delay and a full queue as it does
//! on a network, with nothing modelled but the link.
//!
//! - The rate counts whole IP packets, where the port form counts what is in them. The MTU is that of
//!   an IP packet, as everywhere, and 1,500 where the profile has none.
//! - A corrupted packet is thrown away by the receiving kernel, whose checksum finds it.
//! - TCP's acks are lost like everything else. Stalls are not counted: they happen
//!   inside the kernel.
//! - In [`UdpStats`](crate::UdpStats), what is corrupted has not been forwarded, and what lies in
//!   the kernel for a moment, between the sockets and the link, is nowhere yet.
//! - A rebound flow is lost on the near side, as by a NAT at the client's: what the target still
//!   sends to the old port crosses the link and counts as dropped by a queue.
//! - It takes Linux, `/dev/net/tun`, and the right to make network namespaces: root's, or that of
//!   any user where user namespaces are allowed. Nothing of the host's network is touched.
//!
//! | module | does |
//! |---|---|
//! | `keeper` | makes the namespaces, in a process of its own |
//! | `handoff` | what it is asked and what it answers |
//! | `device`, `netlink` | a TUN device and its interface |
//! | `namespaces` | what the host has of them |
//! | `wire` | the link between the two devices |
//! | `streams`, `splice`, `pipe` | TCP connections at both ends |
//! | `flows` | datagrams at both ends |
//! | `poller`, `token` | waiting for all of them |

mod buffers;
mod config;
mod device;
mod engine;
mod error;
mod flows;
mod handoff;
mod keeper;
mod namespaces;
mod netlink;
mod packet;
mod pipe;
mod poller;
mod run;
mod splice;
mod streams;
mod token;
mod wire;

pub use config::TunConfig;
pub use error::TunError;
pub use keeper::{KEEPER_ARGUMENT, keeper_main};

use std::sync::Arc;

use crate::{Relay, RelayConfig, RelayError, relay::Shared};
use engine::Engine;
use namespaces::Namespaces;

/// Starts to relay as [`Relay::start`] does, but through two network namespaces.
///
/// # Errors
///
/// [`TunError`] if the system or its settings do not allow it, or as for [`Relay::start`].
///
/// # Examples
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use biplane_link::{RelayConfig, tun};
///
/// fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
///     if let Some(code) = tun::keeper_main() {
///         return Ok(code);
///     }
///     let config = RelayConfig::new("127.0.0.1:7877".parse()?, "127.0.0.1:7777".parse()?);
///     let config = config.profile("delay=20ms,loss=1%".parse()?);
///     let relay = tun::start(&config, tun::TunConfig::new())?;
///     // Whoever speaks to port 7877 now speaks to port 7777 over a bad network.
///     println!("{:?}", relay.stop());
///     Ok(ExitCode::SUCCESS)
/// }
/// ```
pub fn start(config: &RelayConfig, tun: TunConfig) -> Result<Relay, TunError> {
    let ports = Relay::prepare(config)?;
    let address = ports.udp.local_addr().map_err(TunError::Socket)?;
    let namespaces = Namespaces::new(tun, run::mtus(&config.profile))?;
    let waker = Arc::new(polling::Poller::new().map_err(RelayError::Poller)?);
    let shared = Arc::<Shared>::default();
    let engine = Engine::new(config, ports, namespaces, (Arc::clone(&shared), &waker));
    let engine = engine.map_err(RelayError::Poller)?;
    Ok(Relay::launch(address, waker, shared, move || engine.run())?)
}
