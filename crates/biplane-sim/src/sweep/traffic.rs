//! What one side sends in a run: twenty messages a second of each kind, and a request.

use core::time::Duration;
use std::time::Instant;

use biplane_proto::ChannelConfig;
use biplane_wire::{ChannelId, ChannelKind};

use crate::{Protocol, Rng, SHORTEST};

/// Messages of one kind are so far apart, on average.
const PERIOD: Duration = Duration::from_millis(50);
const REQUEST_PERIOD: Duration = Duration::from_secs(1);
/// Most messages are at most so long.
const USUAL: usize = 1_024;
/// Long ones are at most so long.
const LONG: usize = 4_096;

/// When an application sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Rhythm {
    /// One message of each kind every 50 ms, all at once, and flushed.
    Ticks,
    /// The same with so much time between.
    Steady(Duration),
    /// Each kind at random moments, 50 ms apart on average, and seldom flushed.
    Scattered,
}

/// How long messages are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Lengths {
    /// Log-uniform to 1 KiB, one in two hundred to the limit of its channel.
    Usual,
    /// Log-uniform to 1 KiB.
    Short,
    /// As usual, but that one in two hundred is about as long as a power of two.
    Edges,
    /// Log-uniform to 4 KiB: some fill a datagram, some take a few.
    Long,
}

/// The traffic of one side.
#[derive(Debug)]
pub struct Traffic {
    rng: Rng,
    options: Rng,
    rhythm: Rhythm,
    lengths: Lengths,
    /// The channels of each kind with their longest messages, and when the next is due.
    kinds: Vec<(Vec<(ChannelId, usize)>, Instant)>,
    request: Option<u8>,
    next_request: Instant,
}

/// Something to send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Work {
    /// A message of so many bytes.
    Message(ChannelId, usize),
    /// A request of this kind, of so many bytes.
    Request(u8, usize),
    /// A flush.
    Flush,
}

impl Traffic {
    /// The kinds of channels, each as busy as the others.
    pub const KINDS: [ChannelKind; 5] = [
        ChannelKind::Command,
        ChannelKind::ReliableOrdered,
        ChannelKind::ReliableUnordered,
        ChannelKind::Sequenced,
        ChannelKind::Unreliable,
    ];

    /// The traffic of one side from `now` on, over the channels of `protocol` and its request
    /// `echo`.
    #[must_use]
    pub fn new(now: Instant, protocol: &Protocol, rhythm: Rhythm, mut rng: Rng) -> Self {
        let used = Self::KINDS.map(|kind| of_kind(protocol, kind));
        let used = used.into_iter().filter(|channels| !channels.is_empty());
        // So that all else is as it would be without.
        let options = rng.clone().fork();
        let first = now + rng.duration(PERIOD);
        Self {
            kinds: used.map(|channels| (channels, first)).collect(),
            request: protocol.request("echo"),
            next_request: now + rng.duration(REQUEST_PERIOD),
            rng,
            options,
            rhythm,
            lengths: Lengths::Usual,
        }
    }

    /// The same with other lengths.
    #[must_use]
    pub const fn of_lengths(mut self, lengths: Lengths) -> Self {
        self.lengths = lengths;
        self
    }

    /// Decides what is asked of messages beside their channel's promise.
    pub const fn options(&mut self) -> &mut Rng {
        &mut self.options
    }

    /// When something is due next.
    #[must_use]
    pub fn due(&self) -> Instant {
        let kinds = self.kinds.iter().map(|(_, due)| *due);
        kinds.fold(self.next_request, Instant::min)
    }

    /// What is due by `now`.
    pub fn work(&mut self, now: Instant) -> Vec<Work> {
        let mut work = Vec::new();
        for (channels, due) in &mut self.kinds {
            while *due <= now {
                *due += match self.rhythm {
                    Rhythm::Ticks => PERIOD,
                    Rhythm::Steady(period) => period,
                    Rhythm::Scattered => self.rng.duration(2 * PERIOD),
                };
                let Some((channel, longest)) = channels.get(self.rng.index(channels.len())) else {
                    break;
                };
                let len = len(&mut self.rng, self.lengths, *longest);
                work.push(Work::Message(*channel, len));
            }
        }
        if self.next_request <= now {
            self.next_request += REQUEST_PERIOD;
            let len = self.rng.size(1, 2 * USUAL);
            work.extend(self.request.map(|kind| Work::Request(kind, len)));
        }
        let ticks = self.rhythm != Rhythm::Scattered;
        if !work.is_empty() && (ticks || self.rng.chance(0.1)) {
            work.push(Work::Flush);
        }
        work
    }
}

/// How long a message is: usually small, one in two hundred up to the longest of its channel.
fn len(rng: &mut Rng, lengths: Lengths, longest: usize) -> usize {
    if lengths == Lengths::Long {
        return rng.size(SHORTEST, LONG.min(longest));
    }
    if lengths == Lengths::Short || !rng.chance(0.005) {
        return rng.size(SHORTEST, USUAL);
    }
    match lengths {
        Lengths::Usual | Lengths::Short | Lengths::Long => rng.size(USUAL, longest),
        Lengths::Edges => {
            let powers = usize::try_from(longest.ilog2().saturating_sub(7)).unwrap_or(0);
            let edge = 256 << rng.index(powers);
            (edge + rng.index(32)).saturating_sub(16).min(longest)
        }
    }
}

/// The channels of a kind, and the longest message that is sent of each now and then.
fn of_kind(protocol: &Protocol, kind: ChannelKind) -> Vec<(ChannelId, usize)> {
    let channels = protocol.kinds().zip(&protocol.channels).filter(|((_, its), _)| *its == kind);
    let longest = |config: &ChannelConfig| usize::try_from(config.max_message).unwrap_or(USUAL);
    channels.map(|((id, _), config)| (id, longest(config))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_messages_a_second_of_each_kind() {
        for rhythm in [Rhythm::Ticks, Rhythm::Scattered] {
            let (start, protocol) = (Instant::now(), Protocol::of_every_kind());
            let mut traffic = Traffic::new(start, &protocol, rhythm, Rng::new(1));
            let mut all = Vec::new();
            while traffic.due() < start + Duration::from_secs(60) {
                all.extend(traffic.work(traffic.due()));
            }
            let (mut counts, mut longest) = ([0; 6], 0);
            for work in &all {
                if let Work::Message(channel, len) = work {
                    counts[channel.index()] += 1;
                    longest = longest.max(*len);
                }
            }
            let requests = all.iter().filter(|work| matches!(work, Work::Request(..))).count();
            let [chat, ordered, orders, rest @ ..] = counts;
            for count in [chat + orders, ordered].into_iter().chain(rest) {
                assert!((1_100..1_300).contains(&count), "{counts:?}");
            }
            assert!((59..=60).contains(&requests), "{requests}");
            assert!(longest > 64 * 1024, "{longest}");
        }
    }
}
