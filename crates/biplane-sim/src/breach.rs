//! A broken promise, in words that name seed, time, side and channel.

mod contract;
mod message;
mod notice;
mod request;
mod session;

pub use contract::ContractBreach;
pub use message::MessageBreach;
pub use notice::NoticeBreach;
pub use request::RequestBreach;
pub use session::SessionBreach;

use core::{fmt, time::Duration};

use biplane_wire::{ChannelId, ChannelKind};

use crate::Side;

/// One promise that was not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breach {
    /// The seed of the run.
    pub seed: u64,
    /// When it showed, counted from the start of the run.
    pub at: Duration,
    /// Where it showed; for a message, the side that takes.
    pub side: Option<Side>,
    /// On which channel, if on one.
    pub channel: Option<(ChannelId, ChannelKind)>,
    /// What was broken.
    pub what: Broken,
}

/// What was broken, by whose promise it was.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Broken {
    /// A channel's, to those who send and take.
    Message(MessageBreach),
    /// That of delivery notices, to those who send.
    Notice(NoticeBreach),
    /// That of requests, to those who ask and answer.
    Request(RequestBreach),
    /// A session's, to its application.
    Session(SessionBreach),
    /// The core's, to the shell that drives it.
    Contract(ContractBreach),
}

impl Broken {
    /// Every name that a broken promise may have in reports.
    pub const NAMES: [&'static str; 59] = [
        "message_invented",
        "message_altered",
        "message_repeated",
        "message_backwards",
        "message_out_of_order",
        "message_overtaken",
        "message_missing",
        "message_stuck",
        "message_too_early",
        "message_after_left",
        "notice_invented",
        "notice_repeated",
        "notice_untaken",
        "notice_taken",
        "notice_impossible",
        "notice_stuck",
        "notice_missing",
        "request_invented",
        "request_out_of_turn",
        "request_wrong_answer",
        "request_answered_twice",
        "request_unanswered",
        "request_never_answered",
        "session_never_joined",
        "session_ended",
        "session_left_otherwise",
        "session_never_left",
        "session_event_after_left",
        "session_never_over",
        "session_unannounced",
        "session_refused",
        "session_never_writable",
        "session_never_empty",
        "session_vanished",
        "session_lame",
        "session_slow_to_resume",
        "session_slow_to_heal",
        "session_paused",
        "session_slow_to_narrow",
        "session_misjudged",
        "session_outlived",
        "session_half_open",
        "session_told_otherwise",
        "altered_accepted",
        "replay_taken",
        "falsely_refused",
        "unaccounted",
        "miscounted",
        "drops_miscounted",
        "spins",
        "floods",
        "packet_length",
        "unsealable",
        "nonce_repeated",
        "misaddressed",
        "amplified",
        "pestered",
        "nothing_to_send",
        "nothing_to_read",
    ];

    /// Its name in reports, one of [`Broken::NAMES`].
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message(breach) => breach.name(),
            Self::Notice(breach) => breach.name(),
            Self::Request(breach) => breach.name(),
            Self::Session(breach) => breach.name(),
            Self::Contract(breach) => breach.name(),
        }
    }
}

impl From<MessageBreach> for Broken {
    fn from(breach: MessageBreach) -> Self {
        Self::Message(breach)
    }
}

impl From<NoticeBreach> for Broken {
    fn from(breach: NoticeBreach) -> Self {
        Self::Notice(breach)
    }
}

impl From<RequestBreach> for Broken {
    fn from(breach: RequestBreach) -> Self {
        Self::Request(breach)
    }
}

impl From<SessionBreach> for Broken {
    fn from(breach: SessionBreach) -> Self {
        Self::Session(breach)
    }
}

impl From<ContractBreach> for Broken {
    fn from(breach: ContractBreach) -> Self {
        Self::Contract(breach)
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, {:.6} s", self.seed, self.at.as_secs_f64())?;
        if let Some(side) = self.side {
            write!(f, ", {side}")?;
        }
        if let Some((channel, kind)) = self.channel {
            write!(f, ", channel {} ({kind})", channel.index())?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(breach) => breach.fmt(f),
            Self::Notice(breach) => breach.fmt(f),
            Self::Request(breach) => breach.fmt(f),
            Self::Session(breach) => breach.fmt(f),
            Self::Contract(breach) => breach.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use biplane_proto::{CloseReason, DropReason, Planes, RequestError, SendError};
    use biplane_wire::RequestId;

    use super::*;

    fn of_notices() -> [NoticeBreach; 7] {
        let (token, notice) = (0, biplane_proto::Notice::Lost);
        [
            NoticeBreach::Invented { token },
            NoticeBreach::Repeated { token },
            NoticeBreach::Untaken { token },
            NoticeBreach::Taken { token },
            NoticeBreach::Impossible { token, notice },
            NoticeBreach::Stuck { count: 0 },
            NoticeBreach::Missing { token },
        ]
    }

    /// One of each.
    fn all() -> Vec<Broken> {
        let (index, channel, id) = (0, ChannelId::new(0).unwrap(), RequestId(0));
        let messages = [
            MessageBreach::Invented,
            MessageBreach::Altered { index },
            MessageBreach::Repeated { index },
            MessageBreach::Backwards { index, after: 0 },
            MessageBreach::OutOfOrder { index, expected: 0 },
            MessageBreach::Overtaken { channel, index },
            MessageBreach::Missing { index },
            MessageBreach::Stuck { count: 0, oldest: 0, waited: Duration::ZERO },
            MessageBreach::TooEarly { index },
            MessageBreach::AfterLeft,
        ];
        let requests = [
            RequestBreach::Invented(id),
            RequestBreach::OutOfTurn(id),
            RequestBreach::WrongAnswer(id),
            RequestBreach::AnsweredTwice(id),
            RequestBreach::Unanswered(id, RequestError::TimedOut),
            RequestBreach::NeverAnswered { count: 0 },
        ];
        let sessions = [
            SessionBreach::NeverJoined { why: String::new() },
            SessionBreach::Ended(CloseReason::TimedOut),
            SessionBreach::LeftOtherwise(CloseReason::TimedOut),
            SessionBreach::NeverLeft,
            SessionBreach::EventAfterLeft { event: String::new() },
            SessionBreach::NeverOver,
            SessionBreach::Unannounced,
            SessionBreach::Refused(SendError::Closed),
            SessionBreach::NeverWritable,
            SessionBreach::NeverEmpty { waiting: 0 },
            SessionBreach::Vanished { missing: 0, expired: 0 },
            SessionBreach::Lame(Planes::Both),
            SessionBreach::SlowToResume(Duration::ZERO),
            SessionBreach::SlowToHeal(Duration::ZERO),
            SessionBreach::Paused { took: Duration::ZERO, bound: Duration::ZERO },
            SessionBreach::SlowToNarrow(Duration::ZERO),
            SessionBreach::Misjudged { size: 0, carries: 0 },
            SessionBreach::Outlived(Duration::ZERO),
            SessionBreach::HalfOpen(Duration::ZERO),
            SessionBreach::ToldOtherwise { told: None, is: Planes::Both },
        ];
        let contracts = [
            ContractBreach::AlteredAccepted,
            ContractBreach::ReplayTaken,
            ContractBreach::FalselyRefused(DropReason::Late),
            ContractBreach::Unaccounted { received: 0, delivered: 0, dropped: 0 },
            ContractBreach::Miscounted { says: 0, took: 0 },
            ContractBreach::DropsMiscounted { reason: DropReason::Late, says: 0, were: 0 },
            ContractBreach::Spins(None),
            ContractBreach::Floods,
            ContractBreach::PacketLength { appended: 0, says: 0 },
            ContractBreach::Unsealable,
            ContractBreach::NonceRepeated,
            ContractBreach::Misaddressed,
            ContractBreach::Amplified { sent: 0, received: 0 },
            ContractBreach::Pestered { len: 0 },
            ContractBreach::NothingToSend,
            ContractBreach::NothingToRead,
        ];
        let messages = messages.into_iter().map(Broken::from);
        let notices = of_notices().into_iter().map(Broken::from);
        let requests = requests.into_iter().map(Broken::from);
        let sessions = sessions.into_iter().map(Broken::from);
        let contracts = contracts.into_iter().map(Broken::from);
        messages.chain(notices).chain(requests).chain(sessions).chain(contracts).collect()
    }

    #[test]
    fn every_broken_promise_has_a_name_of_its_own() {
        let names: Vec<_> = all().iter().map(Broken::name).collect();
        assert_eq!(names, Broken::NAMES);
        let apart: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(apart.len(), names.len());
    }

    #[test]
    fn a_breach_names_seed_time_side_and_channel() {
        let breach = Breach {
            seed: 7,
            at: Duration::from_millis(12_034),
            side: Some(Side::Server(0)),
            channel: ChannelId::new(2).map(|id| (id, ChannelKind::ReliableOrdered)),
            what: MessageBreach::Repeated { index: 17 }.into(),
        };
        assert_eq!(
            breach.to_string(),
            "seed 7, 12.034000 s, server of client 0, channel 2 (reliable_ordered): \
             message 17 came twice"
        );
    }
}
