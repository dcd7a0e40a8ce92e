//! What a channel gives out for a packet or control record: a message, or a piece of one.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{
    ChannelId, Chunk, Fragment, Frame, Header, Message, MessageRow, SequenceNumber, varint_len,
};

use super::{causality::Progress, shelf::Body};
use crate::{acks::Eliciting, limits, recovery::SentFrame};

/// A packet that messages go into.
pub(crate) trait Packet {
    /// Room for another.
    fn space(&self) -> Space;

    /// Adds a message, or a piece of one, that fits: its frame, how many bytes of that are payload,
    /// and what must be remembered of it.
    fn add(&mut self, frame: &Frame<'_>, payload: usize, what: (Eliciting, Option<SentFrame>));

    /// Adds a row of messages that fits, and that nothing is remembered of.
    fn add_row(&mut self, row: MessageRow<'_>, wants: Eliciting);
}

/// A message that waits to be sent, or is about to; with `()` for its payload, what is known of it
/// beside that.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Queued<P = Body> {
    pub(super) payload: P,
    /// When the application sent it.
    pub(super) since: Instant,
    /// What few ask for, so that all others take no room for it.
    pub(super) extra: Option<Box<Extra>>,
}

/// What was asked of a message beside its channel's promise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Extra {
    /// Of who asks for its fate.
    pub(super) token: Option<u64>,
    /// What it comes after, if anything.
    pub(super) cause: Option<Cause>,
}

impl Extra {
    /// To hang it on a message, if there is anything.
    #[inline]
    pub(super) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// The commands, requests and replies that a message comes after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    /// So many were issued, and not all of them are written: it waits.
    Issued(u64),
    /// All of them are among so many, the first ones that were written.
    Written(u64),
}

impl Queued<()> {
    /// The same with its payload.
    pub(super) fn with<P>(self, payload: P) -> Queued<P> {
        Queued { payload, since: self.since, extra: self.extra }
    }
}

impl<P> Queued<P> {
    /// Of who asks for its fate.
    pub(super) fn token(&self) -> Option<u64> {
        self.extra.as_ref()?.token
    }

    /// The same, which is not told any more.
    pub(super) fn take_token(&mut self) -> Option<u64> {
        self.extra.as_mut()?.token.take()
    }

    fn cause(&self) -> Option<Cause> {
        self.extra.as_ref()?.cause
    }

    /// Since when it waits, and whether it may leave.
    pub(super) fn standing(&self) -> (Instant, bool) {
        (self.since, self.may_leave())
    }

    /// Whether all that it comes after is written.
    pub(super) fn may_leave(&self) -> bool {
        !matches!(self.cause(), Some(Cause::Issued(_)))
    }

    /// Among how many that were written they are, if it says so.
    pub(super) fn count(&self) -> Option<u64> {
        match self.cause() {
            Some(Cause::Written(count)) => Some(count),
            Some(Cause::Issued(_)) | None => None,
        }
    }

    /// Lets those of `queue` leave whose commands, requests and replies are all written now; returns
    /// whether there are any. None comes after less than those before it.
    pub(super) fn free<'a>(queue: impl Iterator<Item = &'a mut Self>, progress: Progress) -> bool
    where
        P: 'a,
    {
        let mut any = false;
        for extra in queue.filter_map(|message| message.extra.as_mut()) {
            match extra.cause {
                Some(Cause::Issued(issued)) if issued > progress.settled => break,
                Some(Cause::Issued(_)) => {
                    extra.cause = Some(Cause::Written(progress.written));
                    any = true;
                }
                Some(Cause::Written(_)) | None => {}
            }
        }
        any
    }

    /// Whether it is worth nothing any more, where messages live so long.
    pub(super) fn is_over(&self, now: Instant, lifetime: Option<Duration>) -> bool {
        lifetime.is_some_and(|lifetime| now.saturating_duration_since(self.since) >= lifetime)
    }
}

/// A message or a piece of one, on its way into a packet or record.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) channel: ChannelId,
    pub(crate) sequence: Option<SequenceNumber>,
    pub(crate) part: Option<Part>,
    /// Its bytes, which its channel has.
    pub(crate) body: Body,
    pub(crate) wants: Eliciting,
    /// When the application sent it, if its channel has a lifetime and it is not sent again.
    pub(crate) sent_at: Option<Instant>,
    /// It goes once, and its fate is asked for.
    pub(crate) noted: bool,
    /// The low bits of how many commands, requests and replies it comes after.
    pub(crate) after: Option<u16>,
}

/// Where a piece stands in its message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Part {
    pub(crate) offset: u32,
    pub(crate) total: u32,
}

/// How much of a message goes now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    /// All of it.
    Whole,
    /// So many bytes of it, from where the last piece ended.
    Piece(usize),
    /// Nothing: what room there is is better left to others.
    Nothing,
}

/// Bytes for frames in a packet or record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    /// What is left of them.
    pub(crate) left: usize,
    /// What a packet has that holds nothing yet: a message that fits there waits for one.
    pub(crate) whole: usize,
}

/// Room for frames, as a channel sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) space: Space,
    /// Whether whole messages have a sequence number.
    pub(super) sequenced: bool,
    /// Whether the message says what it comes after.
    pub(super) after: bool,
}

impl Space {
    /// That of a control record with `left` bytes, for which no message is cut that fits any packet.
    pub(crate) const fn in_record(left: usize) -> Self {
        Self { left, whole: limits::DATAGRAM_SIZE - Header::LEN - limits::TAG }
    }
}

/// What of `left` bytes goes into an empty packet that takes `room` of them.
///
/// The last piece of a message may leave room for no other: then all of them are made equally long,
/// for packets of one length leave in one call.
const fn evened(left: usize, room: usize) -> usize {
    if left <= room || room == 0 {
        return room;
    }
    let pieces = left.div_ceil(room);
    let spare = pieces * room - left;
    if spare < limits::FRAGMENT_MIN + Part::OVERHEAD { left.div_ceil(pieces) } else { room }
}

impl Room {
    /// The same for a message that says what it comes after, or does not.
    pub(super) const fn saying(self, after: bool) -> Self {
        Self { after, ..self }
    }

    const fn count(self) -> usize {
        if self.after { Outgoing::COUNT } else { 0 }
    }

    /// What of a message that was not begun goes into this room.
    pub(super) const fn cut_new(self, len: usize) -> Cut {
        let needs = Message::overhead(self.sequenced, true, len) + self.count() + len;
        if needs <= self.space.left {
            return Cut::Whole;
        }
        if needs <= self.space.whole {
            // It fits a packet of its own.
            return Cut::Nothing;
        }
        self.cut_piece(len)
    }

    /// Whether the withdrawal of a message goes into this room.
    pub(super) const fn has_end(self) -> bool {
        self.space.left >= Part::OVERHEAD
    }

    /// What of `left` bytes of a message in pieces goes into this room: never a crumb, unless it
    /// is the last.
    pub(super) const fn cut_piece(self, left: usize) -> Cut {
        let room = self.space.left.saturating_sub(Part::OVERHEAD + self.count());
        let len = if left < room { left } else { room };
        let len = if self.space.left == self.space.whole { evened(left, len) } else { len };
        if len == left && len > 0 || len >= limits::FRAGMENT_MIN {
            Cut::Piece(len)
        } else {
            Cut::Nothing
        }
    }
}

impl Part {
    /// The most that a fragment frame takes beside its payload: type, channel, sequence number,
    /// offset, total and length.
    const OVERHEAD: usize = 2 + 3 + 4 + 4 + 2;

    /// The end of a message of so many bytes, where it is withdrawn.
    pub(super) const fn end(total: u32) -> Self {
        Self { offset: total, total }
    }

    /// Which piece of its message one of `len` bytes is.
    pub(super) const fn chunk(self, len: usize) -> Chunk {
        Chunk { first: self.offset == 0, last: self.offset as usize + len == self.total as usize }
    }
}

impl Outgoing {
    /// The bytes that say what a message comes after.
    const COUNT: usize = 2;

    /// The frame with its length, so that others may follow.
    pub(crate) fn frame<'a>(&self, payload: &'a [u8]) -> Frame<'a> {
        self.stamped(payload, true, None)
    }

    /// The frame for a control record; `clock` is the session's when the application sent it.
    pub(crate) fn tunnelled_frame<'a>(&self, payload: &'a [u8], clock: Option<u32>) -> Frame<'a> {
        self.stamped(payload, false, clock)
    }

    fn stamped<'a>(&self, payload: &'a [u8], delimited: bool, clock: Option<u32>) -> Frame<'a> {
        let sequence = self.sequence.map(SequenceNumber::truncated);
        match self.part {
            None => Frame::Message(Message {
                channel: self.channel,
                sequence,
                after: self.after,
                clock,
                delimited,
                payload,
            }),
            Some(Part { offset, total }) => Frame::Fragment(Fragment {
                channel: self.channel,
                sequence: sequence.unwrap_or(0),
                offset,
                total,
                after: self.after,
                clock,
                delimited,
                payload,
            }),
        }
    }

    /// The same, and the bytes of its frame.
    pub(super) const fn measured(self) -> (Self, usize) {
        let len = self.len(true);
        (self, len)
    }

    /// The bytes of its frame.
    pub(crate) const fn len(&self, delimited: bool) -> usize {
        let len = self.body.len();
        let overhead = match self.part {
            None => Message::overhead(self.sequence.is_some(), delimited, len),
            Some(Part { offset, total }) => {
                let whole = varint_len(offset as u64) + varint_len(total as u64);
                Message::overhead(true, delimited, len) + whole
            }
        };
        let count = if self.after.is_some() { Self::COUNT } else { 0 };
        overhead + count + len
    }

    /// What must be remembered of it until its fate is known.
    pub(crate) fn remembered(&self) -> Option<SentFrame> {
        let sequence = self.sequence?;
        if self.wants != Eliciting::Reliable {
            return self.noted.then_some(SentFrame::Noted(self.channel, sequence));
        }
        Some(match self.part {
            // A withdrawal stands for all of its message.
            _ if self.body.len() == 0 => SentFrame::Message(self.channel, sequence, 1),
            None => SentFrame::Message(self.channel, sequence, 1),
            Some(Part { offset, .. }) => {
                let len = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
                SentFrame::Piece(self.channel, sequence, offset, len)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const fn room(left: usize) -> Room {
        Room { space: Space::in_record(left), sequenced: true, after: false }
    }

    #[test]
    fn what_fits_a_packet_is_not_cut() {
        assert_eq!(room(1_175).cut_new(limits::DATA_MESSAGE), Cut::Whole);
        assert_eq!(room(1_000).cut_new(limits::DATA_MESSAGE), Cut::Nothing);
        assert_eq!(room(1_175).cut_new(limits::DATA_MESSAGE + 2), Cut::Piece(1_160));
        let saying = room(1_175).saying(true);
        assert_eq!(saying.cut_new(limits::DATA_MESSAGE - 2), Cut::Whole);
        assert_eq!(saying.cut_new(limits::DATA_MESSAGE), Cut::Piece(1_158), "it never fits");
    }

    #[test]
    fn no_crumbs_but_the_last() {
        assert_eq!(room(100).cut_piece(5_000), Cut::Nothing);
        assert_eq!(room(100).cut_piece(50), Cut::Piece(50));
        assert_eq!(room(10).cut_piece(50), Cut::Nothing);
    }

    #[test]
    fn pieces_are_equally_long_where_the_last_leaves_room_for_no_other() {
        assert_eq!(evened(3_400, 1_160), 1_134);
        assert_eq!(evened(3_400 - 1_134, 1_160), 1_133);
        assert_eq!(evened(1_133, 1_160), 1_160, "all that is left");
        assert_eq!(evened(3_000, 1_160), 1_160, "another goes behind the last");
        assert_eq!(evened(5_000, 0), 0);
    }

    #[test]
    fn a_frame_is_as_long_as_it_says() {
        let channel = ChannelId::new(0).unwrap();
        for (offset, total) in [(0, 2_000), (20_000, 1_000_000)] {
            for after in [None, Some(7)] {
                let payload = [7; 1_000];
                let outgoing = Outgoing {
                    channel,
                    sequence: Some(SequenceNumber(1)),
                    part: Some(Part { offset, total }),
                    body: Bytes::copy_from_slice(&payload).into(),
                    wants: Eliciting::Reliable,
                    sent_at: None,
                    noted: false,
                    after,
                };
                let mut out = Vec::new();
                outgoing.frame(&payload).encode(&mut out);
                assert_eq!(out.len(), outgoing.len(true));
                let (mut open, len) = (out.clone(), out.len());
                biplane_wire::leave_open(&mut open, len, payload.len());
                let mut plain = Vec::new();
                outgoing.tunnelled_frame(&payload, None).encode(&mut plain);
                assert_eq!((open.len(), &open), (outgoing.len(false), &plain));
                assert!(out.len() <= 1_000 + Part::OVERHEAD + Outgoing::COUNT);
            }
        }
    }
}
