//! Sees what is sent and taken, and whether that keeps the promises of the channels' kinds.
//!
//! Messages are told apart by their bytes alone: two that are equal stand for each other.

use core::{fmt, hash::Hasher, time::Duration};
use std::{
    collections::{BTreeMap, VecDeque, hash_map::DefaultHasher},
    sync::Arc,
};

use biplane_sim::Side;
use biplane_wire::{ChannelId, ChannelKind};

/// Messages of a channel that may be lost are remembered so far back.
const MEMORY: usize = 4_096;
/// More broken promises than this tell nothing new.
const BREACHES: usize = 64;

/// What was sent to each end and not taken yet, and what was wrong so far.
#[derive(Debug, Default)]
pub(super) struct Witness {
    flows: BTreeMap<(Side, ChannelId), VecDeque<u64>>,
    breaches: Vec<Breach>,
}

/// A promise that a world of simulated links did not see kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breach {
    text: Arc<str>,
}

impl Breach {
    pub(super) fn new(text: &dyn fmt::Display) -> Self {
        Self { text: text.to_string().into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Witness {
    /// `side` sent a message.
    pub(super) fn sent(&mut self, side: Side, channel: ChannelId, message: &[u8]) {
        self.flows.entry((side.peer(), channel)).or_default().push_back(hash(message));
    }

    /// A side took a message off a channel of that kind.
    pub(super) fn taken(
        &mut self,
        at: Duration,
        (side, channel, kind): (Side, ChannelId, ChannelKind),
        message: &[u8],
    ) {
        let (flow, taken) = (self.flows.entry((side, channel)).or_default(), hash(message));
        let place = flow.iter().position(|sent| *sent == taken);
        let wrong = match (kind, place) {
            (ChannelKind::Command | ChannelKind::ReliableOrdered, Some(0))
            | (ChannelKind::ReliableUnordered | ChannelKind::Unreliable, Some(_)) => {
                place.and_then(|place| flow.remove(place));
                None
            }
            (ChannelKind::Sequenced, Some(place)) => {
                flow.drain(..=place);
                None
            }
            (ChannelKind::Command | ChannelKind::ReliableOrdered, Some(ahead)) => {
                // What comes after is compared with what should come after.
                flow.drain(..=ahead);
                Some("out of order")
            }
            (_, None) => Some("repeated, out of order or never sent"),
        };
        if !kind.is_reliable() {
            flow.drain(..flow.len().saturating_sub(MEMORY));
        }
        if let Some(wrong) = wrong {
            let (at, index) = (at.as_secs_f64(), channel.index());
            self.breach(&format_args!("{at:.6} s, {side}, channel {index}: a message is {wrong}"));
        }
    }

    /// Promises not kept so far, the first of them.
    pub(super) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    fn breach(&mut self, what: &dyn fmt::Display) {
        if self.breaches.len() < BREACHES {
            self.breaches.push(Breach::new(what));
        }
    }
}

fn hash(message: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(message);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Side = Side::Client(0);

    /// How many breaches there are when five messages are sent and these are taken.
    fn breaches(kind: ChannelKind, taken: &[u8]) -> usize {
        let (mut witness, channel) = (Witness::default(), ChannelId::new(3).unwrap());
        (0..5).for_each(|message| witness.sent(SENDER, channel, &[message]));
        for message in taken {
            witness.taken(Duration::ZERO, (SENDER.peer(), channel, kind), &[*message]);
        }
        witness.breaches().len()
    }

    #[test]
    fn each_kind_is_held_to_its_own_promise() {
        use ChannelKind::{Command, ReliableOrdered, ReliableUnordered, Sequenced, Unreliable};
        for kind in [Command, ReliableOrdered, ReliableUnordered, Sequenced, Unreliable] {
            assert_eq!(breaches(kind, &[0, 1, 2, 3, 4]), 0, "{kind:?}");
            assert_eq!(breaches(kind, &[0, 0]), 1, "{kind:?}: twice");
            assert_eq!(breaches(kind, &[9]), 1, "{kind:?}: never sent");
        }
        assert_eq!(breaches(ReliableOrdered, &[0, 2, 3]), 1, "one is missing");
        assert_eq!(breaches(Command, &[1, 0]), 2);
        assert_eq!(breaches(ReliableUnordered, &[4, 0, 3]), 0);
        assert_eq!(breaches(Sequenced, &[1, 4]), 0);
        assert_eq!(breaches(Sequenced, &[4, 1]), 1, "backwards");
        assert_eq!(breaches(Unreliable, &[4, 1]), 0);
    }
}
