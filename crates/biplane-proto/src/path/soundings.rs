//! What a diagnosis asks of a path: which packets get through, by direction and length.
//!
//! A sounding is a packet that asks for its ack, and mostly for a path response too. The ack may
//! come on either plane, so it says that the packet arrived even where nothing comes back over UDP;
//! the response comes over UDP alone, and in the time of a round trip. No answer to a sounding
//! proves the address: that is left to the path's own challenge, which is always 1,200 bytes long.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use biplane_wire::limits as wire;

use crate::limits;

/// One question to the path.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "all that there are")]
pub enum Sounding {
    /// A ping alone, in a short packet. Since it is owed no response, its ack rides TCP while the
    /// way back is not known to work, and tells of all that arrived before it.
    Plain,
    /// A ping and a challenge in a short packet.
    Short,
    /// The same in a packet of 1,200 bytes.
    Full,
}

/// What became of a session's soundings, and what it has heard of the peer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SoundingReport {
    /// Those of a short packet, plain ones among them.
    pub short: SoundingCounts,
    /// Those of 1,200 bytes.
    pub full: SoundingCounts,
    /// The longest datagram of the peer's that came, in bytes; 0 if none did.
    pub longest_received: usize,
}

/// Soundings of one length.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SoundingCounts {
    /// Those that left.
    pub sent: u64,
    /// Those whose ack has come, on either plane: they arrived.
    pub acked: u64,
    /// Those that want a response: all but the plain ones.
    pub asked: u64,
    /// Those of them whose ack has come: a response was owed.
    pub owed: u64,
    /// Those whose response has come, over UDP.
    pub answered: u64,
}

/// The soundings of one session. Few sessions ask any.
#[derive(Debug, Default)]
pub(crate) struct Soundings {
    longest_received: usize,
    asking: Option<Box<Asking>>,
}

/// Those of a session that has asked some.
#[derive(Debug, Default)]
struct Asking {
    waiting: Option<Sounding>,
    /// Without a response, the oldest first.
    asked: VecDeque<Asked>,
    /// Not taken yet, the oldest first.
    round_trips: VecDeque<Duration>,
    short: SoundingCounts,
    full: SoundingCounts,
}

#[derive(Debug)]
struct Asked {
    data: [u8; 8],
    at: Instant,
    sounding: Sounding,
}

impl Sounding {
    /// Bytes of its packet at the least.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Plain | Self::Short => wire::PACKET_MIN,
            Self::Full => limits::DATAGRAM_SIZE,
        }
    }
}

impl Soundings {
    /// One shall leave with the next packet; one that waits gives way.
    pub(crate) fn ask(&mut self, sounding: Sounding) {
        self.asking.get_or_insert_default().waiting = Some(sounding);
    }

    /// Whether one waits that a packet of `allowance` bytes has room for.
    pub(crate) fn due(&self, allowance: usize) -> bool {
        let waiting = self.asking.as_ref().and_then(|asking| asking.waiting);
        waiting.is_some_and(|sounding| sounding.len() <= allowance)
    }

    /// Takes the one that waits; `data` is what it asks back, if it does.
    pub(crate) fn take(&mut self, now: Instant, data: [u8; 8]) -> Option<Sounding> {
        let asking = self.asking.as_mut()?;
        let sounding = asking.waiting.take()?;
        asking.counts(sounding).sent += 1;
        if sounding != Sounding::Plain {
            asking.counts(sounding).asked += 1;
            if asking.asked.len() == limits::SOUNDINGS {
                asking.asked.pop_front();
            }
            asking.asked.push_back(Asked { data, at: now, sounding });
        }
        Some(sounding)
    }

    /// The packet of one arrived.
    pub(crate) fn on_acked(&mut self, sounding: Sounding) {
        let Some(asking) = &mut self.asking else { return };
        let counts = asking.counts(sounding);
        counts.acked += 1;
        counts.owed += u64::from(sounding != Sounding::Plain);
    }

    /// The peer sent `data` back.
    pub(crate) fn handle_response(&mut self, now: Instant, data: [u8; 8]) {
        let Some(asking) = &mut self.asking else { return };
        let place = asking.asked.iter().position(|asked| asked.data == data);
        let Some(Asked { at, sounding, .. }) = place.and_then(|place| asking.asked.remove(place))
        else {
            return;
        };
        asking.counts(sounding).answered += 1;
        if asking.round_trips.len() == limits::SOUNDINGS {
            asking.round_trips.pop_front();
        }
        asking.round_trips.push_back(now.saturating_duration_since(at));
    }

    /// A datagram of `len` bytes came.
    pub(crate) fn on_packet(&mut self, len: usize) {
        self.longest_received = self.longest_received.max(len);
    }

    /// Takes the oldest round trip that was not taken yet.
    pub(crate) fn take_round_trip(&mut self) -> Option<Duration> {
        self.asking.as_mut()?.round_trips.pop_front()
    }

    pub(crate) fn report(&self) -> SoundingReport {
        let counts = self.asking.as_ref().map(|asking| (asking.short, asking.full));
        let (short, full) = counts.unwrap_or_default();
        SoundingReport { short, full, longest_received: self.longest_received }
    }
}

impl Asking {
    const fn counts(&mut self, sounding: Sounding) -> &mut SoundingCounts {
        match sounding {
            Sounding::Plain | Sounding::Short => &mut self.short,
            Sounding::Full => &mut self.full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_in_its_own_time() {
        let (mut soundings, now) = (Soundings::default(), Instant::now());
        soundings.ask(Sounding::Short);
        assert_eq!(soundings.take(now, [1; 8]), Some(Sounding::Short));
        assert_eq!(soundings.take(now, [2; 8]), None);
        let later = now + Duration::from_millis(7);
        for data in [[2; 8], [1; 8], [1; 8]] {
            soundings.handle_response(later, data);
        }
        assert_eq!(soundings.take_round_trip(), Some(Duration::from_millis(7)));
        assert_eq!(soundings.take_round_trip(), None);
        let SoundingReport { short, full, .. } = soundings.report();
        assert_eq!((short.sent, short.asked, short.answered, full.sent), (1, 1, 1, 0));
    }

    #[test]
    fn a_long_one_waits_for_a_path_that_may_carry_it() {
        let mut soundings = Soundings::default();
        assert!(!soundings.due(usize::MAX), "nothing waits");
        soundings.ask(Sounding::Full);
        assert!(!soundings.due(limits::DATAGRAM_SIZE - 1) && soundings.due(limits::DATAGRAM_SIZE));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let (mut soundings, now) = (Soundings::default(), Instant::now());
        let data = |number: usize| (number as u64).to_be_bytes();
        for number in 0..=limits::SOUNDINGS {
            soundings.ask(Sounding::Full);
            soundings.take(now, data(number));
        }
        soundings.handle_response(now, data(0));
        assert_eq!(soundings.report().full.answered, 0, "forgotten");
        for number in 1..=limits::SOUNDINGS {
            soundings.handle_response(now, data(number));
        }
        assert_eq!(soundings.report().full.answered, limits::SOUNDINGS as u64);
    }
}
