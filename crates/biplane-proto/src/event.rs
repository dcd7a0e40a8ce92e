//! What a session tells its owner. Messages are read from channels, not from here.

use biplane_wire::RequestId;
use bytes::Bytes;

use crate::{CloseReason, Offer, RequestError};

/// What happened to a session.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Messages have come since the last of these was taken.
    Readable,
    /// Half of what was full is free: a queue, or the places of requests. Or another transfer may be
    /// offered, where one was refused.
    Writable,
    /// The planes of either direction changed; this is the worse of the two now.
    Planes(Planes),
    /// The peer asks something.
    Called(Call),
    /// The peer has something to hand over.
    Offered(Offer),
    /// What became of the message that was sent with this token.
    Noted(u64, Notice),
    /// The session is over. Always the last.
    Left(CloseReason),
}

/// What became of a message whose sender asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "nothing else can become of a message")]
pub enum Notice {
    /// The peer's application took it.
    Delivered,
    /// It left, and nothing was heard of its being taken: a packet with it was lost, the peer's
    /// application did not take it in time, or the session ended first. A command, or a reliable
    /// message without a lifetime, is lost with its session alone.
    Lost,
    /// It did not leave, or not all of it: its lifetime was over.
    Expired,
    /// It did not leave, or not all of it: a newer one took its place.
    Superseded,
}

/// What a side sends on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Planes {
    /// TCP and UDP.
    Both,
    /// TCP alone.
    ControlOnly,
    /// UDP alone.
    DataOnly,
    /// Neither.
    Lost,
}

/// A request of the peer's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// What the reply must name.
    pub id: RequestId,
    /// Its kind's place in the description.
    pub kind: u8,
    /// What it asks.
    pub payload: Bytes,
}

/// What became of a request of this side's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answered {
    /// Which one.
    pub id: RequestId,
    /// The reply, or why there is none.
    pub outcome: Result<Bytes, RequestError>,
}

impl Planes {
    /// Those of a side whose control connection and UDP path work or do not.
    #[must_use]
    pub const fn of(control: bool, data: bool) -> Self {
        match (control, data) {
            (true, true) => Self::Both,
            (true, false) => Self::ControlOnly,
            (false, true) => Self::DataOnly,
            (false, false) => Self::Lost,
        }
    }

    /// Whether TCP is among them.
    #[must_use]
    pub const fn has_control(self) -> bool {
        matches!(self, Self::Both | Self::ControlOnly)
    }

    /// Whether UDP is among them.
    #[must_use]
    pub const fn has_data(self) -> bool {
        matches!(self, Self::Both | Self::DataOnly)
    }

    /// What works in both directions.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        Self::of(self.has_control() && other.has_control(), self.has_data() && other.has_data())
    }
}
