//! What may be wrong with delivery notices.

use core::fmt;

use biplane_proto::Notice;

/// A promise about delivery notices that was not kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NoticeBreach {
    /// One for a token that nobody gave.
    Invented {
        /// The token.
        token: u64,
    },
    /// A second one for a message.
    Repeated {
        /// The message's token.
        token: u64,
    },
    /// It says `Delivered`, and the application did not take the message.
    Untaken {
        /// The message's token.
        token: u64,
    },
    /// It says that the message never left, and the application took it.
    Taken {
        /// The message's token.
        token: u64,
    },
    /// It says what cannot become of a message of that channel.
    Impossible {
        /// The message's token.
        token: u64,
        /// What it says.
        notice: Notice,
    },
    /// There were none long after the faults had stopped.
    Stuck {
        /// How many are open.
        count: u64,
    },
    /// There was none.
    Missing {
        /// The message's token.
        token: u64,
    },
}

impl NoticeBreach {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Invented { .. } => "notice_invented",
            Self::Repeated { .. } => "notice_repeated",
            Self::Untaken { .. } => "notice_untaken",
            Self::Taken { .. } => "notice_taken",
            Self::Impossible { .. } => "notice_impossible",
            Self::Stuck { .. } => "notice_stuck",
            Self::Missing { .. } => "notice_missing",
        }
    }
}

impl fmt::Display for NoticeBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invented { token } => write!(f, "a notice for token {token}, which nobody gave"),
            Self::Repeated { token } => write!(f, "a second notice for token {token}"),
            Self::Untaken { token } => {
                write!(f, "token {token} is told to be delivered, and was not taken")
            }
            Self::Taken { token } => {
                write!(f, "token {token} is told not to have left, and was taken")
            }
            Self::Impossible { token, notice } => {
                write!(f, "token {token} is told to be {notice:?}, which it cannot be")
            }
            Self::Stuck { count } => write!(f, "{count} notices had not come long after"),
            Self::Missing { token } => write!(f, "no notice for token {token} ever came"),
        }
    }
}
