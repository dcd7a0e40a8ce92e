//! How a packet is laid out: header, frames, room for the tag.

use core::ops::Range;

use biplane_wire::{Frame, Header, Message, MessageRow, limits as wire, varint_len};

use crate::{
    acks::Eliciting,
    channel::{Packet, Space},
    recovery::SentFrame,
};

/// A packet being filled at the end of a buffer.
///
/// The last message ends it and has no length, since nothing follows.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// Bytes that frames may take.
    capacity: usize,
    /// Where the last message is, and how many bytes of it are payload.
    last: Option<(Range<usize>, usize)>,
    /// It holds a piece of a message.
    has_piece: bool,
    frames: Vec<SentFrame>,
    wants: Eliciting,
}

/// Lengths of packets are multiples of this where that makes them alike.
const EVEN: usize = 8;

/// A packet that was filled.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) len: usize,
    pub(super) wants: Eliciting,
    pub(super) frames: Vec<SentFrame>,
}

impl<'a> Builder<'a> {
    /// A packet of at most `size` bytes behind what `out` holds.
    pub(super) fn new(out: &'a mut Vec<u8>, size: usize, frames: Vec<SentFrame>) -> Self {
        let start = out.len();
        out.resize(start + Header::LEN, 0);
        let capacity = size.saturating_sub(Header::LEN + wire::TAG);
        Self {
            out,
            start,
            capacity,
            last: None,
            has_piece: false,
            frames,
            wants: Eliciting::Nothing,
        }
    }

    /// Bytes left for another frame.
    pub(super) fn room(&self) -> usize {
        let used = self.out.len() - self.start - Header::LEN;
        self.capacity.saturating_sub(used)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.out.len() == self.start + Header::LEN
    }

    /// Whether anything in it asks for an ack.
    pub(super) fn elicits(&self) -> bool {
        self.wants != Eliciting::Nothing
    }

    /// Adds a frame if there is room; what is remembered of it goes to `remember`.
    pub(super) fn frame(
        &mut self,
        frame: &Frame<'_>,
        wants: Eliciting,
        remember: Option<SentFrame>,
    ) -> bool {
        let room = self.room();
        let before = self.out.len();
        frame.encode(self.out);
        if self.out.len() - before > room {
            self.out.truncate(before);
            return false;
        }
        self.wants = self.wants.max(wants);
        remember.into_iter().for_each(|frame| self.remember(frame));
        true
    }

    /// Notes what else a frame that was added stands for.
    pub(super) fn remember(&mut self, frame: SentFrame) {
        let last = self.frames.last_mut();
        match last.and_then(|last| Some((last.joined_with(frame)?, last))) {
            Some((joined, last)) => *last = joined,
            None => self.frames.push(frame),
        }
    }

    /// Ends the packet with at least `least` bytes in all, under `header`; the tag's bytes are zero.
    pub(super) fn finish(mut self, header: Header, least: usize) -> Built {
        let least = least.saturating_sub(wire::TAG).max(self.even_length());
        if let Some((message, payload)) = self.last.take() {
            // Nothing goes into the packet behind it but what has its own length.
            self.out.get_mut(message.start..).unwrap_or_default().rotate_left(message.len());
            if self.out.len() - self.start - varint_len(payload as u64) >= least {
                biplane_wire::leave_open(self.out, message.len(), payload);
            }
        }
        if self.out.len() - self.start < least {
            self.out.resize(self.start + least, 0);
        }
        self.out.resize(self.out.len() + wire::TAG, 0);
        let head = self.out.get_mut(self.start..self.start + Header::LEN);
        if let Some(head) = head {
            head.copy_from_slice(&header.encode());
        }
        let len = self.out.len() - self.start;
        Built { len, wants: self.wants, frames: self.frames }
    }

    /// How long the packet is to be, without its tag, for the sake of its neighbours.
    ///
    /// Neighbours of one length leave in one call. The heads of pieces differ by a byte or two:
    /// a few bytes of padding make up for that.
    const fn even_length(&self) -> usize {
        if !self.has_piece {
            return 0;
        }
        let (len, whole) = (self.out.len() - self.start, Header::LEN + self.capacity);
        let even = len.next_multiple_of(EVEN);
        if even < whole { even } else { whole }
    }

    /// Takes back the packet; returns the list of frames for reuse.
    pub(super) fn discard(self) -> Vec<SentFrame> {
        self.out.truncate(self.start);
        self.frames
    }
}

impl Packet for Builder<'_> {
    fn space(&self) -> Space {
        Space { left: self.room(), whole: self.capacity }
    }

    fn add(
        &mut self,
        frame: &Frame<'_>,
        payload: usize,
        (wants, remember): (Eliciting, Option<SentFrame>),
    ) {
        self.wants = self.wants.max(wants);
        remember.into_iter().for_each(|frame| self.remember(frame));
        let start = self.out.len();
        frame.encode(self.out);
        self.has_piece |= matches!(frame, Frame::Fragment(_));
        self.last = Some((start..self.out.len(), payload));
    }

    fn add_row(&mut self, row: MessageRow<'_>, wants: Eliciting) {
        self.wants = self.wants.max(wants);
        // The last by itself: it may be moved, and is not to be waited for until it is written.
        let (others, last) = row.frames.split_at(row.frames.len() - row.last);
        self.out.extend_from_slice(others);
        self.out.extend_from_slice(last);
        let last = Message::overhead(false, true, row.last) + row.last;
        self.last = Some((self.out.len() - last..self.out.len(), row.last));
    }
}
