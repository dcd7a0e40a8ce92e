//! An application's protocol: its channels and requests, by name.
//!
//! Declared freely, judged when it is put to use: [`Protocol::resolve`] sorts it into the one form
//! that both sides compare, and refuses what has none.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use biplane_proto::{ChannelConfig, credit_window};
use biplane_wire::{ChannelDescription, ChannelId, ChannelKind, Description, limits};
use tracing::warn;

use crate::{
    Channel, Request,
    channel::{Declared, hash_of},
    engine::ProtocolSpec,
};

/// What two programs that meet must agree on: a name, a version, channels and requests.
///
/// The order in which they are declared does not matter. When two sides meet whose protocols
/// differ, both are told what differs, by name.
///
/// Compared are names, the version, and each channel's kind, longest message and
/// [`Channel::notify`], but not the fields of message types. Messages are in postcard's format,
/// which has neither field names nor types: whoever adds, removes, reorders or retypes a field or
/// an enum variant must raise the version, or old and new programs join and misread each other. A
/// server that must serve both adds the old protocol by [`crate::ServerConfig::also`]. Serde's
/// `flatten`, `untagged`, internally tagged enums and `skip_serializing_if` do not work with
/// postcard.
#[derive(Clone, Debug)]
pub struct Protocol {
    name: &'static str,
    version: u32,
    channels: Vec<Declared>,
    requests: Vec<&'static str>,
}

/// Why a protocol cannot be used. Told by whatever takes one: `bind` and `connect`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A name of the application, a channel or a request is empty or too long.
    #[error("the name `{name}` has {} bytes; a name has 1 to {}", name.len(), limits::NAME)]
    NameLength {
        /// The name.
        name: &'static str,
    },
    /// Two channels of one name.
    #[error("two channels are named `{name}`")]
    ChannelTwice {
        /// The name.
        name: &'static str,
    },
    /// Two kinds of request of one name.
    #[error("two requests are named `{name}`")]
    RequestTwice {
        /// The name.
        name: &'static str,
    },
    /// Two channels whose names have the same hash: rename one.
    #[error("the channels `{one}` and `{other}` cannot be told apart; rename one")]
    HashTwice {
        /// One name.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// Too many channels.
    #[error("{count} channels; a protocol has at most {}", limits::CHANNELS)]
    TooManyChannels {
        /// How many there are.
        count: usize,
    },
    /// Too many kinds of request.
    #[error("{count} requests; a protocol has at most {}", limits::REQUESTS)]
    TooManyRequests {
        /// How many there are.
        count: usize,
    },
    /// A server was given the same protocol twice.
    #[error("the protocol `{name}`, version {version}, is given twice")]
    ProtocolTwice {
        /// Its name.
        name: &'static str,
        /// Its version.
        version: u32,
    },
    /// A server was given too many protocols.
    #[error("{count} protocols; a server accepts at most {}", limits::PROTOCOLS)]
    TooManyProtocols {
        /// How many there are.
        count: usize,
    },
    /// All the names together are too long to be told to a peer.
    #[error(
        "the description has {bytes} bytes, at most {} fit; shorten names",
        limits::DESCRIPTION
    )]
    TooLong {
        /// How long the description is.
        bytes: usize,
    },
}

impl Protocol {
    /// A protocol without channels, of the application `name` (1 to 64 bytes) in `version`.
    #[must_use]
    pub const fn new(name: &'static str, version: u32) -> Self {
        Self { name, version, channels: Vec::new(), requests: Vec::new() }
    }

    /// Adds a channel; at most 64.
    #[must_use]
    pub fn channel<T>(mut self, channel: Channel<T>) -> Self {
        self.channels.push(channel.declared());
        self
    }

    /// Adds a kind of request; at most 256.
    #[must_use]
    pub fn request<R: Request>(mut self) -> Self {
        self.requests.push(R::NAME);
        self
    }

    /// The application's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The version of the application's protocol.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The same for a server that accepts others `also`.
    pub(crate) fn resolve_with(
        &self,
        also: &[Self],
    ) -> Result<((ProtocolSpec, Vec<ProtocolSpec>), Tables), ProtocolError> {
        let count = 1 + also.len();
        if count > limits::PROTOCOLS {
            return Err(ProtocolError::TooManyProtocols { count });
        }
        let (first, mut table) = self.resolve()?;
        // What one of several lacks, another may have.
        table.is_alone = also.is_empty();
        let (mut specs, mut tables) = (Vec::new(), Vec::new());
        for protocol in also {
            let (spec, mut table) = protocol.resolve()?;
            table.is_alone = false;
            let known = specs
                .iter()
                .chain([&first])
                .any(|known: &ProtocolSpec| known.description == spec.description);
            if known {
                let Self { name, version, .. } = *protocol;
                return Err(ProtocolError::ProtocolTwice { name, version });
            }
            specs.push(spec);
            tables.push(Arc::new(table));
        }
        Ok(((first, specs), Tables { first: Arc::new(table), also: tables.into() }))
    }

    /// The form that both sides compare, and the way from a channel's hash to its place in it.
    pub(crate) fn resolve(&self) -> Result<(ProtocolSpec, Table), ProtocolError> {
        let channels = self.sorted_channels()?;
        let requests = self.sorted_requests()?;
        let description = Description {
            application: fitting(self.name)?.to_owned(),
            version: self.version,
            channels: channels.iter().map(describe).collect(),
            requests: requests.iter().map(|name| (*name).to_owned()).collect(),
        };
        let bytes = description.encode().len();
        if bytes > limits::DESCRIPTION {
            return Err(ProtocolError::TooLong { bytes });
        }
        let table = Table::new(self.clone(), &channels, requests)?;
        let channels = channels.iter().map(configure).collect();
        Ok((ProtocolSpec { description, channels }, table))
    }

    fn sorted_channels(&self) -> Result<Vec<Declared>, ProtocolError> {
        let mut channels = self.channels.clone();
        channels.sort_by_key(|channel| channel.name);
        if channels.len() > limits::CHANNELS {
            return Err(ProtocolError::TooManyChannels { count: channels.len() });
        }
        for channel in &channels {
            fitting(channel.name)?;
        }
        match twice(channels.iter().map(|channel| channel.name)) {
            Some(name) => Err(ProtocolError::ChannelTwice { name }),
            None => Ok(channels),
        }
    }

    fn sorted_requests(&self) -> Result<Vec<&'static str>, ProtocolError> {
        let mut requests = self.requests.clone();
        requests.sort_unstable();
        if requests.len() > limits::REQUESTS {
            return Err(ProtocolError::TooManyRequests { count: requests.len() });
        }
        for name in &requests {
            fitting(name)?;
        }
        match twice(requests.iter().copied()) {
            Some(name) => Err(ProtocolError::RequestTwice { name }),
            None => Ok(requests),
        }
    }
}

const fn fitting(name: &'static str) -> Result<&'static str, ProtocolError> {
    if name.is_empty() || name.len() > limits::NAME {
        Err(ProtocolError::NameLength { name })
    } else {
        Ok(name)
    }
}

/// The first of the sorted `names` that stands there twice.
fn twice(names: impl Iterator<Item = &'static str> + Clone) -> Option<&'static str> {
    let next = names.clone().skip(1);
    names.zip(next).find(|(one, other)| one == other).map(|(name, _)| name)
}

fn describe(channel: &Declared) -> ChannelDescription {
    ChannelDescription {
        name: channel.name.to_owned(),
        kind: channel.kind,
        notify: channel.notify,
        max_message: channel.max_message,
    }
}

const fn configure(channel: &Declared) -> ChannelConfig {
    ChannelConfig {
        kind: channel.kind,
        notify: channel.notify,
        max_message: channel.max_message,
        lifetime: channel.lifetime,
        priority: channel.priority,
        weight: channel.weight,
        escalate_after: channel.escalate_after,
    }
}

/// The tables of all the protocols that an endpoint speaks.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    first: Arc<Table>,
    also: Arc<[Arc<Table>]>,
}

impl Tables {
    pub(crate) fn of(table: Table) -> Self {
        Self { first: Arc::new(table), also: Arc::default() }
    }

    /// That of the protocol with this number.
    pub(crate) fn get(&self, protocol: usize) -> Arc<Table> {
        let also = protocol.checked_sub(1).and_then(|place| self.also.get(place));
        Arc::clone(also.unwrap_or(&self.first))
    }

    /// The longest message of the channel whose name has this hash, in whichever protocol it is.
    pub(crate) fn longest(&self, hash: u64) -> Option<usize> {
        let tables = core::iter::once(&self.first).chain(self.also.iter());
        let entries = tables.filter_map(|table| table.channel(hash));
        entries.map(|entry| entry.max_message).max()
    }
}

/// Finds channels by hash and requests by name, as a session's protocol has them.
#[derive(Debug)]
pub(crate) struct Table {
    protocol: Protocol,
    /// Sorted by hash.
    channels: Vec<Entry>,
    /// Sorted by name; a kind's place is its id.
    requests: Vec<&'static str>,
    /// The application speaks no other protocol.
    is_alone: bool,
    /// It was told that it takes off a channel that is not here.
    told: AtomicBool,
}

/// A channel as a session's protocol has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    hash: u64,
    pub(crate) id: ChannelId,
    pub(crate) kind: ChannelKind,
    pub(crate) max_message: usize,
}

impl Entry {
    /// How many messages can wait here at a time: as many as the queue holds, or credit covers.
    pub(crate) fn most_waiting(&self) -> usize {
        if !self.kind.is_reliable() {
            return limits::RECEIVE_QUEUE_MESSAGES;
        }
        let window = credit_window(limits::CHANNEL_CREDIT, self.max_message);
        usize::try_from(window).unwrap_or(usize::MAX).div_ceil(limits::MESSAGE_COST)
    }
}

impl Table {
    fn new(
        protocol: Protocol,
        sorted: &[Declared],
        requests: Vec<&'static str>,
    ) -> Result<Self, ProtocolError> {
        let ids = (0..).map_while(ChannelId::new);
        let mut named: Vec<_> = sorted.iter().zip(ids).collect();
        named.sort_by_key(|(channel, _)| channel.hash);
        let twins = named.iter().zip(named.iter().skip(1));
        if let Some(((one, _), (other, _))) =
            twins.into_iter().find(|((one, _), (other, _))| one.hash == other.hash)
        {
            return Err(ProtocolError::HashTwice { one: one.name, other: other.name });
        }
        let entry = |(channel, id): (&Declared, ChannelId)| Entry {
            hash: channel.hash,
            id,
            kind: channel.kind,
            max_message: usize::try_from(channel.max_message).unwrap_or(usize::MAX),
        };
        let channels = named.into_iter().map(entry).collect();
        let told = AtomicBool::new(false);
        Ok(Self { protocol, channels, requests, is_alone: true, told })
    }

    /// What it is the table of.
    pub(crate) const fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// The entry of `channel`, off which the application takes; where there is none it is told so,
    /// once, for it would wait in vain.
    pub(crate) fn taken_off<T>(&self, channel: Channel<T>) -> Option<&Entry> {
        let entry = self.channel(channel.hash());
        if entry.is_none() && self.is_alone {
            self.tell_lack(channel);
        }
        entry
    }

    /// Says, once, that `channel` is in no protocol of the application's.
    pub(crate) fn tell_lack<T>(&self, channel: Channel<T>) {
        if !self.told.swap(true, Ordering::Relaxed) {
            let (channel, protocol) = (channel.name(), self.protocol.name());
            warn!(channel, protocol, "not in the protocol, so nothing ever comes: add it");
        }
    }

    /// The channel whose name has this hash.
    pub(crate) fn channel(&self, hash: u64) -> Option<&Entry> {
        let place = self.channels.binary_search_by_key(&hash, |entry| entry.hash).ok()?;
        self.channels.get(place)
    }

    /// The name of a channel that is here.
    pub(crate) fn name_of(&self, entry: &Entry) -> &'static str {
        let declared = self.protocol.channels.iter().find(|channel| channel.hash == entry.hash);
        declared.map_or("", |channel| channel.name)
    }

    /// The id of a kind of request.
    pub(crate) fn request(&self, name: &str) -> Option<u8> {
        let place = self.requests.binary_search(&name).ok()?;
        u8::try_from(place).ok()
    }

    /// The name of a kind of request.
    pub(crate) fn request_name(&self, kind: u8) -> Option<&'static str> {
        self.requests.get(usize::from(kind)).copied()
    }
}

const _: () = assert!(hash_of("a") != hash_of("b"));

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Join;
    impl Request for Join {
        const NAME: &'static str = "join";
        type Reply = ();
    }

    #[derive(Serialize, Deserialize)]
    struct List;
    impl Request for List {
        const NAME: &'static str = "list";
        type Reply = ();
    }

    const CHAT: Channel<String> = Channel::command("chat").max_message(512);
    const INPUTS: Channel<u8> = Channel::sequenced("inputs").lifetime(Duration::from_secs(1));
    const SNAPSHOTS: Channel<u8> = Channel::unreliable("snapshots").notify().priority(2).weight(3);

    fn error(protocol: &Protocol) -> ProtocolError {
        protocol.resolve().expect_err("it cannot be used")
    }

    /// Names that live as long as the test process.
    fn name(number: usize) -> &'static str {
        Box::leak(format!("channel {number:02}").into_boxed_str())
    }

    #[test]
    fn the_order_of_declaration_does_not_matter() {
        let one = Protocol::new("arena", 1).channel(INPUTS).channel(CHAT).request::<List>();
        let one = one.request::<Join>().channel(SNAPSHOTS);
        let two = Protocol::new("arena", 1).request::<Join>().channel(SNAPSHOTS).channel(CHAT);
        let two = two.channel(INPUTS).request::<List>();
        let ((one, table), (two, _)) = (one.resolve().unwrap(), two.resolve().unwrap());
        assert_eq!(one, two);
        assert!(one.description.channels.is_sorted_by_key(|channel| &channel.name));
        assert_eq!(one.description.requests, ["join", "list"]);
        assert_eq!(Description::decode(&one.description.encode()), Ok(one.description));
        assert_eq!((table.request("list"), table.request_name(1)), (Some(1), Some("list")));
    }

    #[test]
    fn a_channel_is_found_by_its_hash_and_keeps_its_options() {
        let protocol = Protocol::new("arena", 1).channel(SNAPSHOTS).channel(INPUTS).channel(CHAT);
        let (spec, table) = protocol.resolve().unwrap();
        for channel in [CHAT.declared(), INPUTS.declared(), SNAPSHOTS.declared()] {
            let entry = table.channel(channel.hash).unwrap();
            let described = &spec.description.channels[entry.id.index()];
            assert_eq!((&*described.name, described.kind), (channel.name, entry.kind));
            let config = &spec.channels[entry.id.index()];
            assert_eq!((config.lifetime, config.priority), (channel.lifetime, channel.priority));
            assert_eq!(config.weight, channel.weight);
            assert_eq!(described.notify, config.notify);
        }
        assert_eq!(table.channel(CHAT.hash()).unwrap().max_message, 512);
        assert!(table.channel(Channel::<u8>::command("other").hash()).is_none());
        assert_eq!(table.request("join"), None);
    }

    #[test]
    fn a_name_twice_is_refused() {
        let other: Channel<u8> = Channel::unreliable("chat");
        let protocol = Protocol::new("arena", 1).channel(CHAT).channel(INPUTS).channel(other);
        assert_eq!(error(&protocol), ProtocolError::ChannelTwice { name: "chat" });
        let protocol = Protocol::new("arena", 1).request::<Join>().request::<Join>();
        assert_eq!(error(&protocol), ProtocolError::RequestTwice { name: "join" });
    }

    #[test]
    fn a_protocol_has_at_most_64_channels() {
        let many = |count| {
            (0..count).fold(Protocol::new("arena", 1), |protocol, number| {
                protocol.channel(Channel::<u8>::unreliable(name(number)))
            })
        };
        assert!(many(64).resolve().is_ok());
        assert_eq!(error(&many(65)), ProtocolError::TooManyChannels { count: 65 });
    }

    #[test]
    fn a_server_accepts_at_most_4_protocols_each_once() {
        let version = |version| Protocol::new("arena", version).channel(CHAT);
        let others = [version(2), version(3), version(4), version(5)];
        let ((first, also), tables) = version(1).resolve_with(&others[..3]).unwrap();
        assert_eq!((first.description.version, also.len()), (1, 3));
        let versions = [0, 1, 2, 3].map(|number| tables.get(number).protocol().version());
        assert_eq!(versions, [1, 2, 3, 4]);
        let error = |also: &[Protocol]| version(1).resolve_with(also).err().unwrap();
        assert_eq!(error(&others), ProtocolError::TooManyProtocols { count: 5 });
        let twice = ProtocolError::ProtocolTwice { name: "arena", version: 1 };
        assert_eq!(error(&[version(2), version(1)]), twice);
    }

    #[test]
    fn a_channel_is_as_long_as_in_the_protocol_that_has_it_longest() {
        let with = |version, bytes| {
            Protocol::new("arena", version)
                .channel(Channel::<u8>::command("chat").max_message(bytes))
        };
        let (_, tables) = with(1, 100).resolve_with(&[with(2, 300), with(3, 200)]).unwrap();
        assert_eq!(tables.longest(CHAT.hash()), Some(300));
        assert_eq!(tables.longest(INPUTS.hash()), None);
    }

    #[test]
    fn a_name_has_1_to_64_bytes() {
        let name = "x".repeat(65).leak();
        let (longest, longer) = (&name[..64], &*name);
        let named = |name| Protocol::new("arena", 1).channel(Channel::<u8>::command(name));
        assert!(named(longest).resolve().is_ok());
        assert_eq!(error(&named(longer)), ProtocolError::NameLength { name: longer });
        assert_eq!(error(&named("")), ProtocolError::NameLength { name: "" });
        assert_eq!(error(&Protocol::new("", 1)), ProtocolError::NameLength { name: "" });
    }
}
