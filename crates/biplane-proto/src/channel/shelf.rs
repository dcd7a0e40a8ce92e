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
    pub(super) board: usize,
    pub(super) start: usize,
    pub(super) len: usize,
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

impl Place {
    /// Whether `other` begins where it ends.
    pub(super) const fn is_before(self, other: Self) -> bool {
        self.board == other.board && self.start + self.len == other.start
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
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Shelved(place) => Self::Shelved(Place {
                start: place.start + range.start,
                len: range.len(),
                ..*place
            }),
            Self::Shared(bytes) => Self::Shared(bytes.slice(range)),
        }
    }

    /// Takes bytes that are by themselves.
    pub(crate) fn release(&mut self) -> Bytes {
        match self {
            Self::Shelved(_) => Bytes::new(),
            Self::Shared(bytes) => mem::take(bytes),
        }
    }
}

/// The boards of one queue.
///
/// What was let go of can be read until the next sweep.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Those that took no more.
    full: VecDeque<Board>,
    /// The number of the first of them.
    first: usize,
    /// The next one, which messages are put on. Most queues never need another.
    open: Board,
    /// Boards to use again: with the open one at most as many as were in use at a time since there
    /// was none.
    spare: Vec<Vec<u8>>,
    most: usize,
}

#[derive(Debug, Default)]
struct Board {
    bytes: Vec<u8>,
    /// How many messages on it are wanted.
    wanted: usize,
}

impl Shelf {
    pub(super) const fn new() -> Self {
        let open = Board { bytes: Vec::new(), wanted: 0 };
        Self { full: VecDeque::new(), first: 0, open, spare: Vec::new(), most: 0 }
    }

    /// Takes in the bytes of a message.
    #[inline]
    pub(super) fn keep(&mut self, content: Content<'_>) -> Body {
        if !is_shelved(&content) {
            return Body::Shared(content.into_bytes());
        }
        let bytes = content.as_slice();
        Body::Shelved(self.put(bytes.len(), 1, |board| board.extend_from_slice(bytes)))
    }

    /// Takes in what `write` appends to a board: at most `most` bytes, of so many messages.
    #[inline]
    pub(super) fn put(
        &mut self,
        most: usize,
        messages: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Place {
        if !self.has_room(most) {
            self.make_room(most);
        }
        let board = self.first + self.full.len();
        let Board { bytes, wanted } = &mut self.open;
        let start = bytes.len();
        write(bytes);
        *wanted += messages;
        Place { board, start, len: bytes.len() - start }
    }

    const fn has_room(&self, len: usize) -> bool {
        self.open.bytes.capacity() - self.open.bytes.len() >= len
    }

    /// Opens another board if need be. The first is small, for queues that hold a message at a time.
    fn make_room(&mut self, len: usize) {
        self.sweep();
        if self.has_room(len) {
            return;
        }
        let is_used = self.open.wanted > 0;
        let size =
            if is_used || !self.full.is_empty() { limits::BOARD } else { limits::SHORT_MESSAGE };
        let new = || Vec::with_capacity(size.max(len));
        let bytes = self.spare.pop_if(|spare| spare.capacity() >= len).unwrap_or_else(new);
        let before = mem::replace(&mut self.open, Board { bytes, wanted: 0 });
        if is_used {
            self.full.push_back(before);
        }
        self.most = self.most.max(self.full.len() + 1);
    }

    /// The bytes of a message that is kept here.
    pub(super) fn get<'a>(&'a self, body: &'a Body) -> &'a [u8] {
        match body {
            Body::Shared(bytes) => bytes,
            Body::Shelved(place) => self.at(*place),
        }
    }

    pub(super) fn at(&self, place: Place) -> &[u8] {
        let board = self.board(place.board);
        let bytes = board.and_then(|board| board.bytes.get(place.start..));
        bytes.and_then(|bytes| bytes.get(..place.len)).unwrap_or_default()
    }

    fn board(&self, number: usize) -> Option<&Board> {
        let index = number.checked_sub(self.first)?;
        if index == self.full.len() { Some(&self.open) } else { self.full.get(index) }
    }

    /// A message is wanted no more.
    pub(super) fn let_go(&mut self, body: &Body) {
        if let Body::Shelved(place) = body {
            self.let_go_of(place.board, 1);
        }
    }

    /// So many messages on a board are wanted no more.
    pub(super) fn let_go_of(&mut self, board: usize, messages: usize) {
        let Some(index) = board.checked_sub(self.first) else { return };
        let is_open = index == self.full.len();
        let board = if is_open { Some(&mut self.open) } else { self.full.get_mut(index) };
        if let Some(board) = board {
            board.wanted -= messages;
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
        while let Some(Board { mut bytes, .. }) =
            pop_front_if(&mut self.full, |board| board.wanted == 0)
        {
            self.first += 1;
            bytes.clear();
            self.spare.push(bytes);
        }
        if self.open.wanted > 0 || self.open.bytes.is_empty() {
            return;
        }
        self.open.bytes.clear();
        if self.full.is_empty() {
            // Those that came first are the small ones.
            let extra = (self.spare.len() + 1).saturating_sub(self.most.max(1));
            self.spare.drain(..extra);
            self.most = 0;
        }
    }

    /// Nothing has been sent or has come for a while: what is not needed goes.
    pub(super) fn rest(&mut self) {
        self.sweep();
        self.spare = Vec::new();
        if self.open.wanted == 0 {
            self.open.bytes = Vec::new();
        }
    }

    /// How many boards are in use.
    pub(super) fn boards(&self) -> usize {
        self.full.len() + usize::from(self.open.wanted > 0)
    }

    /// The same, and the sizes of those that are not.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, Vec<usize>) {
        let is_used = self.open.wanted > 0;
        let open = (!is_used && self.open.bytes.capacity() > 0).then_some(&self.open.bytes);
        let unused = self.spare.iter().chain(open).map(Vec::capacity).collect();
        (self.boards(), unused)
    }
}

/// Whether the bytes of a message stand on a board while it waits.
pub(super) fn is_shelved(content: &Content<'_>) -> bool {
    let most = match content {
        Content::Borrowed(_) => limits::SHELVED_MESSAGE,
        Content::Shared(_) => limits::SHORT_MESSAGE,
    };
    content.len() <= most
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
        assert_eq!(shelf.sizes().0, boards);
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
        assert_eq!(shelf.sizes().0, 0);
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
            let (_, unused) = shelf.sizes();
            (unused.len(), unused.iter().sum::<usize>())
        };
        let (many, bytes) = burst(1_000);
        assert!(many > 5 && bytes < 1_000 * 64 + 2 * limits::BOARD);
        let (again, no_more) = burst(1_000);
        assert!(again <= many && no_more <= bytes);
        assert_eq!(burst(1).0, 1);
        shelf.rest();
        assert_eq!((shelf.sizes(), shelf.spare.capacity()), ((0, Vec::new()), 0));
    }
}
