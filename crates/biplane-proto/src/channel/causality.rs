//! What comes after what: messages of data channels that wait for commands, requests and replies.
//!
//! Those go over TCP in an order that both sides know. A message says how many of them had been
//! written whole when it left, all that were issued before it among them; it is handed out once the
//! application has taken that many, the first ones.

use std::{collections::VecDeque, time::Instant};

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::{cost, outgoing::Cause};
use crate::{limits, ranges::Ranges};

/// How far the commands, requests and replies of this side have come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// How many were issued.
    pub(crate) issued: u64,
    /// All issued before this one are written whole.
    pub(crate) settled: u64,
    /// How many are written whole.
    pub(crate) written: u64,
}

impl Progress {
    /// What a message comes after that is sent now.
    pub(super) const fn cause(self) -> Option<Cause> {
        match self.issued {
            0 => None,
            issued if issued > self.settled => Some(Cause::Issued(issued)),
            _ => Some(Cause::Written(self.written)),
        }
    }

    /// What travels of the count that a message says. One that is so old that its low bits could be
    /// taken for those of another has been taken long ago.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what travels")]
    pub(super) fn stamp(self, count: Option<u64>) -> Option<u16> {
        const CURRENT: u64 = 1 << 15;
        count
            .filter(|count| self.written.saturating_sub(*count) < CURRENT)
            .map(|count| count as u16)
    }
}

/// The peer's commands, requests and replies, and the messages that wait for them.
#[derive(Debug, Default)]
pub(crate) struct Causality {
    arrived: u64,
    /// The places of those that the application took.
    taken: Ranges,
    /// `sequenced` and `unreliable` messages, as they came.
    held: VecDeque<Held>,
    cost: usize,
    orphaned: u64,
}

/// A message that waits.
#[derive(Debug)]
pub(super) struct Held {
    /// How many must have been taken.
    after: u64,
    until: Instant,
    pub(super) channel: ChannelId,
    pub(super) sequence: Option<SequenceNumber>,
    pub(super) payload: Bytes,
}

impl Causality {
    /// Another has come whole; returns its place.
    pub(crate) const fn arrive(&mut self) -> u64 {
        let place = self.arrived;
        self.arrived += 1;
        place
    }

    /// The one at `place` was taken; returns whether more of the first ones are now.
    pub(super) fn on_taken(&mut self, place: u64) -> bool {
        let before = self.taken();
        self.taken.insert(place, place);
        self.taken() > before
    }

    /// How many of the first ones were taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken.first_gap()
    }

    /// How many a message waits for that says so; `None` if all were taken. The sender may be ahead
    /// by no more than it keeps unacknowledged; all other counts lie in the past.
    pub(super) fn awaited(&self, stamp: Option<u16>) -> Option<u64> {
        const AHEAD: u64 = 2 * limits::CONTROL_QUEUE_RECORDS as u64;
        let highest = self.arrived + AHEAD;
        let back = highest.wrapping_sub(u64::from(stamp?)) & 0xffff;
        let after = highest.checked_sub(back)?;
        (after > self.taken()).then_some(after)
    }

    /// Holds a message; what has no room, and the oldest before it, is dropped.
    pub(super) fn hold(
        &mut self,
        now: Instant,
        after: u64,
        channel: ChannelId,
        (sequence, payload): (Option<SequenceNumber>, Bytes),
    ) {
        self.cost += cost(payload.len());
        let until = now + limits::HELD_AGE;
        self.held.push_back(Held { after, until, channel, sequence, payload });
        while self.cost > limits::HELD_BYTES {
            self.orphan_oldest();
        }
    }

    fn orphan_oldest(&mut self) {
        if let Some(held) = self.held.pop_front() {
            self.cost -= cost(held.payload.len());
            self.orphaned += 1;
        }
    }

    /// Takes the oldest message that waits no more.
    pub(super) fn release(&mut self) -> Option<Held> {
        let taken = self.taken();
        let place = self.held.iter().position(|held| held.after <= taken)?;
        let held = self.held.remove(place)?;
        self.cost -= cost(held.payload.len());
        Some(held)
    }

    /// When the oldest message has waited as long as it may.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.front().map(|held| held.until)
    }

    /// Drops what has waited as long as it may.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while self.held.front().is_some_and(|held| held.until <= now) {
            self.orphan_oldest();
        }
    }

    /// How many messages were dropped because what they waited for was not taken.
    pub(super) const fn orphaned(&self) -> u64 {
        self.orphaned
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const ID: ChannelId = ChannelId::new(0).unwrap();

    fn arrived(count: u64) -> Causality {
        Causality { arrived: count, ..Causality::default() }
    }

    #[test]
    fn the_first_ones_count_and_no_others() {
        let mut causality = arrived(5);
        assert!(!causality.on_taken(1));
        assert_eq!(causality.taken(), 0);
        assert!(causality.on_taken(0));
        assert_eq!(causality.taken(), 2);
        assert_eq!(causality.awaited(Some(2)), None);
        assert_eq!(causality.awaited(Some(4)), Some(4));
        assert_eq!(causality.awaited(None), None);
    }

    #[test]
    fn a_count_is_known_by_its_low_bits_wherever_they_wrap() {
        for arrived_here in [0, 10, 65_530, 65_536, 70_000, 1 << 20] {
            let causality = arrived(arrived_here);
            for ahead in [0, 1, 4_096] {
                let progress = Progress { written: arrived_here + ahead, ..Progress::default() };
                let wanted = Some(arrived_here + ahead).filter(|after| *after > 0);
                assert_eq!(causality.awaited(progress.stamp(Some(progress.written))), wanted);
            }
            let mut done = arrived(arrived_here);
            for place in 0..arrived_here {
                done.on_taken(place);
            }
            let progress = Progress { written: arrived_here, ..Progress::default() };
            let late = arrived_here.saturating_sub(30_000);
            assert_eq!(done.awaited(progress.stamp(Some(late))), None, "{arrived_here}");
            let older = arrived_here.checked_sub(1 << 15);
            assert_eq!(older.and_then(|older| progress.stamp(Some(older))), None);
        }
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_time() {
        let (now, mut causality) = (Instant::now(), arrived(1));
        for _ in 0..1_000 {
            causality.hold(now, 1, ID, (None, vec![0; 1_000].into()));
            assert!(causality.cost <= limits::HELD_BYTES);
        }
        let kept = limits::HELD_BYTES / cost(1_000);
        assert_eq!(causality.orphaned(), 1_000 - kept as u64);
        causality.handle_timeout(now + limits::HELD_AGE - Duration::from_millis(1));
        assert_eq!(causality.held.len(), kept);
        causality.handle_timeout(now + limits::HELD_AGE);
        assert_eq!((causality.held.len(), causality.cost, causality.orphaned()), (0, 0, 1_000));
    }

    #[test]
    fn what_waits_for_less_is_released_first() {
        let (now, mut causality) = (Instant::now(), arrived(3));
        for after in [2, 1, 3] {
            causality.hold(now, after, ID, (None, vec![u8::try_from(after).unwrap()].into()));
        }
        let mut released = |place| {
            causality.on_taken(place);
            core::iter::from_fn(|| causality.release())
                .map(|held| held.payload[0])
                .collect::<Vec<_>>()
        };
        assert_eq!(released(0), [1]);
        assert_eq!(released(2), []);
        assert_eq!(released(1), [2, 3]);
    }
}
