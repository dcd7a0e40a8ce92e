//! What an application is told. Messages are not in here: they are read from their channels.

use std::sync::Arc;

use biplane_proto::{CloseReason, Notice, Planes};

use crate::{Call, Fault, Offer, Session};

/// What happened.
///
/// A session's first event is [`Event::Joined`], its last [`Event::Left`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A session began.
    Joined(Session),
    /// The peer asks something.
    Called(Call),
    /// Messages have come since this was last told and read; once a session at a time. `events()`
    /// leaves it out, since a tick reads its channels anyway.
    Readable(Session),
    /// After [`crate::SendError::QueueFull`]: half of the queue is free, or half of the requests that
    /// may be open are not; or another transfer may be offered.
    Writable(Session),
    /// What the session flies on changed, in either direction; the worse of the two.
    Planes(Session, Planes),
    /// The peer would hand something over: see [`Session::transfer`].
    Offered(Offer),
    /// What became of the message that [`Session::send_noted`] sent with this token; once a message,
    /// before `Left`.
    Noted(Session, u64, Notice),
    /// The session is over, and why. What had arrived before can still be read.
    Left(Session, CloseReason),
    /// The socket or the listener broke. Sessions go on as far as they can.
    Fault(Arc<Fault>),
}

impl Event {
    /// What the core says of `session`; `None` for what this version does not know.
    pub(crate) fn of(session: Session, event: biplane_proto::Event) -> Option<Self> {
        Some(match event {
            biplane_proto::Event::Readable => Self::Readable(session),
            biplane_proto::Event::Writable => Self::Writable(session),
            biplane_proto::Event::Planes(planes) => Self::Planes(session, planes),
            biplane_proto::Event::Called(call) => Self::Called(Call::new(session, call)),
            biplane_proto::Event::Offered(offer) => Self::Offered(Offer::new(session, offer)),
            biplane_proto::Event::Noted(token, notice) => Self::Noted(session, token, notice),
            biplane_proto::Event::Left(reason) => Self::Left(session, reason),
            _ => return None,
        })
    }
}
