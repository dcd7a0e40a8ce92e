//! What a relay is told.

use std::net::SocketAddr;

use biplane_sim::Profile;

/// Where a relay listens, where it sends to, and what happens in between.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    pub(crate) listen: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) profile: Profile,
    pub(crate) seed: u64,
    pub(crate) tcp: bool,
}

impl RelayConfig {
    /// A perfect relay from `listen` to `to`, TCP and UDP. Port 0 takes one that is free for both.
    #[must_use]
    pub fn new(listen: SocketAddr, to: SocketAddr) -> Self {
        Self { listen, to, profile: Profile::perfect(), seed: 1, tcp: true }
    }

    /// What happens on the way. Default: nothing.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Where all chance comes from: the same datagrams in the same order meet the same faults.
    /// Default: 1.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Relays UDP alone, to a target that has no TCP port. Default: both.
    #[must_use]
    pub const fn udp_only(mut self) -> Self {
        self.tcp = false;
        self
    }
}
