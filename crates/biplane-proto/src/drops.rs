//! Why a datagram went no further, and how often.

use tracing::trace;

/// Why a received datagram went no further. Every drop has exactly one reason.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DropReason {
    /// A datagram without a byte.
    Empty,
    /// Not a packet of this protocol: its head does not read.
    Malformed,
    /// Longer than a packet may be, or cut by the socket.
    Oversize,
    /// From port 0 or a reflector's, from a multicast, broadcast, unspecified or own address, or to
    /// a multicast or broadcast one.
    BadSource,
    /// No session here has this receive id.
    UnknownSession,
    /// The session has no key of this phase.
    NoKey,
    /// Its number lies below the replay window.
    Late,
    /// The seal does not hold.
    Forged,
    /// Its number was seen before.
    Replayed,
    /// From another address than the server's: a client follows nobody.
    OtherPath,
    /// The session is over.
    Closed,
}

impl DropReason {
    /// Every reason there is.
    pub const ALL: [Self; 11] = [
        Self::Empty,
        Self::Malformed,
        Self::Oversize,
        Self::BadSource,
        Self::UnknownSession,
        Self::NoKey,
        Self::Late,
        Self::Forged,
        Self::Replayed,
        Self::OtherPath,
        Self::Closed,
    ];

    /// Its name in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::Oversize => "oversize",
            Self::BadSource => "bad_source",
            Self::UnknownSession => "unknown_session",
            Self::NoKey => "no_key",
            Self::Late => "late",
            Self::Forged => "forged",
            Self::Replayed => "replayed",
            Self::OtherPath => "other_path",
            Self::Closed => "closed",
        }
    }
}

/// How many datagrams were dropped, by reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    /// Counts one drop and leaves a trace of it.
    pub fn record(&mut self, reason: DropReason, len: usize) {
        trace!(?reason, len, "datagram dropped");
        self.tally(reason, 1);
    }

    /// Counts drops that the caller traces.
    pub(crate) fn tally(&mut self, reason: DropReason, more: u64) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += more;
        }
    }

    /// How many were dropped for `reason`.
    #[must_use]
    pub fn count(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// How many were dropped in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds `other`, reason by reason.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    /// Each reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_counts_alone() {
        let mut drops = Drops::default();
        for reason in DropReason::ALL {
            drops.record(reason, 1);
            assert_eq!(drops.count(reason), 1, "{reason:?}");
        }
        assert_eq!(drops.total(), DropReason::ALL.len() as u64);
    }
}
