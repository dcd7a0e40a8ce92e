//! Why the TUN form could not start.

use std::io;

use crate::RelayError;

/// Why a relay does not start in its TUN form. Written out it is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunError {
    /// What keeps the port form from starting, too.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// No network namespace can be made.
    #[error(
        "--tun needs network namespaces, which take root or a system that lets its users make \
         user namespaces: {0}"
    )]
    Namespace(io::Error),
    /// No TUN device can be opened.
    #[error("--tun needs TUN devices, but /dev/net/tun cannot be used: {0}")]
    Device(io::Error),
    /// A TUN device cannot be taken into service.
    #[error("--tun cannot set up its network interface: {0}")]
    Interface(io::Error),
    /// A socket cannot be made inside.
    #[error("--tun cannot make a socket in its network namespaces: {0}")]
    Socket(io::Error),
    /// TCP has no such congestion control, or not for us.
    #[error("--tun cannot have TCP's congestion control {name:?}: {why}")]
    Congestion {
        /// What was asked for.
        name: String,
        /// What the system says.
        why: io::Error,
    },
    /// The process that holds the namespaces does not start or does not answer.
    #[error("--tun cannot run the process that makes its network namespaces: {0}")]
    Keeper(io::Error),
}
