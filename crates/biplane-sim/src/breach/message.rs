//! What may be wrong with messages.

use core::{fmt, time::Duration};

use biplane_wire::ChannelId;

/// A channel's promise that was not kept. Messages of one channel and direction count from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MessageBreach {
    /// A message that nobody sent.
    Invented,
    /// A message with other bytes than were sent.
    Altered {
        /// Which.
        index: u64,
    },
    /// A message was given a second time.
    Repeated {
        /// Which.
        index: u64,
    },
    /// A `sequenced` message after a newer one.
    Backwards {
        /// Which.
        index: u64,
        /// The newest before it.
        after: u64,
    },
    /// An ordered message out of its turn.
    OutOfOrder {
        /// Which.
        index: u64,
        /// Whose turn it was.
        expected: u64,
    },
    /// Commands were given while an earlier one, of whichever command channel, was not.
    Overtaken {
        /// The earlier one's channel.
        channel: ChannelId,
        /// Which of that channel it is.
        index: u64,
    },
    /// A reliable message never came.
    Missing {
        /// Which.
        index: u64,
    },
    /// Reliable messages had not come long after the faults had stopped.
    Stuck {
        /// How many.
        count: u64,
        /// The oldest.
        oldest: u64,
        /// How long the faults had stopped.
        waited: Duration,
    },
    /// A message came before commands, requests or replies that it was to come after.
    TooEarly {
        /// Which.
        index: u64,
    },
    /// A message came after the session was over.
    AfterLeft,
}

impl MessageBreach {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Invented => "message_invented",
            Self::Altered { .. } => "message_altered",
            Self::Repeated { .. } => "message_repeated",
            Self::Backwards { .. } => "message_backwards",
            Self::OutOfOrder { .. } => "message_out_of_order",
            Self::Overtaken { .. } => "message_overtaken",
            Self::Missing { .. } => "message_missing",
            Self::Stuck { .. } => "message_stuck",
            Self::TooEarly { .. } => "message_too_early",
            Self::AfterLeft => "message_after_left",
        }
    }
}

impl fmt::Display for MessageBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invented => f.write_str("a message came that nobody sent"),
            Self::Altered { index } => write!(f, "message {index} came with other bytes"),
            Self::Repeated { index } => write!(f, "message {index} came twice"),
            Self::Backwards { index, after } => {
                write!(f, "message {index} came after the newer {after}")
            }
            Self::OutOfOrder { index, expected } => {
                write!(f, "message {index} came where it was the turn of {expected}")
            }
            Self::Overtaken { channel, index } => {
                write!(f, "later commands overtook message {index} of channel {}", channel.index())
            }
            Self::Missing { index } => write!(f, "message {index} never came"),
            Self::Stuck { count, oldest, waited } => {
                let waited = waited.as_secs_f64();
                write!(f, "{count} messages from {oldest} on had not come {waited:.3} s later")
            }
            Self::TooEarly { index } => {
                write!(f, "message {index} came before what it was to come after")
            }
            Self::AfterLeft => f.write_str("a message came after the end of the session"),
        }
    }
}
