//! A broken promise, in words that name seed, time, side and channel.

mod contract;
mod message;
mod request;
mod session;

pub use contract::ContractBreach;
pub use message::MessageBreach;
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
    /// That of requests, to those who ask and answer.
    Request(RequestBreach),
    /// A session's, to its application.
    Session(SessionBreach),
    /// The core's, to the shell that drives it.
    Contract(ContractBreach),
}

impl Broken {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message(breach) => breach.name(),
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
            Self::Request(breach) => breach.fmt(f),
            Self::Session(breach) => breach.fmt(f),
            Self::Contract(breach) => breach.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
