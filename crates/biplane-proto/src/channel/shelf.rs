//! The bytes of messages that wait: those that fit a packet stand beside each other on boards, which
//! are used again, so that none needs an allocation of its own; longer ones are by themselves, or
//! shared with whoever gave them.

use core::{mem, ops::Range};
use std::collections::VecDeque;

use bytes::Bytes;

use super::pop_front_if;
use crate::limits;

/// The bytes of a message on their way into a queue or out of one.
#[expect(clippy::exhaustive_enums, reason = "bytes are somebody else's or not")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content<'a> {
    /// Somebody else's.
    Borrowed(&'a [u8]),
    /// To keep, without a copy where they are many.
    Shared(Bytes),
}

impl Content<'_> {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// The same, in an allocation that nothing else holds up.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Self::Shared(bytes) => bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }
}

/// Where the bytes of a message are while it waits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Body {
    /// On a board of its queue's shelf.
    Shelved(Place),
    /// By themselves.
    Shared(Bytes),
}

/// Where on a shelf.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    board: usize,
    start: usize,
    len: usize,
}

impl Default for Body {
    fn default() -> Self {
        Self::Shared(Bytes::new())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Shared(bytes)
    }
}

impl Body {
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Shelved(place) => place.len,
            Self::Shared(bytes) => bytes.len(),
        }
    }

    /// A part of it, which is where it is.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Shelved(place) => Self::Shelved(Place {
                start: place.start + range.start,
                len: range.len(),
                ..*place
            }),
            Self::Shared(bytes) => Self::Shared(bytes.slice(range)),
        }
    }

    /// Lets go of bytes that are by themselves; returns how many.
    pub(super) fn release(&mut self) -> usize {
        match self {
            Self::Shelved(_) => 0,
            Self::Shared(bytes) => mem::take(bytes).len(),
        }
    }
}

/// The boards of one queue.
///
/// What was let go of can be read until the next sweep.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    boards: VecDeque<Board>,
    /// The number of the first.
    first: usize,
    /// Boards to use again: at most as many as were in use at a time since there was none.
    spare: Vec<Vec<u8>>,
    most: usize,
}

#[derive(Debug)]
struct Board {
    bytes: Vec<u8>,
    /// How many messages on it are wanted.
    wanted: usize,
}

impl Shelf {
    pub(super) const fn new() -> Self {
        Self { boards: VecDeque::new(), first: 0, spare: Vec::new(), most: 0 }
    }

    /// Takes in the bytes of a message.
    pub(super) fn keep(&mut self, content: Content<'_>) -> Body {
        match content {
            Content::Shared(bytes) if bytes.len() > limits::SHORT_MESSAGE => Body::Shared(bytes),
            Content::Shared(bytes) => self.put(&bytes),
            Content::Borrowed(bytes) if bytes.len() > limits::SHELVED_MESSAGE => {
                Body::Shared(Bytes::copy_from_slice(bytes))
            }
            Content::Borrowed(bytes) => self.put(bytes),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Body {
        let has_room = |board: &Board| board.bytes.capacity() - board.bytes.len() >= bytes.len();
        if !self.boards.back().is_some_and(has_room) {
            self.sweep();
            if !self.boards.back().is_some_and(has_room) {
                self.add_board(bytes.len());
            }
        }
        let Some(last) = self.boards.back_mut() else { return Body::default() };
        let (start, len) = (last.bytes.len(), bytes.len());
        last.bytes.extend_from_slice(bytes);
        last.wanted += 1;
        let board = self.first + self.boards.len() - 1;
        Body::Shelved(Place { board, start, len })
    }

    /// The first is small, for queues that hold a message at a time, but has room for `len` bytes.
    fn add_board(&mut self, len: usize) {
        let size = if self.boards.is_empty() { limits::SHORT_MESSAGE } else { limits::BOARD };
        let new = || Vec::with_capacity(size.max(len));
        let bytes = self.spare.pop_if(|spare| spare.capacity() >= len).unwrap_or_else(new);
        self.boards.push_back(Board { bytes, wanted: 0 });
        self.most = self.most.max(self.boards.len());
    }

    /// The bytes of a message that is kept here.
    pub(super) fn get<'a>(&'a self, body: &'a Body) -> &'a [u8] {
        match body {
            Body::Shared(bytes) => bytes,
            Body::Shelved(place) => {
                let index = place.board.checked_sub(self.first);
                let board = index.and_then(|index| self.boards.get(index));
                let bytes = board.and_then(|board| board.bytes.get(place.start..));
                bytes.and_then(|bytes| bytes.get(..place.len)).unwrap_or_default()
            }
        }
    }

    /// A message is wanted no more.
    pub(super) fn let_go(&mut self, body: &Body) {
        if let Body::Shelved(place) = body
            && let Some(index) = place.board.checked_sub(self.first)
            && let Some(board) = self.boards.get_mut(index)
        {
            board.wanted -= 1;
        }
    }

    /// The same bytes by themselves.
    pub(super) fn take_off(&self, body: Body) -> Body {
        match body {
            Body::Shelved(_) => Bytes::copy_from_slice(self.get(&body)).into(),
            Body::Shared(_) => body,
        }
    }

    /// Clears away what nobody wants.
    pub(super) fn sweep(&mut self) {
        if self.boards.front().is_none_or(|board| board.wanted > 0) {
            return;
        }
        while let Some(Board { mut bytes, .. }) =
            pop_front_if(&mut self.boards, |board| board.wanted == 0)
        {
            self.first += 1;
            bytes.clear();
            self.spare.push(bytes);
        }
        if self.boards.is_empty() {
            // Those that came first are the small ones.
            let extra = self.spare.len().saturating_sub(self.most);
            self.spare.drain(..extra);
            self.most = 0;
        }
    }

    /// Nothing has been sent or has come for a while: what is not needed goes.
    pub(super) fn rest(&mut self) {
        self.sweep();
        self.spare = Vec::new();
    }
}

/// Messages in a row, each with what its queue knows of it.
#[derive(Debug)]
pub(super) struct Row<T> {
    list: VecDeque<(T, Body)>,
    shelf: Shelf,
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self { list: VecDeque::new(), shelf: Shelf::default() }
    }
}

impl<T> Row<T> {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What is not needed goes.
    pub(super) fn rest(&mut self) {
        self.shelf.rest();
    }

    pub(super) fn push(&mut self, about: T, content: Content<'_>) {
        let body = self.shelf.keep(content);
        self.list.push_back((about, body));
    }

    /// What is known of the oldest.
    pub(super) fn front(&self) -> Option<&T> {
        self.list.front().map(|(about, _)| about)
    }

    /// Takes the oldest, which `read` may read; returns what is known of it, and its length.
    pub(super) fn take(&mut self, read: impl FnOnce(Content<'_>)) -> Option<(T, usize)> {
        let (about, body) = self.list.pop_front()?;
        let len = body.len();
        match body {
            Body::Shared(bytes) => read(Content::Shared(bytes)),
            Body::Shelved(_) => {
                read(Content::Borrowed(self.shelf.get(&body)));
                self.shelf.let_go(&body);
                self.shelf.sweep();
            }
        }
        Some((about, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(shelf: &mut Shelf, byte: u8, len: usize) -> Body {
        shelf.keep(Content::Borrowed(&vec![byte; len]))
    }

    #[test]
    fn short_messages_share_boards_and_each_keeps_its_bytes() {
        let mut shelf = Shelf::default();
        let bodies: Vec<_> = (0..=255).map(|byte| keep(&mut shelf, byte, 64)).collect();
        for (byte, body) in (0..=255).zip(&bodies) {
            assert_eq!(shelf.get(body), [byte; 64]);
            assert_eq!(shelf.get(&body.slice(1..3)), [byte; 2]);
        }
        let boards = 1 + (256 - limits::SHORT_MESSAGE / 64).div_ceil(limits::BOARD / 64);
        assert_eq!(shelf.boards.len(), boards);
    }

    #[test]
    fn a_board_stays_while_a_message_on_it_is_wanted() {
        let mut shelf = Shelf::default();
        let bodies: Vec<_> = (0..=255).map(|byte| keep(&mut shelf, byte, 64)).collect();
        let (oldest, rest) = bodies.split_first().unwrap();
        rest.iter().for_each(|body| shelf.let_go(body));
        shelf.sweep();
        assert_eq!(shelf.get(oldest), [0; 64]);
        shelf.let_go(oldest);
        assert_eq!(shelf.get(oldest), [0; 64], "until the sweep");
        shelf.sweep();
        assert!(shelf.boards.is_empty());
        let again = keep(&mut shelf, 7, 64);
        assert_eq!(shelf.get(&again), [7; 64]);
    }

    #[test]
    fn boards_are_used_again_and_no_more_are_kept_than_were_in_use_of_late() {
        let mut shelf = Shelf::default();
        let mut burst = |count: usize| {
            let bodies: Vec<_> = (0..count).map(|_| keep(&mut shelf, 1, 64)).collect();
            bodies.iter().for_each(|body| shelf.let_go(body));
            shelf.sweep();
            (shelf.spare.len(), shelf.spare.iter().map(Vec::capacity).sum::<usize>())
        };
        let (many, bytes) = burst(1_000);
        assert!(many > 5 && bytes < 1_000 * 64 + 2 * limits::BOARD);
        let (again, no_more) = burst(1_000);
        assert!(again <= many && no_more <= bytes);
        assert_eq!(burst(1).0, 1);
        shelf.rest();
        assert_eq!((shelf.boards.capacity() > 0, shelf.spare.capacity()), (true, 0));
    }

    #[test]
    fn one_message_at_a_time_takes_one_small_board_for_ever() {
        let mut row = Row::default();
        for number in 0..10_000_u32 {
            row.push(number, Content::Borrowed(&number.to_be_bytes()));
            let mut read = Vec::new();
            let taken = row.take(|content| read.extend_from_slice(content.as_slice()));
            assert_eq!((taken, read), (Some((number, 4)), number.to_be_bytes().to_vec()));
        }
        let sizes: Vec<_> = row.shelf.spare.iter().map(Vec::capacity).collect();
        assert_eq!((row.shelf.boards.len(), sizes), (0, vec![limits::SHORT_MESSAGE]));
    }

    #[test]
    fn a_long_message_is_not_copied() {
        let mut row = Row::default();
        let long = Bytes::from(vec![3; limits::SHORT_MESSAGE + 1]);
        row.push((), Content::Shared(long.clone()));
        let mut taken = None;
        row.take(|content| taken = Some(content.into_bytes().as_ptr()));
        assert_eq!(taken, Some(long.as_ptr()));
        assert!(row.shelf.boards.is_empty());
    }
}
