//! What an endpoint is told when it opens, listens or connects.

use core::{any::Any, fmt, future::Future, pin::Pin as Pinned, time::Duration};
use std::{net::SocketAddr, sync::Arc};

use biplane_proto::{ChannelConfig, SessionConfig};
use biplane_wire::Description;

use crate::{Identity, Link};

/// Settings of every endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointConfig {
    /// Threads that receive. 1 to 64, default 1.
    pub receivers: usize,
    /// Threads that send. 1 to 64, default 1.
    pub senders: usize,
    /// What each session is told.
    pub session: SessionConfig,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self { receivers: 1, senders: 1, session: SessionConfig::default() }
    }
}

/// An application's protocol: what is compared, and how this side uses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProtocolSpec {
    /// What both sides must have alike.
    pub description: Description,
    /// Its channels, in the description's order.
    pub channels: Vec<ChannelConfig>,
}

/// Settings of an endpoint that accepts sessions.
#[derive(Clone)]
pub struct ListenConfig {
    /// Those of every endpoint.
    pub endpoint: EndpointConfig,
    /// What is spoken.
    pub protocol: ProtocolSpec,
    /// Who the server is.
    pub identity: Identity,
    /// Who may join.
    pub admission: Admission,
    /// The host that links name, where it is not the address listened on.
    pub public_host: Option<String>,
    /// Sessions at a time; further clients are refused with code 503. Default in the facade: 2,000.
    pub max_sessions: usize,
}

impl fmt::Debug for ListenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenConfig")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("public_host", &self.public_host)
            .field("max_sessions", &self.max_sessions)
            .finish_non_exhaustive()
    }
}

/// What a client is told to connect.
#[derive(Clone, Debug)]
pub struct DialConfig {
    /// Where to, and who must be there.
    pub link: Link,
    /// What is spoken.
    pub protocol: ProtocolSpec,
    /// What the server's admission shall see, at most 4,096 bytes.
    pub credentials: Vec<u8>,
}

/// A client that asks to join, as admission sees it.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// What it brought; never logged.
    pub credentials: Vec<u8>,
    /// Its TCP address.
    pub remote: SocketAddr,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// What admission says.
#[derive(Clone)]
#[non_exhaustive]
pub enum Decision {
    /// It may join; what is given stays with the session ([`crate::Slot::app`]).
    Admit(Option<Arc<dyn Any + Send + Sync>>),
    /// It may not.
    Refuse {
        /// The application's code.
        code: u16,
        /// Words for a person, at most 256 bytes.
        text: String,
        /// When another try makes sense, if that can be told.
        retry_after: Option<Duration>,
    },
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admit(app) => f.debug_tuple("Admit").field(&app.is_some()).finish(),
            Self::Refuse { code, text, .. } => {
                f.debug_struct("Refuse").field("code", code).field("text", text).finish()
            }
        }
    }
}

/// Decides who may join. Its futures run on the control thread, inside a tokio runtime with I/O and
/// time; 10 s each. One that panics refuses its client.
pub type Admission =
    Arc<dyn Fn(Request) -> Pinned<Box<dyn Future<Output = Decision> + Send>> + Send + Sync>;
