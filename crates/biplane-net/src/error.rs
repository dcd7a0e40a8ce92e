//! What can go wrong below a session: binding, connecting, and what breaks later.

use std::{io, net::SocketAddr};

use biplane_proto::JoinError;

use crate::{IdentityError, LinkError, Pin, Step};

/// Why a protocol cannot be spoken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// It describes other channels than it configures.
    #[error("{described} channels are described, {configured} configured")]
    Channels {
        /// How many are described.
        described: usize,
        /// How many are configured.
        configured: usize,
    },
    /// A channel is configured otherwise than described.
    #[error("channel `{channel}` is not configured as it is described")]
    Differs {
        /// Which.
        channel: Box<str>,
    },
    /// A channel's messages would be longer than its kind can carry.
    #[error("channel `{channel}` declares {max_message} bytes; its kind carries {limit}")]
    TooLong {
        /// Which.
        channel: Box<str>,
        /// What it declares, in bytes.
        max_message: u32,
        /// What its kind carries at the most, in bytes.
        limit: usize,
    },
    /// A listener was given the same protocol twice.
    #[error("the same protocol is given twice")]
    Twice,
}

/// Why an endpoint was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A setting is out of its range.
    #[error("{name} is {value}; it can be {lowest} to {highest}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What it is.
        value: usize,
        /// The least it can be.
        lowest: usize,
        /// The most it can be.
        highest: usize,
    },
    /// Links cannot name such a host.
    #[error("public_host is `{host}`; it can be a name or an address, without a port")]
    PublicHost {
        /// What was given.
        host: Box<str>,
    },
    /// A protocol cannot be spoken.
    #[error(transparent)]
    Protocol(#[from] SpecError),
    /// The text names no address of this host.
    #[error("`{address}` is no address to listen on: {}", in_words(source))]
    Address {
        /// What was given.
        address: Box<str>,
        /// What the system says.
        source: io::Error,
    },
    /// TCP cannot be had there.
    #[error("cannot listen on TCP {address}: {}", in_words(source))]
    Tcp {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// UDP cannot be had there.
    #[error("cannot open UDP {address}: {}", in_words(source))]
    Udp {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The server's certificate cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The system gives no threads, or no means to wake them.
    #[error("cannot start the workers: {}", in_words(.0))]
    Workers(io::Error),
}

/// Why a session did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The protocol cannot be spoken.
    #[error(transparent)]
    Protocol(#[from] SpecError),
    /// The text is not a link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The host's name leads nowhere.
    #[error("cannot find {host}: {}", in_words(source))]
    Unresolved {
        /// The name.
        host: Box<str>,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing answers there over TCP.
    #[error("cannot reach {address}: {}", in_words(source))]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The connection broke on the way.
    #[error("the connection to {address} broke: {}", in_words(source))]
    Broken {
        /// What was under way: TLS, or after it the server's answer.
        step: Step,
        /// Who the peer was.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Something answers there that does not speak TLS.
    #[error("what answers at {address} does not speak TLS")]
    NotTls {
        /// Where.
        address: SocketAddr,
    },
    /// Something answers there that does not speak Biplane.
    #[error("the peer is not a Biplane server")]
    NotBiplane {
        /// When it showed: in TLS, or only by what it answered.
        step: Step,
    },
    /// The server is another than the link names.
    #[error("the server's pin is {got}, the link says {expected}")]
    WrongPin {
        /// The link's.
        expected: Pin,
        /// The server's.
        got: Pin,
    },
    /// TLS failed.
    #[error("TLS failed: {0}")]
    Tls(Box<str>),
    /// The server did not welcome this client.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// It took longer than `seconds`.
    #[error("no session within {seconds} s: {step} did not end")]
    TimedOut {
        /// The deadline for the whole of it.
        seconds: u64,
        /// What was under way.
        step: Step,
    },
    /// The endpoint has as many sessions as it may.
    #[error("the endpoint has {limit} sessions already")]
    Full {
        /// The most it may have.
        limit: usize,
    },
    /// The endpoint closed meanwhile.
    #[error("the endpoint is closed")]
    Closed,
}

impl ConnectError {
    /// The step that failed; `None` where none was tried: the fault is on this side.
    #[must_use]
    pub const fn step(&self) -> Option<Step> {
        match self {
            Self::Unresolved { .. } => Some(Step::Name),
            Self::Unreachable { .. } => Some(Step::Tcp),
            Self::NotTls { .. } | Self::Tls(_) => Some(Step::Tls),
            Self::WrongPin { .. } => Some(Step::Pin),
            Self::Broken { step, .. } | Self::NotBiplane { step } | Self::TimedOut { step, .. } => {
                Some(*step)
            }
            Self::Join(JoinError::Refused { .. }) => Some(Step::Admission),
            Self::Join(_) => Some(Step::Protocol),
            Self::Protocol(_) | Self::Link(_) | Self::Full { .. } | Self::Closed => None,
        }
    }
}

/// What broke for a whole endpoint. Its sessions go on as far as they can.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The UDP socket is unusable: sessions fly on TCP alone.
    #[error("the UDP socket broke: {}", in_words(.0))]
    Socket(io::Error),
    /// No more TCP connections can be accepted.
    #[error("the TCP listener broke: {}", in_words(.0))]
    Listener(io::Error),
}

/// What the system says, as one would put it.
pub(crate) fn in_words(error: &io::Error) -> String {
    let words = match error.raw_os_error() {
        _ if error.kind() == io::ErrorKind::AddrInUse => "address in use",
        _ if error.kind() == io::ErrorKind::AddrNotAvailable => "this host has no such address",
        _ if error.kind() == io::ErrorKind::PermissionDenied => "permission denied",
        _ if error.kind() == io::ErrorKind::ConnectionRefused => "connection refused",
        _ if error.kind() == io::ErrorKind::ConnectionReset => "connection reset",
        _ if error.kind() == io::ErrorKind::UnexpectedEof => "the peer closed the connection",
        _ => return error.to_string(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_in_words() {
        let address = SocketAddr::from(([127, 0, 0, 1], 7777));
        let source = io::Error::from(io::ErrorKind::AddrInUse);
        let error = BindError::Tcp { address, source };
        assert_eq!(error.to_string(), "cannot listen on TCP 127.0.0.1:7777: address in use");
    }
}
