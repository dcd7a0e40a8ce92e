//! What the simulated applications speak.

use biplane_proto::{ChannelConfig, limits};
use biplane_wire::{ChannelDescription, ChannelId, ChannelKind, Description};

/// An application's protocol: what is compared, and what a session is made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Protocol {
    /// What both sides compare.
    pub description: Description,
    /// The channels in the order of the description.
    pub channels: Vec<ChannelConfig>,
}

impl Protocol {
    /// A protocol with these channels, each of the longest message its kind allows, and these kinds
    /// of request. Names are sorted; a channel's place is its id.
    #[must_use]
    pub fn new(channels: &[(&str, ChannelKind)], requests: &[&str]) -> Self {
        let mut channels = channels.to_vec();
        channels.sort_unstable_by_key(|(name, _)| *name);
        let mut requests: Vec<_> = requests.iter().map(|name| (*name).to_owned()).collect();
        requests.sort_unstable();
        let configs: Vec<_> = channels.iter().map(|(_, kind)| config(*kind)).collect();
        let described =
            channels.iter().zip(&configs).map(|((name, kind), config)| ChannelDescription {
                name: (*name).to_owned(),
                kind: *kind,
                notify: false,
                max_message: config.max_message,
            });
        let description = Description {
            application: "simulation".to_owned(),
            version: 1,
            channels: described.collect(),
            requests,
        };
        Self { description, channels: configs }
    }

    /// Two `command` channels, `chat` and `orders`; one channel of each other kind, named
    /// `ordered`, `sequenced`, `unordered` and `unreliable`; requests `echo` and `refuse`.
    #[must_use]
    pub fn of_every_kind() -> Self {
        Self::new(
            &[
                ("chat", ChannelKind::Command),
                ("orders", ChannelKind::Command),
                ("ordered", ChannelKind::ReliableOrdered),
                ("sequenced", ChannelKind::Sequenced),
                ("unordered", ChannelKind::ReliableUnordered),
                ("unreliable", ChannelKind::Unreliable),
            ],
            &["echo", "refuse"],
        )
    }

    /// Lets `change` alter each channel's options; what both sides compare follows.
    pub fn configure(&mut self, mut change: impl FnMut(&str, &mut ChannelConfig)) {
        for (described, channel) in self.description.channels.iter_mut().zip(&mut self.channels) {
            change(&described.name, channel);
            described.kind = channel.kind;
            described.notify = channel.notify;
            described.max_message = channel.max_message;
        }
    }

    /// Whether every message of a channel is promised to come: it is reliable, and none expires.
    #[must_use]
    pub fn owes(&self, channel: ChannelId) -> bool {
        let channel = self.channels.get(channel.index());
        channel.is_some_and(|channel| channel.kind.is_reliable() && channel.lifetime.is_none())
    }

    /// The channel named so.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<ChannelId> {
        let place = self.description.channels.iter().position(|channel| channel.name == name)?;
        ChannelId::new(u8::try_from(place).ok()?)
    }

    /// The place of the kind of request named so.
    #[must_use]
    pub fn request(&self, name: &str) -> Option<u8> {
        let place = self.description.requests.iter().position(|request| request == name)?;
        u8::try_from(place).ok()
    }

    /// Every channel with its kind, in the order of the ids.
    pub fn kinds(&self) -> impl Iterator<Item = (ChannelId, ChannelKind)> + '_ {
        (0..).filter_map(ChannelId::new).zip(self.channels.iter().map(|channel| channel.kind))
    }

    /// A channel's name; empty for a channel the protocol does not have.
    #[must_use]
    pub fn name(&self, channel: ChannelId) -> &str {
        let described = self.description.channels.get(channel.index());
        described.map_or("", |channel| channel.name.as_str())
    }
}

fn config(kind: ChannelKind) -> ChannelConfig {
    let longest = match kind {
        ChannelKind::Command => limits::CONTROL_MESSAGE,
        ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered => 1 << 20,
        ChannelKind::Sequenced | ChannelKind::Unreliable => limits::FRESH_MESSAGE,
    };
    ChannelConfig::new(kind, u32::try_from(longest).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_names() {
        let protocol = Protocol::of_every_kind();
        let names: Vec<_> = protocol.kinds().map(|(id, _)| protocol.name(id)).collect();
        assert_eq!(names, ["chat", "ordered", "orders", "sequenced", "unordered", "unreliable"]);
        for (id, kind) in protocol.kinds() {
            assert_eq!(protocol.channel(protocol.name(id)), Some(id));
            assert_eq!(protocol.description.channels[id.index()].kind, kind);
        }
        assert_eq!(protocol.channel("nowhere"), None);
        assert_eq!(protocol.request("refuse"), Some(1));
    }
}
