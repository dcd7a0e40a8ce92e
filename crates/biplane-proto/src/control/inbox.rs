//! Numbered records as they come in: their order, and the messages they are pieces of.

use biplane_wire::{ChannelId, Chunk, ControlNumber, Record, ReplyOutcome, RequestId};
use bytes::Bytes;

use crate::{Content, Violation, limits};

/// The numbered half of a control connection's input.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Bytes of a record that is not whole yet.
    pub(crate) partial: Vec<u8>,
    next: ControlNumber,
    /// Bytes since the last ack.
    unacknowledged: usize,
    commands: Assembly<ChannelId>,
    requests: Assembly<(RequestId, u8)>,
    replies: Assembly<(RequestId, ReplyOutcome)>,
}

/// A message that has come whole.
#[derive(Debug)]
pub(crate) enum Whole<'a> {
    Command(ChannelId, Content<'a>),
    Request(RequestId, u8, Bytes),
    Reply(RequestId, ReplyOutcome, Bytes),
}

/// Pieces of one message.
#[derive(Debug)]
struct Assembly<K> {
    begun: Option<(K, Vec<u8>)>,
}

impl<K> Default for Assembly<K> {
    fn default() -> Self {
        Self { begun: None }
    }
}

impl<K: PartialEq> Assembly<K> {
    fn add<'a>(
        &mut self,
        key: K,
        chunk: Chunk,
        bytes: &'a [u8],
    ) -> Result<Option<Content<'a>>, Violation> {
        if chunk.first && chunk.last && self.begun.is_none() {
            return Ok(Some(Content::Borrowed(bytes)));
        }
        let mut whole = match self.begun.take() {
            None if chunk.first => Vec::new(),
            Some((begun, whole)) if !chunk.first && begun == key => whole,
            _ => return Err(Violation::ControlOrder),
        };
        if bytes.is_empty() || whole.len() + bytes.len() > limits::CONTROL_MESSAGE {
            return Err(Violation::ControlTooLong);
        }
        if chunk.last {
            whole.reserve_exact(bytes.len());
        }
        whole.extend_from_slice(bytes);
        if chunk.last {
            return Ok(Some(Content::Shared(whole.into())));
        }
        self.begun = Some((key, whole));
        Ok(None)
    }
}

impl Inbox {
    pub(crate) const fn count_from(&mut self, first: ControlNumber) {
        self.next = first;
    }

    /// Checks the number of a record in its turn.
    pub(crate) fn count(&mut self, number: u32, len: usize) -> Result<(), Violation> {
        if number != self.next.truncated() {
            return Err(Violation::ControlOrder);
        }
        self.next = self.next.next();
        self.unacknowledged += len.max(1);
        Ok(())
    }

    /// The low half of the number expected next.
    pub(crate) const fn expected(&self) -> u32 {
        self.next.truncated()
    }

    /// The numbers below `next` that have not come will not.
    pub(crate) fn give_up(&mut self, next: u32) -> Result<(), Violation> {
        let next = ControlNumber::expand(next, self.next);
        if next < self.next {
            return Err(Violation::ControlOrder);
        }
        self.next = next;
        self.unacknowledged += 1;
        Ok(())
    }

    /// Whether records wait for an ack.
    pub(crate) const fn owes_ack(&self) -> bool {
        self.unacknowledged > 0
    }

    /// Whether so many bytes wait for an ack that it goes at once.
    pub(crate) const fn owes_ack_now(&self) -> bool {
        self.unacknowledged >= limits::CONTROL_ACK_BYTES
    }

    /// The number to acknowledge up to; the ack is being written.
    pub(crate) const fn acknowledge(&mut self) -> ControlNumber {
        self.unacknowledged = 0;
        self.next
    }

    /// Adds a piece of a command, request or reply; returns the message when it is whole.
    pub(crate) fn assemble<'a>(
        &mut self,
        record: &Record<'a>,
    ) -> Result<Option<Whole<'a>>, Violation> {
        Ok(match *record {
            Record::Command { chunk, channel, bytes, .. } => self
                .commands
                .add(channel, chunk, bytes)?
                .map(|whole| Whole::Command(channel, whole)),
            Record::Request { chunk, id, kind, bytes, .. } => self
                .requests
                .add((id, kind), chunk, bytes)?
                .map(|whole| Whole::Request(id, kind, whole.into_bytes())),
            Record::Reply { chunk, id, outcome, bytes, .. } => self
                .replies
                .add((id, outcome), chunk, bytes)?
                .map(|whole| Whole::Reply(id, outcome, whole.into_bytes())),
            Record::Frame(_)
            | Record::Acked { .. }
            | Record::Ping { .. }
            | Record::Pong { .. }
            | Record::Planes { .. }
            | Record::ReceiveId { .. }
            | Record::GivenUp { .. }
            | Record::Tunnelled { .. }
            | Record::Transfer { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(chunk: Chunk, channel: u8, bytes: &[u8]) -> Record<'_> {
        Record::Command { number: 0, chunk, channel: ChannelId::new(channel).unwrap(), bytes }
    }

    const FIRST: Chunk = Chunk { first: true, last: false };
    const MIDDLE: Chunk = Chunk { first: false, last: false };
    const LAST: Chunk = Chunk { first: false, last: true };

    #[test]
    fn pieces_make_a_message() {
        let mut inbox = Inbox::default();
        assert!(inbox.assemble(&command(FIRST, 1, b"a")).unwrap().is_none());
        assert!(inbox.assemble(&command(MIDDLE, 1, b"b")).unwrap().is_none());
        let Ok(Some(Whole::Command(_, whole))) = inbox.assemble(&command(LAST, 1, b"c")) else {
            panic!("not whole")
        };
        assert_eq!(whole.as_slice(), b"abc");
    }

    #[test]
    fn pieces_out_of_turn_are_violations() {
        for (before, then) in [
            (None, command(LAST, 1, b"x")),
            (Some(command(FIRST, 1, b"x")), command(FIRST, 1, b"x")),
            (Some(command(FIRST, 1, b"x")), command(Chunk::WHOLE, 1, b"x")),
            (Some(command(FIRST, 1, b"x")), command(LAST, 2, b"x")),
        ] {
            let mut inbox = Inbox::default();
            if let Some(before) = before {
                inbox.assemble(&before).unwrap();
            }
            assert_eq!(inbox.assemble(&then).unwrap_err(), Violation::ControlOrder, "{then:?}");
        }
    }

    #[test]
    fn a_message_longer_than_the_limit_is_refused_before_it_is_whole() {
        let mut inbox = Inbox::default();
        let piece = vec![0; Record::CHUNK];
        inbox.assemble(&command(FIRST, 1, &piece)).unwrap();
        let refused = (0..limits::CONTROL_MESSAGE / Record::CHUNK + 1)
            .find_map(|_| inbox.assemble(&command(MIDDLE, 1, &piece)).err());
        assert_eq!(refused, Some(Violation::ControlTooLong));
    }

    #[test]
    fn numbers_that_are_given_up_need_not_come_and_none_is_taken_back() {
        let mut inbox = Inbox::default();
        inbox.count(0, 1).unwrap();
        assert_eq!(inbox.give_up(3), Ok(()));
        assert_eq!(inbox.count(3, 1), Ok(()));
        assert_eq!(inbox.give_up(2), Err(Violation::ControlOrder));
        assert_eq!(inbox.expected(), 4);
    }

    #[test]
    fn numbers_come_in_their_turn() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.count(0, 1), Ok(()));
        assert_eq!(inbox.count(0, 1), Err(Violation::ControlOrder));
        assert_eq!(inbox.count(2, 1), Err(Violation::ControlOrder));
        assert_eq!(inbox.count(1, 1), Ok(()));
    }
}
