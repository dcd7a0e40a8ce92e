//! `reliable_unordered` messages on their way to the application.

use std::collections::VecDeque;

use biplane_wire::{ChannelId, SequenceNumber};
use bytes::Bytes;

use super::pop_front_if;
use crate::{Violation, limits};

/// How far ahead of the oldest missing message another may be: twice what any sender keeps.
pub(super) const AHEAD: u64 = 2 * limits::SEND_QUEUE_MESSAGES as u64;

const _: () = assert!(AHEAD < SequenceNumber::SPAN);

/// Messages as they came, and which numbers those were.
#[derive(Debug, Default)]
pub(super) struct Unordered {
    ready: VecDeque<Bytes>,
    /// Whether message `next + i` has come; the first never has.
    seen: VecDeque<bool>,
    next: SequenceNumber,
}

impl Unordered {
    /// Takes in a message; returns whether it is new.
    pub(super) fn handle(
        &mut self,
        id: ChannelId,
        sequence: u32,
        payload: &[u8],
    ) -> Result<bool, Violation> {
        let sequence = SequenceNumber::expand(sequence, self.next);
        let Some(ahead) = sequence.0.checked_sub(self.next.0) else { return Ok(false) };
        if ahead >= AHEAD {
            return Err(Violation::SequenceRange(id));
        }
        let index = usize::try_from(ahead).unwrap_or(usize::MAX);
        if self.seen.len() <= index {
            self.seen.resize(index + 1, false);
        }
        let Some(seen) = self.seen.get_mut(index) else { return Ok(false) };
        if core::mem::replace(seen, true) {
            return Ok(false);
        }
        while pop_front_if(&mut self.seen, |seen| *seen).is_some() {
            self.next = self.next.next();
        }
        self.ready.push_back(Bytes::copy_from_slice(payload));
        Ok(true)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    pub(super) fn take(&mut self) -> Option<Bytes> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_comes_once_as_soon_as_it_is_there() {
        let channel = ChannelId::new(0).unwrap();
        let mut queue = Unordered::default();
        for (sequence, new) in [(2, true), (0, true), (2, false), (0, false), (1, true), (1, false)]
        {
            assert_eq!(queue.handle(channel, sequence, &[0]), Ok(new), "{sequence}");
        }
        assert_eq!(queue.ready.len(), 3);
        assert!(queue.seen.is_empty());
    }
}
