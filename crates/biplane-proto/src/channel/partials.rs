//! Pieces of `sequenced` and `unreliable` messages, for all channels of a session together.
//!
//! What is not whole in time was lost on its way: few are kept, and the oldest goes first.

use std::{collections::VecDeque, time::Instant};

use biplane_wire::{ChannelId, SequenceNumber};

use super::reassembly::{Partial, Piece, Refused};
use crate::{Violation, limits};

/// Messages that are not whole yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct FreshPartials {
    list: VecDeque<Entry>,
    bytes: usize,
    /// How many were given up.
    unfinished: u64,
}

#[derive(Debug)]
struct Entry {
    channel: ChannelId,
    sequence: SequenceNumber,
    begun: Instant,
    partial: Partial,
}

impl FreshPartials {
    /// Takes in a piece; returns the message once it is whole.
    pub(super) fn add(
        &mut self,
        now: Instant,
        channel: ChannelId,
        sequence: SequenceNumber,
        piece: Piece<'_>,
    ) -> Result<Option<Vec<u8>>, Violation> {
        self.expire(now);
        let index = self.place(now, channel, sequence, piece.total);
        let Some(entry) = self.list.get_mut(index) else { return Ok(None) };
        let before = entry.partial.held();
        let outcome = entry.partial.add(piece, limits::FRESH_GAPS);
        self.bytes = self.bytes + entry.partial.held() - before;
        match outcome {
            Ok(None) => {
                self.bound();
                Ok(None)
            }
            Ok(Some(whole)) => {
                // `held` is 0 now: what the message took was given back just above.
                self.list.remove(index);
                Ok(Some(whole))
            }
            Err(Refused::TooManyGaps) => {
                self.give_up(index);
                Ok(None)
            }
            Err(Refused::TotalChanged) => Err(Violation::TotalChanged(channel)),
        }
    }

    fn place(
        &mut self,
        now: Instant,
        channel: ChannelId,
        sequence: SequenceNumber,
        total: usize,
    ) -> usize {
        let known = |entry: &Entry| entry.channel == channel && entry.sequence == sequence;
        self.list.iter().position(known).unwrap_or_else(|| {
            let partial = Partial::new(total);
            self.list.push_back(Entry { channel, sequence, begun: now, partial });
            self.list.len() - 1
        })
    }

    /// A newer message of `channel` is whole: older ones will not be waited for.
    pub(super) fn supersede(&mut self, channel: ChannelId, newest: SequenceNumber) {
        let old = |entry: &Entry| entry.channel == channel && entry.sequence < newest;
        while let Some(index) = self.list.iter().position(old) {
            self.give_up(index);
        }
    }

    fn expire(&mut self, now: Instant) {
        let old = |entry: &Entry| now.saturating_duration_since(entry.begun) > limits::FRESH_AGE;
        while self.list.front().is_some_and(old) {
            self.give_up(0);
        }
    }

    fn bound(&mut self) {
        while self.list.len() > limits::FRESH_PARTIALS || self.bytes > limits::FRESH_PARTIAL_BYTES {
            self.give_up(0);
        }
    }

    fn give_up(&mut self, index: usize) {
        if let Some(entry) = self.list.remove(index) {
            self.bytes -= entry.partial.held();
            self.unfinished += 1;
        }
    }

    /// How many messages were given up because pieces were missing.
    pub(super) const fn unfinished(&self) -> u64 {
        self.unfinished
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn piece(offset: usize) -> Piece<'static> {
        Piece { offset, total: 2_000, bytes: &[7; 1_000], after: 0 }
    }

    fn channel() -> ChannelId {
        ChannelId::new(0).unwrap()
    }

    fn add(partials: &mut FreshPartials, now: Instant, sequence: u64, offset: usize) -> bool {
        let sequence = SequenceNumber(sequence);
        partials.add(now, channel(), sequence, piece(offset)).unwrap().is_some()
    }

    #[test]
    fn two_messages_grow_beside_each_other() {
        let (now, mut partials) = (Instant::now(), FreshPartials::default());
        assert!(!add(&mut partials, now, 0, 0));
        assert!(!add(&mut partials, now, 1, 0));
        assert!(add(&mut partials, now, 0, 1_000));
        assert!(add(&mut partials, now, 1, 1_000));
        assert_eq!((partials.bytes, partials.list.len(), partials.unfinished), (0, 0, 0));
    }

    #[test]
    fn first_pieces_alone_stay_within_their_caps() {
        let (now, mut partials) = (Instant::now(), FreshPartials::default());
        for sequence in 0..10_000 {
            add(&mut partials, now, sequence, 0);
            assert!(partials.list.len() <= limits::FRESH_PARTIALS);
            assert!(partials.bytes <= limits::FRESH_PARTIAL_BYTES);
        }
        assert_eq!(partials.unfinished, 10_000 - limits::FRESH_PARTIALS as u64);
    }

    #[test]
    fn what_is_not_whole_in_time_is_given_up() {
        let (now, mut partials) = (Instant::now(), FreshPartials::default());
        add(&mut partials, now, 0, 0);
        let later = now + limits::FRESH_AGE + Duration::from_millis(1);
        assert!(!add(&mut partials, later, 0, 1_000), "its first half is gone");
        assert_eq!(partials.unfinished, 1);
    }

    #[test]
    fn a_newer_whole_message_ends_the_wait_for_older_ones() {
        let (now, mut partials) = (Instant::now(), FreshPartials::default());
        add(&mut partials, now, 0, 0);
        add(&mut partials, now, 5, 0);
        partials.supersede(channel(), SequenceNumber(3));
        assert_eq!(partials.list.len(), 1);
        assert!(add(&mut partials, now, 5, 1_000));
    }

    #[test]
    fn a_changed_total_is_a_violation() {
        let (now, mut partials) = (Instant::now(), FreshPartials::default());
        add(&mut partials, now, 0, 0);
        let other = Piece { offset: 0, total: 3_000, bytes: &[1], after: 0 };
        assert_eq!(
            partials.add(now, channel(), SequenceNumber(0), other),
            Err(Violation::TotalChanged(channel()))
        );
    }
}
