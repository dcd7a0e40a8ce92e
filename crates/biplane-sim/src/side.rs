//! Which end of which session.

use core::fmt;

use biplane_proto::Role;

/// One end of one client's session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Side {
    /// The client's own end; clients count from 0.
    Client(usize),
    /// The server's end of that client's session.
    Server(usize),
}

impl Side {
    /// The other end of the same session.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client(client) => Self::Server(client),
            Self::Server(client) => Self::Client(client),
        }
    }

    /// Whose session it is.
    #[must_use]
    pub const fn client(self) -> usize {
        match self {
            Self::Client(client) | Self::Server(client) => client,
        }
    }

    /// What the session calls itself there.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Client(_) => Role::Client,
            Self::Server(_) => Role::Server,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => write!(f, "client {client}"),
            Self::Server(client) => write!(f, "server of client {client}"),
        }
    }
}
