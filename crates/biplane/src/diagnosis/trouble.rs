//! Why a step does not hold.

use core::fmt;

use biplane_proto::CloseReason;

use super::Loss;
use crate::ConnectError;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// There was no session. Where [`ConnectError::step`] is `None` nothing was tried, and the
    /// first step stands for that.
    #[error(transparent)]
    Connect(ConnectError),
    /// UDP up: nothing that was sent arrived at the server.
    #[error("none of {sent} datagrams arrived at the server")]
    Unheard {
        /// How many were sent, challenges of the path not counted.
        sent: u64,
    },
    /// UDP down: datagrams arrived at the server, which answers each, and nothing came back.
    #[error("{arrived} datagrams arrived at the server and none came back")]
    Unanswered {
        /// How many arrived.
        arrived: u64,
    },
    /// Path MTU: short datagrams pass and long ones do not.
    #[error("datagrams of {bytes} bytes do not pass {direction}; short ones do")]
    TooLong {
        /// How long they were.
        bytes: usize,
        /// Which way. Up is judged first: a server sends no more than it has heard.
        direction: Direction,
    },
    /// RTT: too few soundings were answered to say anything.
    #[error("no round trip could be measured")]
    Unmeasured,
    /// Loss: more than a tenth of the packets were lost in one direction.
    #[error("{0}")]
    Lossy(Loss),
    /// The session ended before the step could be judged.
    #[error("the session ended: {0}")]
    Ended(CloseReason),
}

/// One way between client and server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "all that there are")]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}
