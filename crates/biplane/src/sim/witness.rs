//! Sees what is sent and taken, and whether that keeps the promises of the channels' kinds.
//!
//! Messages are told apart by their bytes alone: two that are equal stand for each other.

use core::{fmt, hash::Hasher, time::Duration};
use std::{
    collections::{BTreeMap, VecDeque, hash_map::DefaultHasher},
    sync::Arc,
};

use biplane_proto::Notice;
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
    /// What each side asked to be told of, by token; tokens may repeat.
    asked: BTreeMap<(Side, u64), VecDeque<(ChannelId, u64)>>,
    /// Messages that were taken whose senders may ask, by the side that took them.
    taken: BTreeMap<(Side, ChannelId), VecDeque<u64>>,
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

    /// `side` wants to be told what becomes of the message it sent last.
    pub(super) fn noted(&mut self, side: Side, channel: ChannelId, message: &[u8], token: u64) {
        self.asked.entry((side, token)).or_default().push_back((channel, hash(message)));
        self.taken.entry((side.peer(), channel)).or_default();
    }

    /// `side` was told so.
    pub(super) fn told(&mut self, at: Duration, side: Side, token: u64, notice: Notice) {
        let at = at.as_secs_f64();
        let asked = self.asked.entry((side, token)).or_default();
        let delivered = notice == Notice::Delivered;
        let taken = &self.taken;
        let was_taken = |(channel, message): &(ChannelId, u64)| {
            taken.get(&(side.peer(), *channel)).is_some_and(|taken| taken.contains(message))
        };
        // Where tokens repeat, one of their messages is meant.
        let meant = asked.iter().position(|asked| !delivered || was_taken(asked));
        if meant.and_then(|place| asked.remove(place)).is_none() {
            let wrong = if delivered { "was not taken" } else { "nobody asked for" };
            self.breach(&format_args!("{at:.6} s, {side}: {notice:?} for token {token} {wrong}"));
        }
    }

    /// A side took a message off a channel of that kind.
    pub(super) fn taken(
        &mut self,
        at: Duration,
        (side, channel, kind): (Side, ChannelId, ChannelKind),
        message: &[u8],
    ) {
        let (flow, taken) = (self.flows.entry((side, channel)).or_default(), hash(message));
        if let Some(noted) = self.taken.get_mut(&(side, channel)) {
            noted.push_back(taken);
            noted.drain(..noted.len().saturating_sub(MEMORY));
        }
        let place = flow.iter().position(|sent| *sent == taken);
        let wrong = match (kind, place) {
            (ChannelKind::Command | ChannelKind::ReliableOrdered, Some(0))
            | (ChannelKind::ReliableUnordered, Some(_)) => {
                place.and_then(|place| flow.remove(place));
                None
            }
            (ChannelKind::Unreliable, Some(place)) => {
                flow.remove(place);
                // What was sent so long before will not come any more.
                flow.drain(..place.saturating_sub(MEMORY));
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
    fn what_a_queue_holds_and_what_is_under_way_is_remembered() {
        let (mut witness, channel) = (Witness::default(), ChannelId::new(3).unwrap());
        let at = (SENDER.peer(), channel, ChannelKind::Unreliable);
        let messages = || (0..2 * MEMORY).map(usize::to_le_bytes);
        messages().for_each(|message| witness.sent(SENDER, channel, &message));
        messages().for_each(|message| witness.taken(Duration::ZERO, at, &message));
        assert_eq!(witness.breaches().len(), 0);
        messages().take(9).for_each(|message| witness.taken(Duration::ZERO, at, &message));
        assert_eq!(witness.breaches().len(), 9, "none comes twice");
    }

    #[test]
    fn notices_are_told_once_and_delivered_of_what_was_taken() {
        let (mut witness, channel) = (Witness::default(), ChannelId::new(3).unwrap());
        let tell = |witness: &mut Witness, token, notice| {
            witness.told(Duration::ZERO, SENDER, token, notice);
            core::mem::take(&mut witness.breaches).len()
        };
        for (message, token) in [(1, 1), (2, 2), (3, 2)] {
            witness.sent(SENDER, channel, &[message]);
            witness.noted(SENDER, channel, &[message], token);
        }
        assert_eq!(tell(&mut witness, 1, Notice::Delivered), 1, "it was not taken");
        let kind = ChannelKind::Unreliable;
        witness.taken(Duration::ZERO, (SENDER.peer(), channel, kind), &[3]);
        assert_eq!(tell(&mut witness, 2, Notice::Delivered), 0);
        assert_eq!(tell(&mut witness, 2, Notice::Delivered), 1, "the other was not taken");
        assert_eq!(tell(&mut witness, 2, Notice::Lost), 0);
        assert_eq!(tell(&mut witness, 2, Notice::Lost), 1, "both were told of");
        assert_eq!(tell(&mut witness, 9, Notice::Lost), 1, "nobody asked");
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
