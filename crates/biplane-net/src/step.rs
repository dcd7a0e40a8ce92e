//! The steps from a link to a session that flies well, in the order in which they are taken.

use core::fmt;

/// A step on the way to a session over both planes, and of what is then asked of its path.
///
/// Each needs those before it: ordered, the least that failed is the one to mend.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Step {
    /// The host's name leads to an address.
    Name,
    /// Something accepts a TCP connection there.
    Tcp,
    /// It speaks TLS 1.3, and Biplane over it.
    Tls,
    /// It is the server that the link names.
    Pin,
    /// It speaks the application's protocol.
    Protocol,
    /// It lets this client in.
    Admission,
    /// Datagrams arrive at the server.
    UdpUp,
    /// Datagrams come back.
    UdpDown,
    /// Datagrams of 1,200 bytes pass each way.
    PathMtu,
    /// How long a round trip takes.
    Rtt,
    /// How much that varies.
    Jitter,
    /// How many packets are lost.
    Loss,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Name,
        Self::Tcp,
        Self::Tls,
        Self::Pin,
        Self::Protocol,
        Self::Admission,
        Self::UdpUp,
        Self::UdpDown,
        Self::PathMtu,
        Self::Rtt,
        Self::Jitter,
        Self::Loss,
    ];

    /// Its name, for people and for scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Pin => "pin",
            Self::Protocol => "protocol",
            Self::Admission => "admission",
            Self::UdpUp => "UDP up",
            Self::UdpDown => "UDP down",
            Self::PathMtu => "path MTU",
            Self::Rtt => "RTT",
            Self::Jitter => "jitter",
            Self::Loss => "loss",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stand_in_order_and_have_names_of_their_own() {
        assert!(Step::ALL.is_sorted());
        let names: std::collections::BTreeSet<_> = Step::ALL.map(Step::name).into();
        assert_eq!(names.len(), Step::ALL.len());
        assert_eq!(format!("{:<9}|", Step::UdpUp), "UDP up   |");
    }
}
