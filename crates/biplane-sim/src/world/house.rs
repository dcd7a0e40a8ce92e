//! A server: its address, what is spoken there, and who may join.

use std::collections::BTreeMap;

use biplane_proto::{Accepting, HelloError, SessionConfig, digest};
use biplane_wire::Hello;

use super::host::Host;
use crate::Protocol;

/// Who decides whether a client may join a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Gate {
    /// Nobody: every client may.
    Open,
    /// The caller, who hears of each by [`crate::News::Knocked`].
    Asks,
}

/// A server of a simulated world.
#[derive(Debug)]
pub(super) struct House {
    pub(super) host: Host,
    pub(super) gate: Gate,
    /// What its ends of sessions are told, where it is not what their clients are told.
    pub(super) session: Option<SessionConfig>,
    /// The line of the session that a resume names so.
    pub(super) sessions: BTreeMap<[u8; 16], usize>,
    spoken: Vec<(Protocol, [u8; 32])>,
}

impl House {
    /// The server numbered so. `protocols` has at least one; with the first those are compared that
    /// are not spoken.
    pub(super) fn new(
        number: usize,
        protocols: Vec<Protocol>,
        gate: Gate,
        session: Option<SessionConfig>,
    ) -> Self {
        let spoken = protocols.into_iter().map(|protocol| {
            let digest = digest(&protocol.description);
            (protocol, digest)
        });
        let sessions = BTreeMap::new();
        Self { host: Host::server(number), gate, session, sessions, spoken: spoken.collect() }
    }

    /// The protocol numbered so.
    pub(super) fn protocol(&self, number: usize) -> Option<&Protocol> {
        self.spoken.get(number).map(|(protocol, _)| protocol)
    }

    /// Takes a whole hello; which protocol it is in. `None` if nothing is spoken here.
    pub(super) fn accept(&self, hello: &[u8]) -> Option<Result<(Accepting, usize), HelloError>> {
        let wanted = Hello::decode(hello).ok().map(|hello| hello.digest);
        let found = self.spoken.iter().position(|(_, digest)| Some(*digest) == wanted);
        let number = found.unwrap_or(0);
        let (protocol, digest) = self.spoken.get(number)?;
        let accepting = Accepting::new(&protocol.description, digest, hello.to_vec());
        Some(accepting.map(|accepting| (accepting, number)))
    }
}
