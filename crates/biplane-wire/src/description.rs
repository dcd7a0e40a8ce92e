//! An application's protocol as both sides compare it: channels and requests by name.

use core::fmt;

use crate::{
    DecodeError,
    codec::{Reader, put_varint},
    limits,
};

/// What both sides of a session must agree on. Its encoding is canonical: equal descriptions have
/// equal bytes, so their digests can be compared.
///
/// ```text
/// | name | version 4 | channels 1 | { name, kind 1, notify 1, largest message varint } … | requests varint | { name } … |
/// ```
///
/// A name is one byte of length and that many bytes of UTF-8.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Description {
    /// The application's name.
    pub application: String,
    /// The application's own version.
    pub version: u32,
    /// Sorted by name; a channel's place in this list is its id.
    pub channels: Vec<ChannelDescription>,
    /// Names of the kinds of request, sorted; a kind's place in this list is its id.
    pub requests: Vec<String>,
}

/// What both sides must agree on of one channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChannelDescription {
    /// Its name.
    pub name: String,
    /// What its messages are promised.
    pub kind: ChannelKind,
    /// Whether senders may ask for delivery notices.
    pub notify: bool,
    /// The longest message, in bytes.
    pub max_message: u32,
}

/// What the messages of a channel are promised, and by it their plane.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a new one is a new wire version: all must see it")]
pub enum ChannelKind {
    /// Exactly once, in the order issued over all command channels: on the control plane.
    Command,
    /// Exactly once, in order: on the data plane.
    ReliableOrdered,
    /// Exactly once, in any order: on the data plane.
    ReliableUnordered,
    /// At most once, never backwards: on the data plane.
    Sequenced,
    /// At most once: on the data plane.
    Unreliable,
}

/// One way in which two descriptions differ.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// Another application, or another version of it: `name version` here and there.
    Application {
        /// What this side is.
        here: String,
        /// What the peer is.
        there: String,
    },
    /// A channel that is otherwise here than there.
    Channel {
        /// Its name.
        name: String,
        /// What this side has, in words.
        here: String,
        /// What the peer has, in words.
        there: String,
    },
    /// A kind of request that only one side has.
    Request {
        /// Its name.
        name: String,
        /// Whether it is this side that has it.
        here: bool,
    },
}

impl ChannelKind {
    const ALL: [Self; 5] = [
        Self::Command,
        Self::ReliableOrdered,
        Self::ReliableUnordered,
        Self::Sequenced,
        Self::Unreliable,
    ];

    /// Whether every message arrives.
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Command | Self::ReliableOrdered | Self::ReliableUnordered)
    }

    /// The name that an application's author knows it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::ReliableOrdered => "reliable_ordered",
            Self::ReliableUnordered => "reliable_unordered",
            Self::Sequenced => "sequenced",
            Self::Unreliable => "unreliable",
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Description {
    /// The canonical bytes; their SHA-256 is the digest.
    ///
    /// Names longer than [`limits::NAME`] are the caller's fault and make bytes that do not decode.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_name(&mut out, &self.application);
        out.extend(self.version.to_be_bytes());
        put_varint(&mut out, self.channels.len() as u64);
        for channel in &self.channels {
            put_name(&mut out, &channel.name);
            out.extend([channel.kind as u8, u8::from(channel.notify)]);
            put_varint(&mut out, u64::from(channel.max_message));
        }
        put_varint(&mut out, self.requests.len() as u64);
        for name in &self.requests {
            put_name(&mut out, name);
        }
        out
    }

    /// Reads what [`Description::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] on anything else: names out of order or twice, counts above the limits, more
    /// than [`limits::DESCRIPTION`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > limits::DESCRIPTION {
            let limit = limits::DESCRIPTION;
            return Err(DecodeError::TooLong { field: "description", limit });
        }
        let mut reader = Reader(bytes);
        let application = read_name(&mut reader)?;
        let version = reader.u32()?;
        let mut channels = Vec::new();
        for _ in 0..reader.count("channels", limits::CHANNELS)? {
            channels.push(ChannelDescription::read(&mut reader)?);
        }
        let mut requests = Vec::new();
        for _ in 0..reader.count("requests", limits::REQUESTS)? {
            requests.push(read_name(&mut reader)?);
        }
        reader.finish()?;
        let sorted =
            channels.is_sorted_by(|a, b| a.name < b.name) && requests.is_sorted_by(|a, b| a < b);
        if sorted {
            Ok(Self { application, version, channels, requests })
        } else {
            Err(DecodeError::NotCanonical { field: "names" })
        }
    }

    /// How `self`, which is this side's, and the peer's `there` differ; by name, channels first.
    #[must_use]
    pub fn differences(&self, there: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let (one, two) = (self.title(), there.title());
        if one != two {
            found.push(Difference::Application { here: one, there: two });
        }
        self.channel_differences(there, &mut found);
        for name in self.requests.iter().filter(|name| !there.requests.contains(name)) {
            found.push(Difference::Request { name: name.clone(), here: true });
        }
        for name in there.requests.iter().filter(|name| !self.requests.contains(name)) {
            found.push(Difference::Request { name: name.clone(), here: false });
        }
        found
    }

    fn title(&self) -> String {
        format!("{} {}", self.application, self.version)
    }

    fn channel_differences(&self, there: &Self, found: &mut Vec<Difference>) {
        for channel in &self.channels {
            let other = there.channel(&channel.name);
            if other != Some(channel) {
                found.push(Difference::Channel {
                    name: channel.name.clone(),
                    here: channel.words(),
                    there: other.map_or_else(missing, ChannelDescription::words),
                });
            }
        }
        for other in there.channels.iter().filter(|other| self.channel(&other.name).is_none()) {
            found.push(Difference::Channel {
                name: other.name.clone(),
                here: missing(),
                there: other.words(),
            });
        }
    }

    fn channel(&self, name: &str) -> Option<&ChannelDescription> {
        self.channels.iter().find(|channel| channel.name == name)
    }
}

impl ChannelDescription {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let name = read_name(reader)?;
        let kind = reader.u8()?;
        let kind = ChannelKind::ALL.into_iter().find(|known| *known as u8 == kind);
        let notify = reader.u8()?;
        let max_message = reader.count("largest message", limits::MESSAGE)?;
        Ok(Self {
            name,
            kind: kind.ok_or(DecodeError::OutOfRange { field: "channel kind" })?,
            notify: match notify {
                0 => false,
                1 => true,
                _ => return Err(DecodeError::OutOfRange { field: "notify" }),
            },
            max_message: u32::try_from(max_message).unwrap_or(u32::MAX),
        })
    }

    fn words(&self) -> String {
        let notify = if self.notify { " with notices" } else { "" };
        format!("{}{notify}, messages up to {} bytes", self.kind, self.max_message)
    }
}

fn missing() -> String {
    "missing".to_owned()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application { here, there } => {
                write!(f, "the application is `{here}` here and `{there}` there")
            }
            Self::Channel { name, here, there } => {
                write!(f, "channel `{name}` is {here} here and {there} there")
            }
            Self::Request { name, here: true } => write!(f, "request `{name}` is missing there"),
            Self::Request { name, here: false } => write!(f, "request `{name}` is missing here"),
        }
    }
}

fn read_name(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let len = usize::from(reader.u8()?);
    if len == 0 {
        return Err(DecodeError::OutOfRange { field: "name" });
    }
    let name = reader.bytes(len)?;
    Reader(name).text("name", limits::NAME).map(str::to_owned)
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arena() -> Description {
        Description {
            application: "arena".into(),
            version: 1,
            channels: vec![
                channel("chat", ChannelKind::Command, 512),
                channel("inputs", ChannelKind::Sequenced, 1_024),
            ],
            requests: vec!["join".into()],
        }
    }

    fn channel(name: &str, kind: ChannelKind, max_message: u32) -> ChannelDescription {
        ChannelDescription { name: name.into(), kind, notify: false, max_message }
    }

    #[test]
    fn golden_bytes() {
        let bytes = b"\x05arena\0\0\0\x01\x02\x04chat\0\0\x42\0\x06inputs\x03\0\x44\0\x01\x04join";
        assert_eq!(arena().encode(), bytes);
        assert_eq!(Description::decode(bytes), Ok(arena()));
        crate::page::assert_shows(bytes);
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = arena().encode();
        for len in 0..bytes.len() {
            assert!(Description::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn names_out_of_order_are_refused() {
        let mut other = arena();
        other.channels.reverse();
        assert_eq!(
            Description::decode(&other.encode()),
            Err(DecodeError::NotCanonical { field: "names" })
        );
    }

    #[test]
    fn a_description_is_read_up_to_its_limit_and_not_beyond() {
        let mut longest = arena();
        let name = |number: usize, len: usize| format!("{number:03}{}", "x".repeat(len - 3));
        longest.requests = (0..251).map(|number| name(number, 64)).collect();
        let room = limits::DESCRIPTION - longest.encode().len();
        longest.requests.push(name(251, room - 1));
        assert_eq!(longest.encode().len(), limits::DESCRIPTION);
        assert_eq!(Description::decode(&longest.encode()), Ok(longest.clone()));
        longest.application.push('x');
        let error = DecodeError::TooLong { field: "description", limit: limits::DESCRIPTION };
        assert_eq!(Description::decode(&longest.encode()), Err(error));
    }

    #[test]
    fn differences_are_told_by_name() {
        let mut other = arena();
        other.channels[1].kind = ChannelKind::Unreliable;
        other.requests.clear();
        let words: Vec<_> = arena().differences(&other).iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "channel `inputs` is sequenced, messages up to 1024 bytes here and unreliable, \
                 messages up to 1024 bytes there",
                "request `join` is missing there",
            ]
        );
    }
}
