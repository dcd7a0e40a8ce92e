//! A running hash of everything that happens, to show that a run replays.
//!
//! Packets sent, control bytes, drops, messages taken, events and answers go in, each with its time
//! and side. Two runs with equal transcripts were the same run, byte for byte.

use core::{fmt, time::Duration};

use biplane_proto::{Answered, DropReason, Event};
use biplane_wire::ChannelId;

use crate::{Side, rng::nanos};

/// A hash of what happened so far, and on demand the same in words.
#[derive(Clone, Debug)]
pub struct Transcript {
    hash: u64,
    entries: u64,
    words: Option<Vec<String>>,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// A side sealed and sent a packet.
    Packet(&'a [u8]),
    /// A side wrote to its control connection.
    Control(&'a [u8]),
    /// A side dropped a datagram of so many bytes.
    Dropped(DropReason, usize),
    /// A side's application sent a message.
    Sent(ChannelId, &'a [u8]),
    /// A side's application took a message.
    Taken(ChannelId, &'a [u8]),
    /// A side's application was told something.
    Event(&'a Event),
    /// A side's request ended.
    Answered(&'a Answered),
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

impl Transcript {
    /// An empty transcript.
    #[must_use]
    pub const fn new() -> Self {
        Self { hash: BASIS, entries: 0, words: None }
    }

    /// An empty transcript that keeps every entry in words too.
    #[must_use]
    pub const fn in_words() -> Self {
        Self { hash: BASIS, entries: 0, words: Some(Vec::new()) }
    }

    /// Adds what happened at `side`, `at` after the start.
    pub fn add(&mut self, at: Duration, side: Side, entry: Entry<'_>) {
        self.entries += 1;
        self.word(nanos(at));
        self.word(u64::from(matches!(side, Side::Client(_))));
        self.word(side.client() as u64);
        self.entry(entry);
        if let Some(words) = &mut self.words {
            words.push(line(at, side, &entry));
        }
    }

    /// Adds a remark to the words, if they are kept; it changes no hash.
    pub fn remark(&mut self, at: Duration, side: Side, remark: impl FnOnce() -> String) {
        if let Some(words) = &mut self.words {
            words.push(line(at, side, &remark()));
        }
    }

    /// The hash of all entries in their order.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// How many entries there are.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// The entries in words, if they were kept.
    #[must_use]
    pub fn words(&self) -> &[String] {
        self.words.as_deref().unwrap_or_default()
    }

    fn entry(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Packet(bytes) => self.tagged(1, bytes),
            Entry::Control(bytes) => self.tagged(2, bytes),
            Entry::Dropped(reason, len) => {
                self.tagged(3, reason.name().as_bytes());
                self.word(len as u64);
            }
            Entry::Sent(channel, bytes) => self.message(4, channel, bytes),
            Entry::Taken(channel, bytes) => self.message(5, channel, bytes),
            Entry::Event(Event::Called(call)) => {
                self.word(u64::from(call.id.0));
                self.word(u64::from(call.kind));
                self.tagged(6, &call.payload);
            }
            Entry::Event(event) => self.tagged(7, format!("{event:?}").as_bytes()),
            Entry::Answered(answered) => self.answered(answered),
        }
    }

    fn answered(&mut self, answered: &Answered) {
        self.word(u64::from(answered.id.0));
        match &answered.outcome {
            Ok(reply) => self.tagged(8, reply),
            Err(error) => self.tagged(9, format!("{error:?}").as_bytes()),
        }
    }

    fn message(&mut self, tag: u64, channel: ChannelId, bytes: &[u8]) {
        self.word(channel.index() as u64);
        self.tagged(tag, bytes);
    }

    fn tagged(&mut self, tag: u64, bytes: &[u8]) {
        self.word(tag);
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.word(u64::from(*byte)));
    }

    /// FNV-1a by words of eight bytes, with a fold, since the product alone never moves high bits
    /// down.
    fn word(&mut self, word: u64) {
        let product = (self.hash ^ word).wrapping_mul(PRIME);
        self.hash = product ^ product >> 32;
    }
}

fn line(at: Duration, side: Side, what: &impl fmt::Display) -> String {
    // The side's own `Display` knows no width.
    let side = side.to_string();
    format!("{:>12.6} s  {side:<20} {what}", at.as_secs_f64())
}

impl Default for Transcript {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(bytes) => write!(f, "sends a packet of {} bytes", bytes.len()),
            Self::Control(bytes) => write!(f, "writes {} control bytes", bytes.len()),
            Self::Dropped(reason, len) => write!(f, "drops {len} bytes: {}", reason.name()),
            Self::Sent(channel, bytes) => {
                write!(f, "channel {} sends {} bytes", channel.index(), bytes.len())
            }
            Self::Taken(channel, bytes) => {
                write!(f, "channel {} gives {} bytes", channel.index(), bytes.len())
            }
            Self::Event(event) => write!(f, "event {event:?}"),
            Self::Answered(answered) => write!(f, "answered {answered:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(entries: &[(u64, Side, Entry<'_>)]) -> u64 {
        let mut transcript = Transcript::new();
        for (at, side, entry) in entries {
            transcript.add(Duration::from_millis(*at), *side, *entry);
        }
        transcript.hash()
    }

    #[test]
    fn time_side_kind_order_and_every_byte_count() {
        let (client, server) = (Side::Client(0), Side::Server(0));
        let (one, two) = (Entry::Packet(&[1; 20]), Entry::Packet(&[2; 20]));
        let base = hash(&[(1, client, one), (2, client, two)]);
        assert_eq!(base, hash(&[(1, client, one), (2, client, two)]));
        for other in [
            hash(&[(1, client, two), (2, client, one)]),
            hash(&[(1, client, one), (3, client, two)]),
            hash(&[(1, client, one), (2, server, two)]),
            hash(&[(1, client, one), (2, client, Entry::Control(&[2; 20]))]),
            hash(&[(1, client, one), (2, client, Entry::Packet(&[2; 19]))]),
            hash(&[(1, client, one)]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn words_are_kept_on_demand() {
        let mut transcript = Transcript::in_words();
        transcript.add(Duration::from_millis(1_500), Side::Client(0), Entry::Packet(&[0; 40]));
        assert_eq!(
            transcript.words(),
            ["    1.500000 s  client 0             sends a packet of 40 bytes"]
        );
        assert!(Transcript::new().words().is_empty());
    }
}
