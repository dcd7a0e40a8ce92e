//! Planted faults between a session and its application, which an oracle must find.
//!
//! A sweep without a violation proves nothing until the same oracle has caught these.

use core::fmt;
use std::time::Instant;

use biplane_proto::Session;
use biplane_wire::{ChannelId, ChannelKind};
use bytes::Bytes;

use crate::{Broken, MessageBreach};

/// What a planted fault does to one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CanaryKind {
    /// It is never given.
    Withholds,
    /// It is given after the next one.
    Swaps,
    /// It is given twice.
    Repeats,
}

/// A planted fault: where it strikes, and when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Canary {
    /// What it does.
    pub kind: CanaryKind,
    /// To whose messages.
    pub channel: ChannelId,
    /// After how many of them.
    pub after: u64,
}

/// A session, with or without a canary between it and its application.
#[derive(Debug)]
pub struct Core {
    session: Session,
    canary: Option<Caged>,
}

#[derive(Debug)]
struct Caged {
    canary: Canary,
    taken: u64,
    held: Option<Bytes>,
    next: Option<Bytes>,
}

impl CanaryKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Withholds, Self::Swaps, Self::Repeats];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Withholds => "withholds",
            Self::Swaps => "swaps",
            Self::Repeats => "repeats",
        }
    }

    /// Whether it breaks a promise of channels of this kind.
    #[must_use]
    pub const fn bites(self, kind: ChannelKind) -> bool {
        match self {
            Self::Withholds => kind.is_reliable(),
            Self::Swaps => {
                !matches!(kind, ChannelKind::ReliableUnordered | ChannelKind::Unreliable)
            }
            Self::Repeats => true,
        }
    }

    /// Whether `broken` is what an oracle should call it.
    #[must_use]
    pub const fn is_named_by(self, broken: &Broken) -> bool {
        use MessageBreach::{Backwards, Missing, OutOfOrder, Repeated};

        let Broken::Message(breach) = broken else { return false };
        match self {
            Self::Withholds => matches!(breach, Missing { .. }),
            Self::Swaps => matches!(breach, OutOfOrder { .. } | Backwards { .. }),
            Self::Repeats => matches!(breach, Repeated { .. }),
        }
    }
}

impl fmt::Display for CanaryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Core {
    /// A session as it is, or behind a canary.
    #[must_use]
    pub fn new(session: Session, canary: Option<Canary>) -> Self {
        let cage = |canary| Caged { canary, taken: 0, held: None, next: None };
        Self { session, canary: canary.map(cage) }
    }

    /// The session itself.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The session itself, for everything but taking messages.
    pub const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// [`Session::take`], as the canary lets it.
    pub fn take(&mut self, now: Instant, channel: ChannelId) -> Option<Bytes> {
        match &mut self.canary {
            Some(caged) if caged.canary.channel == channel => {
                caged.take(|| self.session.take(now, channel))
            }
            _ => self.session.take(now, channel),
        }
    }
}

impl Caged {
    fn take(&mut self, mut take: impl FnMut() -> Option<Bytes>) -> Option<Bytes> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        let message = take()?;
        self.taken += 1;
        if let Some(held) = self.held.take() {
            self.next = Some(held);
            return Some(message);
        }
        if self.taken != self.canary.after + 1 {
            return Some(message);
        }
        match self.canary.kind {
            CanaryKind::Withholds => take(),
            CanaryKind::Swaps => {
                self.held = Some(message);
                self.take(take)
            }
            CanaryKind::Repeats => {
                self.next = Some(message.clone());
                Some(message)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of messages 0 to 5, the fault striking at 3.
    fn given(kind: CanaryKind) -> Vec<u8> {
        let canary = Canary { kind, channel: ChannelId::new(0).unwrap(), after: 3 };
        let mut caged = Caged { canary, taken: 0, held: None, next: None };
        let mut messages = (0..6_u8).map(|n| Bytes::from(vec![n]));
        core::iter::from_fn(|| caged.take(|| messages.next())).map(|message| message[0]).collect()
    }

    #[test]
    fn each_kind_does_what_it_is_called() {
        assert_eq!(given(CanaryKind::Withholds), [0, 1, 2, 4, 5]);
        assert_eq!(given(CanaryKind::Swaps), [0, 1, 2, 4, 3, 5]);
        assert_eq!(given(CanaryKind::Repeats), [0, 1, 2, 3, 3, 4, 5]);
    }
}
