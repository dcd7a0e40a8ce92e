//! Why a relay does not start.

use std::{io, net::SocketAddr};

/// Why a relay does not start. Written out it is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The port to listen on cannot be had.
    #[error("cannot listen on {listen} ({plane}): {why}")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// TCP or UDP.
        plane: &'static str,
        /// What the system says.
        why: io::Error,
    },
    /// The target accepts no TCP connection.
    #[error("cannot reach {to} (TCP): {why}")]
    Unreachable {
        /// The target.
        to: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// Another address was asked for towards a target to which there is only one.
    #[error("cannot rebind the address towards {to}: only an IPv4 target on loopback has several")]
    OneAddress {
        /// The target.
        to: SocketAddr,
    },
    /// The system gives no thread, or no means to wait.
    #[error("cannot set up the relay: {0}")]
    Poller(io::Error),
}
