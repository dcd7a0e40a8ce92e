//! Planted faults in a session or around it, which the checks of a run must find.
//!
//! A sweep without a violation proves nothing until the same checks have caught these.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use std::{collections::VecDeque, time::Instant};

use biplane_proto::{Event, Notice, SendError, SendOptions, Session};
use biplane_wire::{ChannelId, ChannelKind};
use bytes::Bytes;

use crate::{Broken, ContractBreach, MessageBreach, NoticeBreach, SessionBreach};

/// Counts the canaries that waver: what outlives a run must not decide what it does.
static WAVERERS: AtomicU64 = AtomicU64::new(0);

/// What a planted fault does, to one message if nothing else is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CanaryKind {
    /// It is never given.
    Withholds,
    /// It is given after the next one.
    Swaps,
    /// It is given twice.
    Repeats,
    /// It is given when the session is over.
    Lingers,
    /// From it on none is given.
    Stalls,
    /// What is given depends on how many runs there were before in this process.
    Wavers,
    /// A server's session is not told of datagrams that were dropped before they came to it.
    Swallows,
    /// A datagram that comes once more is taken in.
    Forgets,
    /// A client does not look for another control connection.
    Sulks,
    /// Both ends live on for five seconds beyond their grace.
    Clings,
    /// Every session begins with the same secret.
    Recalls,
    /// The clock is an hour further at every look.
    Runs,
    /// No message waits for the commands that it comes after.
    Hastens,
    /// Every message is told to be delivered as soon as it is sent.
    Boasts,
    /// What becomes of messages is never told.
    Hushes,
    /// A server sends what goes to an address that is not proven a hundred times.
    Gushes,
    /// A server believes that its client is where it was at first.
    Stays,
    /// A server takes the next packet from an address that it asked for the answer.
    Trusts,
    /// A server believes that what it sent before the newest packet that was acknowledged arrived.
    Vouches,
}

/// A planted fault: where it strikes, and when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Canary {
    /// What it does.
    pub kind: CanaryKind,
    /// To whose messages.
    pub channel: ChannelId,
    /// After how many of them; of datagrams, which one.
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
    late: Option<Bytes>,
    /// Tokens of which more is told than is true.
    boasts: VecDeque<u64>,
    /// Since when the session has been over.
    over_since: Option<Instant>,
    /// What decides where it wavers.
    wavers: u64,
}

impl CanaryKind {
    /// Every kind that an oracle finds, by what happens to messages.
    pub const OF_MESSAGES: [Self; 5] =
        [Self::Withholds, Self::Swaps, Self::Repeats, Self::Lingers, Self::Stalls];

    /// Every kind that an oracle finds, by what is asked of messages beside their channel's promise.
    pub const OF_OPTIONS: [Self; 3] = [Self::Hastens, Self::Boasts, Self::Hushes];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Withholds => "withholds",
            Self::Swaps => "swaps",
            Self::Repeats => "repeats",
            Self::Lingers => "lingers",
            Self::Stalls => "stalls",
            Self::Wavers => "wavers",
            Self::Swallows => "swallows",
            Self::Forgets => "forgets",
            Self::Sulks => "sulks",
            Self::Clings => "clings",
            Self::Recalls => "recalls",
            Self::Runs => "runs",
            Self::Hastens => "hastens",
            Self::Boasts => "boasts",
            Self::Hushes => "hushes",
            Self::Gushes => "gushes",
            Self::Stays => "stays",
            Self::Trusts => "trusts",
            Self::Vouches => "vouches",
        }
    }

    /// Whether it breaks a promise of channels of this kind.
    #[must_use]
    pub const fn bites(self, kind: ChannelKind) -> bool {
        match self {
            Self::Withholds | Self::Stalls => kind.is_reliable(),
            Self::Swaps => {
                !matches!(kind, ChannelKind::ReliableUnordered | ChannelKind::Unreliable)
            }
            Self::Lingers | Self::Wavers => matches!(kind, ChannelKind::Unreliable),
            Self::Repeats
            | Self::Swallows
            | Self::Forgets
            | Self::Sulks
            | Self::Clings
            | Self::Recalls
            | Self::Runs
            | Self::Hastens
            | Self::Boasts
            | Self::Hushes
            | Self::Gushes
            | Self::Stays
            | Self::Trusts
            | Self::Vouches => true,
        }
    }

    /// Whether `broken` is what it should be called. One that wavers breaks no promise: it is found
    /// by running its seed twice.
    #[must_use]
    pub const fn is_named_by(self, broken: &Broken) -> bool {
        use Broken::{Contract, Message, Notice, Session};
        use MessageBreach::{AfterLeft, Backwards, Missing, OutOfOrder, Repeated, Stuck, TooEarly};

        match self {
            Self::Withholds => matches!(broken, Message(Missing { .. })),
            Self::Swaps => matches!(broken, Message(OutOfOrder { .. } | Backwards { .. })),
            Self::Repeats => matches!(broken, Message(Repeated { .. })),
            Self::Lingers => matches!(broken, Message(AfterLeft)),
            Self::Stalls => matches!(broken, Message(Stuck { .. })),
            Self::Wavers => false,
            Self::Swallows => matches!(broken, Contract(ContractBreach::DropsMiscounted { .. })),
            Self::Forgets => matches!(broken, Contract(ContractBreach::ReplayTaken)),
            Self::Sulks => {
                matches!(broken, Session(SessionBreach::Ended(_) | SessionBreach::Lame(_)))
            }
            Self::Runs => matches!(broken, Session(SessionBreach::Ended(_))),
            Self::Clings => matches!(broken, Session(SessionBreach::Outlived(_))),
            Self::Recalls => matches!(broken, Contract(ContractBreach::NonceRepeated)),
            Self::Hastens => matches!(broken, Message(TooEarly { .. })),
            Self::Boasts => matches!(broken, Notice(NoticeBreach::Untaken { .. })),
            Self::Hushes => matches!(broken, Notice(NoticeBreach::Stuck { .. })),
            Self::Gushes => matches!(broken, Contract(ContractBreach::Amplified { .. })),
            Self::Stays => matches!(broken, Session(SessionBreach::Paused { .. })),
            Self::Trusts => matches!(broken, Contract(ContractBreach::Pestered { .. })),
            Self::Vouches => matches!(broken, Session(SessionBreach::Misjudged { .. })),
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
        Self { session, canary: canary.map(Caged::new) }
    }

    /// Whether this fault is planted in it.
    pub(crate) fn is(&self, kind: CanaryKind) -> bool {
        self.canary.as_ref().is_some_and(|caged| caged.canary.kind == kind)
    }

    /// The session itself.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The session itself, for everything but sending and taking messages, and events.
    pub const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// [`Session::send_with`], as the canary lets it.
    ///
    /// # Errors
    ///
    /// As the session says.
    pub fn send_with(
        &mut self,
        now: Instant,
        channel: ChannelId,
        payload: Bytes,
        how: SendOptions,
    ) -> Result<(), SendError> {
        let kind = self.canary.as_ref().map(|caged| caged.canary.kind);
        let how = match kind {
            Some(CanaryKind::Hastens) => SendOptions { after_commands: false, ..how },
            Some(CanaryKind::Hushes) => SendOptions { notice: None, ..how },
            _ => how,
        };
        self.session.send_with(now, channel, payload, how)?;
        if let Some(caged) = self.canary.as_mut().filter(|_| kind == Some(CanaryKind::Boasts)) {
            caged.boasts.extend(how.notice);
        }
        Ok(())
    }

    /// [`Session::poll_event`], as the canary lets it.
    pub fn poll_event(&mut self) -> Option<Event> {
        let boasts = self.canary.as_mut().and_then(|caged| caged.boasts.pop_front());
        let told = boasts.map(|token| Event::Noted(token, Notice::Delivered));
        told.or_else(|| self.session.poll_event())
    }

    /// [`Session::take`], as the canary lets it.
    pub fn take(&mut self, now: Instant, channel: ChannelId) -> Option<Bytes> {
        match &mut self.canary {
            Some(caged) if caged.canary.channel == channel => {
                let late = caged.late(now, self.session.is_over());
                late.or_else(|| caged.take(|| self.session.take(now, channel)))
            }
            _ => self.session.take(now, channel),
        }
    }
}

impl Caged {
    fn new(canary: Canary) -> Self {
        let wavers = WAVERERS.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            canary,
            taken: 0,
            held: None,
            next: None,
            late: None,
            boasts: VecDeque::new(),
            over_since: None,
            wavers,
        }
    }

    /// What is given once the session has been over for a while.
    fn late(&mut self, now: Instant, is_over: bool) -> Option<Bytes> {
        if !is_over {
            return None;
        }
        let since = *self.over_since.get_or_insert(now);
        if since < now { self.late.take() } else { None }
    }

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
        let strikes = self.taken == self.canary.after + 1;
        match self.canary.kind {
            CanaryKind::Stalls if self.taken > self.canary.after => {
                while take().is_some() {}
                None
            }
            CanaryKind::Wavers => {
                let gives = self.wavers >> (self.taken % 64) & 1 == 0;
                if gives { Some(message) } else { self.take(take) }
            }
            CanaryKind::Withholds if strikes => take(),
            CanaryKind::Lingers if strikes => {
                self.late = Some(message);
                take()
            }
            CanaryKind::Swaps if strikes => {
                self.held = Some(message);
                self.take(take)
            }
            CanaryKind::Repeats if strikes => {
                self.next = Some(message.clone());
                Some(message)
            }
            CanaryKind::Withholds
            | CanaryKind::Swaps
            | CanaryKind::Repeats
            | CanaryKind::Lingers
            | CanaryKind::Stalls
            | CanaryKind::Swallows
            | CanaryKind::Forgets
            | CanaryKind::Sulks
            | CanaryKind::Clings
            | CanaryKind::Recalls
            | CanaryKind::Runs
            | CanaryKind::Hastens
            | CanaryKind::Boasts
            | CanaryKind::Hushes
            | CanaryKind::Gushes
            | CanaryKind::Stays
            | CanaryKind::Trusts
            | CanaryKind::Vouches => Some(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of messages 0 to 5, the fault striking at 3.
    fn given(kind: CanaryKind) -> Vec<u8> {
        let canary = Canary { kind, channel: ChannelId::new(0).unwrap(), after: 3 };
        let mut caged = Caged::new(canary);
        let mut messages = (0..6_u8).map(|n| Bytes::from(vec![n]));
        core::iter::from_fn(|| caged.take(|| messages.next())).map(|message| message[0]).collect()
    }

    #[test]
    fn each_kind_does_what_it_is_called() {
        assert_eq!(given(CanaryKind::Withholds), [0, 1, 2, 4, 5]);
        assert_eq!(given(CanaryKind::Swaps), [0, 1, 2, 4, 3, 5]);
        assert_eq!(given(CanaryKind::Repeats), [0, 1, 2, 3, 3, 4, 5]);
        assert_eq!(given(CanaryKind::Lingers), [0, 1, 2, 4, 5]);
        assert_eq!(given(CanaryKind::Stalls), [0, 1, 2]);
        assert_eq!(given(CanaryKind::Swallows), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn one_that_wavers_does_not_do_the_same_twice() {
        let all: Vec<_> = (0..8).map(|_| given(CanaryKind::Wavers)).collect();
        assert!(all.iter().any(|given| *given != all[0]), "{all:?}");
    }
}
