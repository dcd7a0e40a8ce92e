//! What a listener knows: what it speaks, whom it admits, and how many it bears at a time.

use std::{net::SocketAddr, sync::Arc};

use biplane_proto::{Accepting, HelloError, digest};
use biplane_wire::Hello;
use tokio::{net::TcpStream, sync::Semaphore};

use super::{
    backlog::Backlog, crowd::Crowd, greeting::Stranger, presence::Presence, tls, turns::Turns,
};
use crate::{
    Admission, BindError, GreetingConfig, IdentityError, ListenConfig, ProtocolSpec, clock,
    hub::Hub, stats::ConnectionStats, warnings::Throttle,
};

/// What every greeting needs.
pub(super) struct House {
    pub(super) hub: Arc<Hub>,
    protocols: Protocols,
    pub(super) tls: Arc<rustls::ServerConfig>,
    pub(super) admission: Admission,
    pub(super) presence: Presence,
    pub(super) config: GreetingConfig,
    /// Those whose bytes are waited for.
    pub(super) crowd: Arc<Crowd>,
    /// Those whose turn has not come.
    pub(super) backlog: Backlog<TcpStream>,
    pub(super) turns: Turns,
    /// Permits to ask the application.
    pub(super) admitting: Arc<Semaphore>,
    strangers: Throttle,
    mismatches: Throttle,
}

/// The protocols that are spoken here.
struct Protocols {
    /// The one with number 0, with which those are compared that are not spoken.
    first: Spoken,
    also: Vec<Spoken>,
}

struct Spoken {
    spec: ProtocolSpec,
    digest: [u8; 32],
}

/// A hello in a protocol that is spoken here.
pub(super) struct Accepted {
    pub(super) accepting: Accepting,
    /// Which one.
    pub(super) protocol: usize,
}

impl House {
    pub(super) fn new(
        hub: &Arc<Hub>,
        config: ListenConfig,
        presence: Presence,
    ) -> Result<Self, BindError> {
        let tls = tls::server(&config.identity)
            .map_err(|error| IdentityError::Make(error.to_string().into()))?;
        let ListenConfig { protocol, also, admission, greeting, .. } = config;
        let epoch = hub.work().epoch();
        Ok(Self {
            hub: Arc::clone(hub),
            protocols: Protocols {
                first: Spoken::new(protocol),
                also: also.into_iter().map(Spoken::new).collect(),
            },
            tls: Arc::new(tls),
            admission,
            presence,
            crowd: Crowd::new(epoch, greeting.waiting, greeting.waiting_bytes),
            backlog: Backlog::new(&greeting),
            turns: Turns::new(greeting.handshakes),
            admitting: Arc::new(Semaphore::new(greeting.admissions)),
            strangers: Throttle::default(),
            mismatches: Throttle::default(),
            config: greeting,
        })
    }

    /// The protocol with this number.
    pub(super) fn protocol(&self, number: usize) -> &ProtocolSpec {
        &self.protocols.get(number).spec
    }

    /// Takes a whole hello.
    pub(super) fn accept(&self, hello: Vec<u8>) -> Result<Accepted, HelloError> {
        let digest = Hello::decode(&hello).map_err(HelloError::Garbled)?.digest;
        let protocol = self.protocols.number_of(&digest);
        let spoken = self.protocols.get(protocol);
        let accepting = Accepting::new(&spoken.spec.description, &spoken.digest, hello)?;
        Ok(Accepted { accepting, protocol })
    }

    /// Counts one that did not become a session, and tells the operator where that helps.
    pub(super) fn note(&self, remote: SocketAddr, stranger: &Stranger) {
        self.hub.counters().connections(|count| stranger.count(count));
        let now = clock::now();
        match stranger {
            Stranger::Gone(error) => tracing::debug!(%remote, %error, "a connection ended early"),
            Stranger::Late => tracing::debug!(%remote, "a connection missed its deadline"),
            Stranger::Evicted => tracing::debug!(%remote, "a connection made room for another"),
            Stranger::Refused(why) => tracing::debug!(%remote, why, "a client was refused"),
            Stranger::NoSession => tracing::debug!(%remote, "a client resumes no session of ours"),
            Stranger::NoAttachment => {
                tracing::debug!(%remote, "a client attaches to no session of ours")
            }
            Stranger::TooLong => self.warn_of_stranger(remote, "it says too much"),
            Stranger::NotBiplane(why) => self.warn_of_stranger(remote, why),
            Stranger::Mismatch(why) => {
                if let Some(suppressed) = self.mismatches.pass(now) {
                    tracing::warn!(%remote, why, suppressed, "a client speaks another protocol");
                }
            }
        }
    }

    fn warn_of_stranger(&self, remote: SocketAddr, why: &str) {
        if let Some(suppressed) = self.strangers.pass(clock::now()) {
            tracing::warn!(%remote, why, suppressed, "not a Biplane client");
        }
    }

    /// Brings the counted figures of this moment up to date.
    pub(super) fn count_present(&self) {
        let (waiting, parked) = (self.crowd.len() as u64, self.backlog.len() as u64);
        self.hub.counters().connections(|count| {
            count.waiting = waiting;
            count.parked = parked;
        });
    }
}

impl Protocols {
    fn get(&self, number: usize) -> &Spoken {
        let also = number.checked_sub(1).and_then(|place| self.also.get(place));
        also.unwrap_or(&self.first)
    }

    /// That of the protocol with this digest; 0 if there is none.
    fn number_of(&self, digest: &[u8; 32]) -> usize {
        let also = self.also.iter().position(|spoken| spoken.digest == *digest);
        also.map_or(0, |place| place + 1)
    }
}

impl Spoken {
    fn new(spec: ProtocolSpec) -> Self {
        Self { digest: digest(&spec.description), spec }
    }
}

impl Stranger {
    fn count(&self, count: &mut ConnectionStats) {
        match self {
            Self::Gone(_) => count.broken += 1,
            Self::Late => count.timed_out += 1,
            Self::Evicted => count.evicted += 1,
            Self::TooLong => count.too_long += 1,
            Self::NotBiplane(_) => count.not_biplane += 1,
            Self::Mismatch(_) => count.mismatched += 1,
            Self::NoSession => count.resume_refused += 1,
            Self::NoAttachment => count.attach_refused += 1,
            // Counted among the sessions.
            Self::Refused(_) => {}
        }
    }
}
