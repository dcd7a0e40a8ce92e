//! What may be wrong with requests.

use core::fmt;

use biplane_proto::RequestError;
use biplane_wire::RequestId;

/// A promise about requests that was not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestBreach {
    /// A call that nobody asked, or with other bytes.
    Invented(RequestId),
    /// A call came a second time or out of its turn.
    OutOfTurn(RequestId),
    /// A request got other bytes than its answer, or one that nobody asked was answered.
    WrongAnswer(RequestId),
    /// A request was answered a second time.
    AnsweredTwice(RequestId),
    /// A request ended without its answer.
    Unanswered(RequestId, RequestError),
    /// Requests never ended.
    NeverAnswered {
        /// How many.
        count: u64,
    },
}

impl RequestBreach {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Invented(_) => "request_invented",
            Self::OutOfTurn(_) => "request_out_of_turn",
            Self::WrongAnswer(_) => "request_wrong_answer",
            Self::AnsweredTwice(_) => "request_answered_twice",
            Self::Unanswered(..) => "request_unanswered",
            Self::NeverAnswered { .. } => "request_never_answered",
        }
    }
}

impl fmt::Display for RequestBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invented(id) => write!(f, "call {} came that nobody asked", id.0),
            Self::OutOfTurn(id) => write!(f, "call {} came twice or out of its turn", id.0),
            Self::WrongAnswer(id) => write!(f, "request {} got another answer than its own", id.0),
            Self::AnsweredTwice(id) => write!(f, "request {} was answered twice", id.0),
            Self::Unanswered(id, why) => write!(f, "request {} got no answer: {why}", id.0),
            Self::NeverAnswered { count } => write!(f, "{count} requests never ended"),
        }
    }
}
