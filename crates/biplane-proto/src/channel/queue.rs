//! A queue of messages, with what is known of each beside its bytes.
//!
//! Most have no number, and nothing else that tells one from the next. They stand one behind the
//! other on a board, as the frames that they came in or leave as: one place in the queue is for a row
//! of them, which goes in and out in one piece.

use std::collections::VecDeque;

use biplane_wire::{ChannelId, MessageRow};

use super::shelf::{Body, Content, Place, Shelf, is_shelved};
use crate::limits;

const _: () = assert!(limits::SHELVED_MESSAGE <= MessageRow::LONGEST, "what is shelved is framed");

/// Messages that wait, oldest first.
#[derive(Debug)]
pub(super) struct Queue<T> {
    entries: VecDeque<Entry<T>>,
    shelf: Shelf,
    /// How many messages there are.
    len: usize,
}

#[derive(Debug)]
struct Entry<T> {
    about: T,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A message: its payload.
    One(Body),
    /// So many, all with the same known of them: their frames.
    Frames(Place, usize),
}

/// What was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Took<T> {
    /// What is known of each.
    pub(super) about: T,
    /// How many messages it was.
    pub(super) count: usize,
    /// How many bytes they have.
    pub(super) payload: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self { entries: VecDeque::new(), shelf: Shelf::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is not needed goes.
    pub(super) fn rest(&mut self) {
        self.shelf.rest();
    }

    /// Clears away what was let go of.
    pub(super) fn sweep(&mut self) {
        self.shelf.sweep();
    }

    pub(super) const fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// What is known of the oldest.
    pub(super) fn front(&self) -> Option<&T> {
        self.entries.front().map(|entry| &entry.about)
    }

    /// What is known of all, oldest first; of a row once.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|entry| &mut entry.about)
    }

    pub(super) fn push(&mut self, about: T, content: Content<'_>) {
        let what = What::One(self.shelf.keep(content));
        self.entries.push_back(Entry { about, what });
        self.len += 1;
    }
}

impl<T: Clone + PartialEq> Queue<T> {
    /// The same as a frame of `channel`, behind those of which the same is known, if its bytes stand
    /// on a board at all.
    #[inline]
    pub(super) fn push_frame(&mut self, about: T, channel: ChannelId, content: Content<'_>) {
        if !is_shelved(&content) {
            return self.push(about, content);
        }
        let payload = content.as_slice();
        let most = payload.len() + MessageRow::HEAD;
        let place = self.shelf.put(most, 1, |board| MessageRow::push(board, channel, payload));
        self.join(about, place, 1);
    }

    /// The same of many.
    pub(super) fn push_row(&mut self, about: T, row: MessageRow<'_>) {
        let MessageRow { frames, count, .. } = row;
        if count > 0 {
            let write = |board: &mut Vec<u8>| board.extend_from_slice(frames);
            let place = self.shelf.put(frames.len(), count, write);
            self.join(about, place, count);
        }
    }

    /// Frames that were put onto the shelf go on the last row if they stand behind it.
    #[inline]
    fn join(&mut self, about: T, place: Place, count: usize) {
        self.len += count;
        if let Some(Entry { about: before, what: What::Frames(row, so_far) }) =
            self.entries.back_mut()
            && row.is_before(place)
            && *before == about
        {
            row.len += place.len;
            *so_far += count;
            return;
        }
        self.entries.push_back(Entry { about, what: What::Frames(place, count) });
    }

    /// The oldest, if it stands by itself.
    pub(super) fn front_one(&self) -> Option<(&T, &Body)> {
        match self.entries.front()? {
            Entry { about, what: What::One(body) } => Some((about, body)),
            Entry { what: What::Frames(..), .. } => None,
        }
    }

    /// The payload of the oldest.
    pub(super) fn front_body(&self) -> Option<Body> {
        match &self.entries.front()?.what {
            What::One(body) => Some(body.clone()),
            What::Frames(place, _) => self.first_of(*place).map(Body::Shelved),
        }
    }

    fn first_of(&self, row: Place) -> Option<Place> {
        let (head, len) = MessageRow::first(self.shelf.at(row))?;
        Some(Place { start: row.start + head, len, ..row })
    }

    /// Takes the oldest; its payload can be read until the next sweep.
    pub(super) fn pop(&mut self) -> Option<(T, Body)> {
        let Entry { about, what } = self.entries.front()?;
        let What::Frames(row, _) = what else { return self.pop_one() };
        let (first, about) = (self.first_of(*row)?, about.clone());
        self.drop_frames(first.start + first.len - row.start, 1);
        Some((about, Body::Shelved(first)))
    }

    fn pop_one(&mut self) -> Option<(T, Body)> {
        let Entry { about, what: What::One(body) } = self.entries.pop_front()? else { return None };
        self.shelf.let_go(&body);
        self.len -= 1;
        Some((about, body))
    }

    /// The frames of the oldest, if they stand in a row.
    pub(super) fn front_frames(&self) -> Option<&[u8]> {
        match self.entries.front()?.what {
            What::Frames(place, _) => Some(self.shelf.at(place)),
            What::One(_) => None,
        }
    }

    /// Takes so many of them, which are so many bytes; they can be read until the next sweep.
    pub(super) fn drop_frames(&mut self, bytes: usize, count: usize) {
        let Some(Entry { what: What::Frames(row, left), .. }) = self.entries.front_mut() else {
            return;
        };
        row.start += bytes;
        row.len -= bytes;
        *left -= count;
        let (board, is_over) = (row.board, *left == 0);
        self.shelf.let_go_of(board, count);
        self.len -= count;
        if is_over {
            self.entries.pop_front();
        }
    }

    /// Takes the oldest, and those that stand in a row with it, `most` at the most; `read` may read
    /// each.
    pub(super) fn take(
        &mut self,
        most: usize,
        read: &mut dyn FnMut(Content<'_>),
    ) -> Option<Took<T>> {
        let Entry { about, what } = self.entries.front()?;
        if let What::Frames(place, _) = what {
            let about = about.clone();
            let row = read_row(self.shelf.at(*place), most, read);
            let (bytes, count, payload) = (row.frames.len(), row.count, row.payload);
            self.drop_frames(bytes, count);
            self.shelf.sweep();
            return Some(Took { about, count, payload });
        }
        let (about, body) = self.pop_one()?;
        let payload = body.len();
        match body {
            Body::Shared(bytes) => read(Content::Shared(bytes)),
            Body::Shelved(place) => {
                read(Content::Borrowed(self.shelf.at(place)));
                self.shelf.sweep();
            }
        }
        Some(Took { about, count: 1, payload })
    }
}

/// Has `read` read the messages of `frames`, `most` at the most; returns the row that they are.
fn read_row<'a>(
    frames: &'a [u8],
    most: usize,
    read: &mut dyn FnMut(Content<'_>),
) -> MessageRow<'a> {
    let (mut row, mut rest) = (MessageRow::default(), frames);
    while row.count < most
        && let Some((head, len)) = MessageRow::first(rest)
        && let Some((message, others)) = rest.get(head..).and_then(|at| at.split_at_checked(len))
    {
        read(Content::Borrowed(message));
        row.count += 1;
        row.payload += len;
        row.last = len;
        rest = others;
    }
    row.frames = frames.get(..frames.len() - rest.len()).unwrap_or_default();
    row
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const CHANNEL: ChannelId = ChannelId::new(3).unwrap();

    /// What is taken, with what is known of it, in rows of at most `most`.
    fn take_all<T: Clone + PartialEq>(queue: &mut Queue<T>, most: usize) -> Vec<(T, Vec<Vec<u8>>)> {
        core::iter::from_fn(|| {
            let mut read = Vec::new();
            let took = queue.take(most, &mut |content| read.push(content.as_slice().to_vec()))?;
            assert_eq!(took.count, read.len());
            assert_eq!(took.payload, read.iter().map(Vec::len).sum());
            Some((took.about, read))
        })
        .collect()
    }

    fn push_frames(queue: &mut Queue<u8>, about: u8, bytes: impl IntoIterator<Item = u8>) {
        bytes.into_iter().for_each(|byte| {
            queue.push_frame(about, CHANNEL, Content::Borrowed(&vec![byte; usize::from(byte)]));
        });
    }

    fn payloads(bytes: impl IntoIterator<Item = u8>) -> Vec<Vec<u8>> {
        bytes.into_iter().map(|byte| vec![byte; usize::from(byte)]).collect()
    }

    #[test]
    fn frames_of_which_the_same_is_known_are_taken_together() {
        let mut queue = Queue::new();
        push_frames(&mut queue, 1, 0..5);
        push_frames(&mut queue, 2, 61..66);
        queue.push(2, Content::Borrowed(b"by itself"));
        assert_eq!(queue.len(), 11);
        let taken = take_all(&mut queue, usize::MAX);
        let by_itself = vec![b"by itself".to_vec()];
        assert_eq!(taken, [(1, payloads(0..5)), (2, payloads(61..66)), (2, by_itself)]);
        assert!(queue.is_empty() && queue.front().is_none());
    }

    #[test]
    fn no_more_are_taken_than_are_asked_for_and_what_is_left_stays() {
        let mut queue = Queue::new();
        push_frames(&mut queue, 1, 0..10);
        let mut read = 0;
        assert_eq!(queue.take(4, &mut |_| read += 1).map(|took| took.count), Some(4));
        assert_eq!((read, queue.len()), (4, 6));
        let (about, body) = queue.pop().unwrap();
        assert_eq!((about, queue.shelf().get(&body)), (1, &[4; 4][..]), "until the next sweep");
        assert_eq!(
            take_all(&mut queue, 2),
            [(1, payloads(5..7)), (1, payloads(7..9)), (1, payloads(9..10))]
        );
    }

    #[test]
    fn rows_that_come_join_those_before_them() {
        let mut frames = Vec::new();
        (1..=3).for_each(|byte| {
            MessageRow::push(&mut frames, CHANNEL, &vec![byte; usize::from(byte)])
        });
        let row = MessageRow::read(&frames, CHANNEL, usize::MAX, usize::MAX);
        let mut queue = Queue::new();
        push_frames(&mut queue, 7, [9]);
        queue.push_row(7, row);
        queue.push_row(7, MessageRow::default());
        assert_eq!((queue.len(), queue.entries.len()), (4, 1));
        assert_eq!(take_all(&mut queue, usize::MAX), [(7, payloads([9, 1, 2, 3]))]);
    }

    #[test]
    fn many_take_many_boards_and_leave_none_in_use() {
        let mut queue = Queue::new();
        (0..40).for_each(|_| push_frames(&mut queue, 0, 1..=250));
        assert_eq!(queue.len(), 10_000);
        let taken: usize = take_all(&mut queue, 77).iter().map(|(_, read)| read.len()).sum();
        assert_eq!(taken, 10_000);
        push_frames(&mut queue, 0, [5]);
        assert_eq!(take_all(&mut queue, 1), [(0, payloads([5]))]);
    }

    #[test]
    fn one_message_at_a_time_takes_one_small_board_for_ever() {
        let mut row = Queue::default();
        for number in 0..10_000_u32 {
            row.push(number, Content::Borrowed(&number.to_be_bytes()));
            let mut read = Vec::new();
            let took = row.take(1, &mut |content| read.extend_from_slice(content.as_slice()));
            let taken = took.map(|took| (took.about, took.payload));
            assert_eq!((taken, read), (Some((number, 4)), number.to_be_bytes().to_vec()));
        }
        assert_eq!(row.shelf.sizes(), (0, vec![limits::SHORT_MESSAGE]));
    }

    #[test]
    fn a_long_message_is_not_copied() {
        let mut row = Queue::default();
        let long = Bytes::from(vec![3; limits::SHORT_MESSAGE + 1]);
        row.push((), Content::Shared(long.clone()));
        let mut taken = None;
        row.take(1, &mut |content| taken = Some(content.into_bytes().as_ptr()));
        assert_eq!(taken, Some(long.as_ptr()));
        assert_eq!(row.shelf.sizes().0, 0);
    }
}
