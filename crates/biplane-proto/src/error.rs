//! What can go wrong, by whose fault.

use biplane_wire::{ChannelId, DecodeError, Description, Difference};

/// Why a session ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side's application closed it.
    ClosedHere {
        /// Its words.
        text: Box<str>,
    },
    /// The peer's application closed it.
    Closed {
        /// Its words.
        text: Box<str>,
    },
    /// The peer's application let go of its handle.
    Dropped,
    /// The peer broke a rule.
    Violation(Violation),
    /// The peer says that this side broke a rule.
    Accused {
        /// Its words.
        text: Box<str>,
    },
    /// The control connection broke and was not replaced in time.
    ConnectionLost,
    /// The peer was silent for too long.
    TimedOut,
    /// The peer did not read what was written to it, for too long.
    TooSlow,
    /// The peer reached a limit of its own.
    PeerLimit {
        /// Its words.
        text: Box<str>,
    },
    /// A key has sealed as many packets as it may.
    KeysExhausted,
    /// A side requires UDP ([`crate::PlaneMode::RequireData`]), and it did not work in one of the
    /// directions.
    DataPlaneLost,
    /// The server did not know the session any more when its control connection was to be replaced:
    /// it was started anew, or had ended the session.
    ResumeRefused {
        /// Its words.
        text: Box<str>,
    },
}

impl CloseReason {
    /// Its name in statistics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ClosedHere { .. } => "closed_here",
            Self::Closed { .. } => "closed",
            Self::Dropped => "dropped",
            Self::Violation(_) => "violation",
            Self::Accused { .. } => "accused",
            Self::ConnectionLost => "connection_lost",
            Self::TimedOut => "timed_out",
            Self::TooSlow => "too_slow",
            Self::PeerLimit { .. } => "peer_limit",
            Self::KeysExhausted => "keys_exhausted",
            Self::DataPlaneLost => "data_plane_lost",
            Self::ResumeRefused { .. } => "resume_refused",
        }
    }
}

impl core::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::ClosedHere { text } => write!(f, "closed here: {text}"),
            Self::Closed { text } => write!(f, "closed by the peer: {text}"),
            Self::Dropped => f.write_str("the peer went away"),
            Self::Violation(violation) => write!(f, "the peer broke a rule: {violation}"),
            Self::Accused { text } => write!(f, "the peer says a rule was broken: {text}"),
            Self::ConnectionLost => f.write_str("the control connection was lost"),
            Self::TimedOut => f.write_str("the peer was silent for too long"),
            Self::TooSlow => f.write_str("the peer did not read for too long"),
            Self::PeerLimit { text } => write!(f, "the peer reached a limit: {text}"),
            Self::KeysExhausted => f.write_str("a key has sealed as many packets as it may"),
            Self::DataPlaneLost => f.write_str("UDP is required and did not work"),
            Self::ResumeRefused { text } => write!(f, "the session could not be resumed: {text}"),
        }
    }
}

/// Which rule an authenticated peer broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame or record does not read.
    #[error("undecodable frame or record: {0}")]
    Decode(#[from] DecodeError),
    /// It acknowledged what was never sent.
    #[error("acknowledged what was never sent")]
    AckOfUnsent,
    /// It acknowledged a number that was skipped, so that no packet has it.
    #[error("acknowledged a packet that there never was")]
    AckOfSkipped,
    /// A channel that the protocol does not have.
    #[error("channel {} is not in the protocol", .0.index())]
    UnknownChannel(ChannelId),
    /// A frame that this kind of channel does not carry, or a missing sequence number.
    #[error("channel {} carries no such frame", .0.index())]
    WrongFrame(ChannelId),
    /// A message longer than its channel allows.
    #[error("a message of channel {} is longer than its limit", .0.index())]
    MessageTooLong(ChannelId),
    /// A message that does not decode to the channel's type.
    #[error("a message of channel {} does not decode", .0.index())]
    Undecodable(ChannelId),
    /// Pieces of a message that do not agree on its length.
    #[error("pieces of a message of channel {} disagree on its length", .0.index())]
    TotalChanged(ChannelId),
    /// A message with more gaps between its pieces than any sender may leave.
    #[error("a message of channel {} has too many gaps", .0.index())]
    TooManyGaps(ChannelId),
    /// More than the credit it held.
    #[error("channel {} was sent more than its credit", .0.index())]
    CreditOverrun(ChannelId),
    /// It says that its application took a message that was never sent.
    #[error("a message of channel {} was taken that was never sent", .0.index())]
    TakenUnsent(ChannelId),
    /// A sequence number further ahead than any sender may go.
    #[error("a sequence number of channel {} is out of range", .0.index())]
    SequenceRange(ChannelId),
    /// A control record out of its turn.
    #[error("a control record out of its turn")]
    ControlOrder,
    /// A command, request or reply longer than allowed.
    #[error("a command, request or reply is too long")]
    ControlTooLong,
    /// A kind of request that the protocol does not have.
    #[error("request kind {0} is not in the protocol")]
    UnknownRequest(u8),
    /// A step or bytes of a transfer that was never offered.
    #[error("a transfer that was never offered")]
    UnknownTransfer,
    /// A step or bytes of a transfer out of their turn.
    #[error("a step of a transfer out of its turn")]
    TransferOrder,
    /// Bytes of a transfer that are not those that come next, or may not come.
    #[error("bytes of a transfer that may not come")]
    TransferRange,
    /// More open transfers than a side may have.
    #[error("too many transfers")]
    TooManyTransfers,
    /// It asked for its path to be proven without end, and acknowledged nothing.
    #[error("asked for the path without end, and acknowledged nothing")]
    ChallengeFlood,
    /// Something that this version reserves.
    #[error("{0} is reserved")]
    Reserved(&'static str),
}

/// Why a message, request or reply was not queued. The session is unaffected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message can never fit.
    #[error("longer than {limit} bytes")]
    TooLarge {
        /// The most it may be, in bytes.
        limit: usize,
    },
    /// The queue is full; [`crate::Event::Writable`] comes when there is room.
    #[error("the send queue is full")]
    QueueFull,
    /// The session is over.
    #[error("the session is over")]
    Closed,
    /// The session's protocol has no such channel or kind of request.
    #[error("not in the session's protocol")]
    NotInProtocol,
    /// The channel does not offer this: notices where `notify` was not declared, or waiting for
    /// commands where it carries commands itself.
    #[error("the channel does not offer this")]
    NotOffered,
}

/// Why a request has no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No reply came before the deadline.
    #[error("no reply in time")]
    TimedOut,
    /// The peer refused it.
    #[error("refused: {text}")]
    Refused {
        /// Its words.
        text: Box<str>,
    },
    /// The peer let go of it.
    #[error("the peer gave no answer")]
    Unanswered,
    /// The session ended first.
    #[error("the session is over")]
    Closed,
    /// It was not sent.
    #[error(transparent)]
    NotSent(#[from] SendError),
    /// The reply does not decode to its type.
    #[error("the reply does not decode")]
    Undecodable,
}

/// Why a client was not welcomed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The server speaks another protocol of the application's.
    #[error("the server speaks another protocol: {}", in_words(differences))]
    Mismatch {
        /// What differs, by name.
        differences: Vec<Difference>,
        /// What the server speaks.
        there: Box<Description>,
    },
    /// The server's application, or a limit of the server's, refused.
    #[error("refused with code {code}: {text}")]
    Refused {
        /// The application's code; 0 where Biplane itself refused.
        code: u16,
        /// When another try makes sense, if the server said so.
        retry_after: Option<core::time::Duration>,
        /// Words for a person.
        text: Box<str>,
    },
    /// No wire version in common.
    #[error("the server speaks wire versions {lowest} to {highest}")]
    Unsupported {
        /// The lowest it speaks.
        lowest: u8,
        /// The highest it speaks.
        highest: u8,
    },
    /// The answer does not read, or names what was not offered.
    #[error("the server's answer does not read: {0}")]
    Garbled(DecodeError),
}

/// Differences in one line, for people.
pub(crate) fn in_words(differences: &[Difference]) -> String {
    let words: Vec<_> = differences.iter().map(ToString::to_string).collect();
    words.join("; ")
}

/// The seal of a packet does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the seal does not hold")]
pub struct OpenError;

/// A packet was not sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The job is of another epoch or key phase than the sealer.
    #[error("the job is of another key")]
    OtherKey,
    /// The buffer is shorter than header and tag, or longer than a packet may be.
    #[error("the buffer has no room for header and tag")]
    Length,
}
