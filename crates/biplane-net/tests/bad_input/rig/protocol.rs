//! The application's protocol that all of these tests speak: a channel of each kind, one request.

use std::sync::Arc;

use biplane_net::{
    Decision, DialConfig, EndpointConfig, Identity, Link, ListenConfig, ProtocolSpec,
};
use biplane_proto::ChannelConfig;
use biplane_wire::{
    ChannelDescription, ChannelId, ChannelKind, Description, Fragment, Frame, Message,
};

/// Channels, by their place.
pub(crate) const COMMAND: u8 = 0;
pub(crate) const ORDERED: u8 = 1;
pub(crate) const UNORDERED: u8 = 2;
pub(crate) const SEQUENCED: u8 = 3;
pub(crate) const UNRELIABLE: u8 = 4;

/// Name, kind and longest message of each.
pub(crate) const CHANNELS: [(&str, ChannelKind, u32); 5] = [
    ("a command", ChannelKind::Command, 64 * 1024),
    ("b ordered", ChannelKind::ReliableOrdered, 64 * 1024),
    ("c unordered", ChannelKind::ReliableUnordered, 64 * 1024),
    ("d sequenced", ChannelKind::Sequenced, 16 * 1024),
    ("e unreliable", ChannelKind::Unreliable, 16 * 1024),
];

pub(crate) fn channel(index: u8) -> ChannelId {
    ChannelId::new(index).unwrap()
}

pub(crate) fn protocol() -> ProtocolSpec {
    let describe = |(name, kind, max_message): (&str, ChannelKind, u32)| ChannelDescription {
        name: name.into(),
        kind,
        notify: false,
        max_message,
    };
    let configure = |(_, kind, max_message)| ChannelConfig::new(kind, max_message);
    ProtocolSpec {
        description: Description {
            application: "bad input".into(),
            version: 1,
            channels: CHANNELS.map(describe).to_vec(),
            requests: vec!["ask".into()],
        },
        channels: CHANNELS.map(configure).to_vec(),
    }
}

pub(crate) fn config() -> EndpointConfig {
    EndpointConfig::default()
}

/// A server that admits everybody but those who say `no`.
pub(crate) fn listen_config() -> ListenConfig {
    ListenConfig {
        endpoint: config(),
        protocol: protocol(),
        also: Vec::new(),
        identity: Identity::generate().unwrap(),
        admission: Arc::new(|request| {
            let refused =
                || Decision::Refuse { code: 403, text: "not you".into(), retry_after: None };
            let welcome = request.credentials != b"no";
            let decision = if welcome { Decision::Admit(None) } else { refused() };
            Box::pin(async move { decision })
        }),
        public_host: None,
        max_sessions: 200,
        greeting: biplane_net::GreetingConfig::default(),
    }
}

pub(crate) fn dial(link: Link) -> DialConfig {
    DialConfig::new(link, protocol())
}

/// A whole message, its length written.
pub(crate) fn message(index: u8, sequence: Option<u32>, payload: &[u8]) -> Frame<'_> {
    let channel = channel(index);
    Frame::Message(Message {
        channel,
        sequence,
        after: None,
        clock: None,
        delimited: true,
        payload,
    })
}

/// A piece of message `sequence`, its length written; `place` is offset and total.
pub(crate) fn fragment(
    index: u8,
    sequence: u32,
    (offset, total): (u32, u32),
    payload: &[u8],
) -> Frame<'_> {
    let (after, clock, channel) = (None, None, channel(index));
    Frame::Fragment(Fragment {
        channel,
        sequence,
        offset,
        total,
        after,
        clock,
        delimited: true,
        payload,
    })
}
