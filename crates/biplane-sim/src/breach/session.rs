//! What may be wrong with a session as its application sees it.

use core::{fmt, time::Duration};

use biplane_proto::{CloseReason, Planes, SendError};

/// A session's promise that was not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionBreach {
    /// It did not begin.
    NeverJoined {
        /// Why, as far as it is known.
        why: String,
    },
    /// It ended though nobody ended it.
    Ended(CloseReason),
    /// It was closed, and ended for another reason.
    LeftOtherwise(CloseReason),
    /// It was closed, and no event told so.
    NeverLeft,
    /// It told something after its last event.
    EventAfterLeft {
        /// The event, in the words of its `Debug`.
        event: String,
    },
    /// It was closed at both ends and never let go.
    NeverOver,
    /// Messages could be taken of which no event told.
    Unannounced,
    /// It refused a message, and not because a queue was full.
    Refused(SendError),
    /// A full queue was never said to be free again.
    NeverWritable,
    /// Its queues did not empty though nobody sent any more and all faults had stopped.
    NeverEmpty {
        /// Messages and control records that wait.
        waiting: u64,
    },
    /// More reliable messages with a lifetime never came than expired.
    Vanished {
        /// How many never came.
        missing: u64,
        /// How many messages it says expired.
        expired: u64,
    },
    /// It does not fly on both planes long after the faults had stopped.
    Lame(Planes),
    /// It was not on another control connection so long after that was possible.
    SlowToResume(Duration),
    /// It did not fly so long after its network had healed.
    SlowToHeal(Duration),
    /// Of a steady stream nothing came for longer than its network explains.
    Paused {
        /// For how long.
        took: Duration,
        /// How long it may take at the most.
        bound: Duration,
    },
    /// A message took longer than a path that comes to carry less explains.
    SlowToNarrow(Duration),
    /// The longest datagram that it sends is not what its path carries.
    Misjudged {
        /// How long that datagram is, in bytes.
        size: u64,
        /// How long it may be.
        carries: u64,
    },
    /// It lived on without a control connection for so long beyond its grace.
    Outlived(Duration),
    /// One end was over for so long, and the other was not.
    HalfOpen(Duration),
    /// What it last told of its planes is not so.
    ToldOtherwise {
        /// What it told.
        told: Option<Planes>,
        /// What is so.
        is: Planes,
    },
}

impl SessionBreach {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NeverJoined { .. } => "session_never_joined",
            Self::Ended(_) => "session_ended",
            Self::LeftOtherwise(_) => "session_left_otherwise",
            Self::NeverLeft => "session_never_left",
            Self::EventAfterLeft { .. } => "session_event_after_left",
            Self::NeverOver => "session_never_over",
            Self::Unannounced => "session_unannounced",
            Self::Refused(_) => "session_refused",
            Self::NeverWritable => "session_never_writable",
            Self::NeverEmpty { .. } => "session_never_empty",
            Self::Vanished { .. } => "session_vanished",
            Self::Lame(_) => "session_lame",
            Self::SlowToResume(_) => "session_slow_to_resume",
            Self::SlowToHeal(_) => "session_slow_to_heal",
            Self::Paused { .. } => "session_paused",
            Self::SlowToNarrow(_) => "session_slow_to_narrow",
            Self::Misjudged { .. } => "session_misjudged",
            Self::Outlived(_) => "session_outlived",
            Self::HalfOpen(_) => "session_half_open",
            Self::ToldOtherwise { .. } => "session_told_otherwise",
        }
    }
}

impl fmt::Display for SessionBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverJoined { why } => write!(f, "the session did not begin: {why}"),
            Self::Ended(reason) => write!(f, "the session ended by itself: {reason}"),
            Self::LeftOtherwise(reason) => write!(f, "closed, and left otherwise: {reason}"),
            Self::NeverLeft => f.write_str("closed, and no event told so"),
            Self::EventAfterLeft { event } => write!(f, "{event} came after the last event"),
            Self::NeverOver => f.write_str("closed at both ends, and never over"),
            Self::Unannounced => f.write_str("messages can be taken of which no event told"),
            Self::Refused(error) => write!(f, "a message was refused: {error}"),
            Self::Lame(planes) => write!(f, "still on {planes:?} though all faults have stopped"),
            Self::SlowToResume(took) => write!(f, "another connection took {took:?}"),
            Self::SlowToHeal(took) => {
                write!(f, "does not fly until {took:?} after the network did")
            }
            Self::Paused { took, bound } => {
                write!(f, "nothing of a steady stream came for {took:?}, which may be {bound:?}")
            }
            Self::SlowToNarrow(took) => write!(f, "a message took {took:?} on a narrow path"),
            Self::Misjudged { size, carries } => {
                write!(f, "sends datagrams of {size} bytes over a path that carries {carries}")
            }
            Self::Outlived(took) => write!(f, "lived on for {took:?} beyond its grace"),
            Self::HalfOpen(took) => write!(f, "over at one end {took:?} before the other"),
            Self::ToldOtherwise { told, is } => write!(f, "told {told:?} last, and is on {is:?}"),
            Self::NeverEmpty { waiting } => {
                write!(f, "{waiting} messages and records still wait though nobody sends")
            }
            Self::Vanished { missing, expired } => {
                write!(f, "{missing} messages never came of which {expired} expired")
            }
            Self::NeverWritable => f.write_str("a full queue was never said to be free again"),
        }
    }
}
