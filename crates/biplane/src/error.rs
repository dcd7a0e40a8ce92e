//! What can go wrong in an application's hands, by whose fault.

use core::time::Duration;

use biplane_proto::JoinError;
use biplane_wire::{Description, Difference};

use crate::{DialError, LinkError, Pin, ProtocolError, SocketError, Step, codec::EncodeError};

/// Why a server or an endpoint was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The protocol cannot be used.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The address, the port, the identity or the system's means cannot be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// Why a client has no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The protocol cannot be used.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The text is not a link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The credentials are longer than `limit` bytes.
    #[error("credentials are at most {limit} bytes")]
    Credentials {
        /// The most they may be, in bytes.
        limit: usize,
    },
    /// The client's own socket cannot be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Nothing can be joined there; the error says what was found.
    #[error(transparent)]
    Unreachable(DialError),
    /// The server is another than the link names.
    #[error(
        "the server's pin is {got}, the link says {expected}: get the link anew, or give the server its identity back"
    )]
    WrongPin {
        /// The link's.
        expected: Pin,
        /// The server's.
        got: Pin,
    },
    /// The server speaks another protocol of the application's.
    #[error("the server speaks another protocol: {}", in_words(differences))]
    Mismatch {
        /// What differs, by name.
        differences: Vec<Difference>,
        /// What the server speaks.
        there: Box<Description>,
    },
    /// The server's admission, or a limit of the server's, refused.
    #[error("refused with code {code}: {text}")]
    Refused {
        /// The application's code, or one of Biplane's, which an application should avoid: 500
        /// admission panicked, or the server is out of order; 503 full, busy, closing or under
        /// maintenance; 504 admission took too long; 0 no AEAD in common.
        code: u16,
        /// Words for a person.
        text: Box<str>,
        /// When another try makes sense, if the server said so.
        retry_after: Option<Duration>,
    },
    /// It took too long.
    #[error("no session within {seconds} s: {step} did not end")]
    TimedOut {
        /// The deadline for the whole of it, in seconds.
        seconds: u64,
        /// What was under way.
        step: Step,
    },
    /// The endpoint was closed or dropped meanwhile.
    #[error("the endpoint is closed")]
    Closed,
}

impl ConnectError {
    /// The step that failed, all before it having been taken; `None` where none was tried, because
    /// the fault is on this side. [`crate::Client::diagnose`] goes on where this one ends.
    #[must_use]
    pub const fn step(&self) -> Option<Step> {
        match self {
            Self::Unreachable(error) => error.step(),
            Self::WrongPin { .. } => Some(Step::Pin),
            Self::Mismatch { .. } => Some(Step::Protocol),
            Self::Refused { .. } => Some(Step::Admission),
            Self::TimedOut { step, .. } => Some(*step),
            Self::Protocol(_)
            | Self::Link(_)
            | Self::Credentials { .. }
            | Self::Socket(_)
            | Self::Closed => None,
        }
    }
}

impl From<DialError> for ConnectError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are alike to a caller")]
    fn from(error: DialError) -> Self {
        match error {
            DialError::Link(error) => Self::Link(error),
            DialError::WrongPin { expected, got } => Self::WrongPin { expected, got },
            DialError::Join(JoinError::Mismatch { differences, there }) => {
                Self::Mismatch { differences, there }
            }
            DialError::Join(JoinError::Refused { code, retry_after, text }) => {
                Self::Refused { code, text, retry_after }
            }
            DialError::TimedOut { seconds, step } => Self::TimedOut { seconds, step },
            DialError::Closed => Self::Closed,
            other => Self::Unreachable(other),
        }
    }
}

fn in_words(differences: &[Difference]) -> String {
    let words: Vec<_> = differences.iter().map(ToString::to_string).collect();
    words.join("; ")
}

/// Why a message, request or answer was not queued. The session is unaffected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message can never fit.
    #[error("longer than {limit} bytes")]
    TooLarge {
        /// The most it may be, in bytes as encoded.
        limit: usize,
    },
    /// The queue is full; one [`crate::Event::Writable`] comes when there is room.
    #[error("the send queue is full: wait for `Event::Writable`")]
    QueueFull,
    /// The session is over.
    #[error("the session is over")]
    Closed,
    /// The session's protocol has no such channel or request.
    #[error("not in the session's protocol: add it there, on both sides")]
    NotInProtocol,
    /// The channel does not offer this: delivery notices where it was declared without
    /// [`crate::Channel::notify`], or waiting for commands where it carries commands itself. Or a
    /// transfer without a name, or one in a simulated world, which has none.
    #[error(
        "not offered here: `notify` for notices, a name for a transfer; commands keep their order anyway"
    )]
    NotOffered,
    /// The value has no encoding, or one that no peer would decode: its `Serialize` fails or wants a
    /// format that describes itself, it has more than 64 values inside each other, or more elements
    /// than bytes, as a `Vec<()>` has.
    #[error("the value cannot be encoded")]
    Unencodable,
}

impl SendError {
    pub(crate) const fn of(error: EncodeError, limit: usize) -> Self {
        match error {
            EncodeError::TooLong => Self::TooLarge { limit },
            EncodeError::Unencodable => Self::Unencodable,
        }
    }
}

impl From<biplane_proto::SendError> for SendError {
    fn from(error: biplane_proto::SendError) -> Self {
        match error {
            biplane_proto::SendError::TooLarge { limit } => Self::TooLarge { limit },
            biplane_proto::SendError::QueueFull => Self::QueueFull,
            biplane_proto::SendError::NotInProtocol => Self::NotInProtocol,
            biplane_proto::SendError::NotOffered => Self::NotOffered,
            // Whatever else the core may say one day: this message does not go.
            biplane_proto::SendError::Closed | _ => Self::Closed,
        }
    }
}

/// Why a request has no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No answer came before the deadline.
    #[error("no answer in time")]
    TimedOut,
    /// The peer refused it.
    #[error("refused: {text}")]
    Refused {
        /// Its words.
        text: Box<str>,
    },
    /// The peer let go of it.
    #[error("the peer let go of it: does it answer `Event::Called`?")]
    Unanswered,
    /// The session ended first.
    #[error("the session is over")]
    Closed,
    /// It was not sent.
    #[error("not sent: {0}")]
    NotSent(#[from] SendError),
    /// The answer does not decode to its type; the session ends with a violation.
    #[error("the answer does not decode")]
    Undecodable,
}

impl From<biplane_proto::RequestError> for RequestError {
    fn from(error: biplane_proto::RequestError) -> Self {
        match error {
            biplane_proto::RequestError::TimedOut => Self::TimedOut,
            biplane_proto::RequestError::Refused { text } => Self::Refused { text },
            biplane_proto::RequestError::Unanswered => Self::Unanswered,
            biplane_proto::RequestError::NotSent(error) => Self::NotSent(error.into()),
            biplane_proto::RequestError::Undecodable => Self::Undecodable,
            // Whatever else the core may say one day: no answer will come.
            biplane_proto::RequestError::Closed | _ => Self::Closed,
        }
    }
}
