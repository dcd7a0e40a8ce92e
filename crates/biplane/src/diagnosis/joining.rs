//! From a link to a session: the steps that an ordinary client takes, told one by one.

use std::sync::Arc;

use biplane_proto::ChannelConfig;
use biplane_wire::{Description, limits};

use super::{DiagnosisConfig, Finding, Record};
use crate::{
    ClientConfig, ConnectError, Link, Protocol,
    client::prepare,
    config::Own,
    engine::{self, DialConfig, Engine, Milestone, Peer, ProtocolSpec, Watch},
};

/// A diagnosis before it is joined.
pub(super) struct Joining {
    engine: Arc<dyn Engine>,
    link: Link,
    protocol: ProtocolSpec,
    credentials: Vec<u8>,
    adopts: bool,
}

/// A session that began.
pub(super) struct Joined {
    pub(super) peer: Arc<dyn Peer>,
    /// What it speaks.
    pub(super) description: Description,
}

/// What a dial tells.
enum News {
    Passed(Milestone),
    Over(Result<Arc<dyn Peer>, ConnectError>),
}

impl Joining {
    pub(super) fn prepare(
        link: &str,
        protocol: &Protocol,
        config: DiagnosisConfig,
    ) -> Result<Self, ConnectError> {
        let client = ClientConfig::default().credentials(config.credentials);
        let (DialConfig { link, protocol, credentials, .. }, _) = prepare(&link, protocol, client)?;
        let engine = engine::bind_alone(None, Own::default())?;
        Ok(Self { engine, link, protocol, credentials, adopts: config.adopts })
    }

    /// Joins: in the server's own protocol, if that is wanted and another.
    pub(super) fn join(&self, record: &mut Record) -> Result<Joined, ConnectError> {
        let joined = match self.dial(self.protocol.clone(), record) {
            Err(ConnectError::Mismatch { there, .. }) if self.adopts => {
                record.held(Finding::Speaks((*there).clone()));
                self.dial(adopted(*there), record)
            }
            joined => joined,
        };
        // Who is refused has said that it speaks what the server speaks.
        if matches!(joined, Err(ConnectError::Refused { .. })) {
            record.held(Finding::Speaks(self.protocol.description.clone()));
        }
        let joined = joined?;
        record.held(Finding::Speaks(joined.description.clone()));
        record.held(Finding::Admitted);
        Ok(joined)
    }

    fn dial(&self, protocol: ProtocolSpec, record: &mut Record) -> Result<Joined, ConnectError> {
        let description = protocol.description.clone();
        let (sender, news) = flume::unbounded();
        let watcher = sender.clone();
        // Nobody hears it if the diagnosis is over, which waits for the outcome.
        let watch: Watch = Arc::new(move |passed| drop(watcher.send(News::Passed(passed))));
        let (link, credentials) = (self.link.clone(), self.credentials.clone());
        let watch = Some(watch);
        self.engine.connect(
            DialConfig { credentials, watch, ..DialConfig::new(link, protocol) },
            Box::new(move |outcome| drop(sender.send(News::Over(outcome)))),
        );
        while let Ok(told) = news.recv() {
            match told {
                News::Passed(milestone) => record.passed(milestone, self.link.pin),
                News::Over(outcome) => return outcome.map(|peer| Joined { peer, description }),
            }
        }
        Err(ConnectError::Closed)
    }

    /// Says goodbye, and waits until the server knows or the deadline for that has passed.
    pub(super) fn leave(&self) {
        let (sender, receiver) = flume::bounded(1);
        let done = Box::new(move || {
            sender.send(()).ok();
        });
        self.engine.close("the diagnosis is over", done);
        receiver.recv_timeout(2 * limits::CLOSE_DEADLINE).ok();
    }
}

/// The protocol that a server says it speaks, as one speaks it who has nothing to say.
fn adopted(description: Description) -> ProtocolSpec {
    let channels = description.channels.iter();
    let channels = channels.map(|channel| ChannelConfig {
        notify: channel.notify,
        ..ChannelConfig::new(channel.kind, channel.max_message)
    });
    ProtocolSpec { channels: channels.collect(), description }
}
