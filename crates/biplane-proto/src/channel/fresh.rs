//! `sequenced` and `unreliable` messages: worth something while they are new, never sent again.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::{ChannelId, Chunk, MessageRow, SequenceNumber};

use super::{
    causality::Progress,
    cost, costs,
    notices::Notices,
    outgoing::{Cut, Part, Queued, Room},
    queue::{Queue, Took},
    shelf::{Body, Content},
};
use crate::{Notice, limits};

/// Messages that wait to be sent. When there are too many, the oldest goes.
#[derive(Debug)]
pub(super) struct FreshSend {
    id: ChannelId,
    /// Whether each has a number. Those that have none wait as the frames that they leave as.
    numbered: bool,
    waiting: Queue<Queued<()>>,
    cost: usize,
    next: SequenceNumber,
    /// The message whose pieces are leaving.
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    sequence: SequenceNumber,
    message: Queued,
    /// How many commands, requests and replies it comes after, if it says so.
    count: Option<u64>,
    offset: usize,
}

/// What leaves.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Leaving {
    pub(super) sequence: SequenceNumber,
    pub(super) part: Option<Part>,
    pub(super) body: Body,
    /// When the application sent it.
    pub(super) since: Instant,
    /// Of who asks for its fate.
    pub(super) token: Option<u64>,
    pub(super) after: Option<u16>,
}

impl FreshSend {
    pub(super) const fn new(id: ChannelId, numbered: bool) -> Self {
        let next = SequenceNumber(0);
        Self { id, numbered, waiting: Queue::new(), cost: 0, next, begun: None }
    }

    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.next = first;
    }

    /// Queues a message; returns how many old ones had to go.
    #[inline]
    pub(super) fn push(&mut self, message: Queued<Content<'_>>, notices: &mut Notices) -> u64 {
        let Queued { payload, since, extra } = message;
        let mut dropped = 0;
        while self.is_full(payload.len()) && !self.waiting.is_empty() {
            self.drop_oldest(Notice::Superseded, notices);
            dropped += 1;
        }
        self.cost += cost(payload.len());
        let is_plain = !self.numbered && extra.is_none();
        let about = Queued { payload: (), since, extra };
        if is_plain {
            self.waiting.push_frame(about, self.id, payload);
        } else {
            self.waiting.push(about, payload);
        }
        dropped
    }

    /// Whether there is no room for a message of `len` bytes.
    #[inline]
    pub(super) fn is_full(&self, len: usize) -> bool {
        self.waiting.len() >= limits::FRESH_QUEUE_MESSAGES
            || self.cost + cost(len) > limits::SEND_QUEUE_BYTES
    }

    pub(super) fn is_half_empty(&self) -> bool {
        self.waiting.len() <= limits::FRESH_QUEUE_MESSAGES / 2
            && self.cost <= limits::SEND_QUEUE_BYTES / 2
    }

    /// Nothing has left for a while: what is not needed goes.
    pub(super) fn rest(&mut self) {
        self.waiting.rest();
    }

    /// The bytes of what leaves, until anything else leaves or is queued.
    pub(super) fn bytes<'a>(&'a self, body: &'a Body) -> &'a [u8] {
        self.waiting.shelf().get(body)
    }

    /// The tokens of what has not left, which are told of no more.
    pub(super) fn take_tokens(&mut self) -> impl Iterator<Item = u64> {
        self.waiting.iter_mut().filter_map(Queued::take_token)
    }

    /// The number that the next message will have.
    pub(super) const fn next(&self) -> SequenceNumber {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.begun.is_none()
    }

    /// Whether something may leave.
    pub(super) fn has_data(&self) -> bool {
        self.begun.is_some() || self.oldest().is_some_and(Queued::may_leave)
    }

    /// Whether the oldest waits for what it comes after.
    pub(super) fn is_held(&self) -> bool {
        self.oldest().is_some_and(|message| !message.may_leave())
    }

    /// Lets those leave that wait no more for what they come after; returns whether there are any.
    pub(super) fn free(&mut self, progress: Progress) -> bool {
        Queued::free(self.waiting.iter_mut(), progress)
    }

    /// The oldest that waits.
    pub(super) fn oldest(&self) -> Option<&Queued<()>> {
        self.waiting.front()
    }

    /// Messages that wait, and what they cost.
    pub(super) fn depth(&self) -> (usize, usize) {
        (self.waiting.len(), self.cost)
    }

    /// Drops what has outlived its lifetime, the rest of a message that has begun too; returns how
    /// many messages that is.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        lifetime: Option<Duration>,
        notices: &mut Notices,
    ) -> u64 {
        let mut expired = 0;
        if let Some(begun) = self.begun.take_if(|begun| begun.message.is_over(now, lifetime)) {
            notices.end((self.id, begun.sequence), Notice::Expired);
            expired += 1;
        }
        while self.waiting.front().is_some_and(|message| message.is_over(now, lifetime)) {
            self.drop_oldest(Notice::Expired, notices);
            expired += 1;
        }
        expired
    }

    /// Drops the pieces that are left of a message, since a newer one waits; returns how many
    /// messages that was.
    pub(super) fn supersede_begun(&mut self, notices: &mut Notices) -> u64 {
        if self.waiting.is_empty() {
            return 0;
        }
        let Some(begun) = self.begun.take() else { return 0 };
        notices.end((self.id, begun.sequence), Notice::Superseded);
        1
    }

    /// Drops all but the newest; returns how many.
    pub(super) fn keep_newest(&mut self, notices: &mut Notices) -> u64 {
        let mut dropped = self.supersede_begun(notices);
        while self.waiting.len() > 1 {
            self.drop_oldest(Notice::Superseded, notices);
            dropped += 1;
        }
        dropped
    }

    fn pop_oldest(&mut self) -> Option<Queued> {
        let (about, payload) = self.waiting.pop()?;
        self.cost -= cost(payload.len());
        Some(about.with(payload))
    }

    fn drop_oldest(&mut self, fate: Notice, notices: &mut Notices) {
        if let Some(message) = self.pop_oldest() {
            notices.tell(message.token(), fate);
        }
    }

    /// Offers the oldest messages, as long as nothing was asked of them beside their channel's
    /// promise, and takes those that `offer` writes.
    pub(super) fn pop_plain(&mut self, mut offer: impl FnMut(SequenceNumber, &[u8]) -> bool) {
        self.waiting.sweep();
        if self.begun.is_some() {
            return;
        }
        while let Some((Queued { extra: None, .. }, payload)) = self.waiting.front_one()
            && offer(self.next, self.bytes(payload))
        {
            self.pop_oldest();
            self.next = self.next.next();
        }
    }

    /// Offers rows of frames, as long as those are the oldest; of each, the row that `offer` writes
    /// of it goes.
    pub(super) fn pop_rows(&mut self, mut offer: impl FnMut(&[u8]) -> MessageRow<'_>) {
        self.waiting.sweep();
        if self.begun.is_some() {
            return;
        }
        while let Some(frames) = self.waiting.front_frames() {
            let MessageRow { frames, count, payload, .. } = offer(frames);
            if count == 0 {
                return;
            }
            let bytes = frames.len();
            self.waiting.drop_frames(bytes, count);
            self.cost -= costs(count, payload);
        }
    }

    /// Takes what goes next into `room`: the rest of a message that has begun, or the oldest.
    pub(super) fn pop(
        &mut self,
        room: Room,
        progress: Progress,
        notices: &mut Notices,
    ) -> Option<Leaving> {
        let leaving = self.pop_leaving(room, progress)?;
        if let Some(token) = leaving.token {
            let piece = leaving.part.map_or(Chunk::WHOLE, |part| part.chunk(leaving.body.len()));
            notices.on_left((self.id, leaving.sequence), token, piece);
        }
        Some(leaving)
    }

    fn pop_leaving(&mut self, room: Room, progress: Progress) -> Option<Leaving> {
        self.waiting.sweep();
        if self.begun.is_none() {
            let oldest = self.waiting.front().filter(|oldest| oldest.may_leave())?;
            let (count, len) = (oldest.count(), self.waiting.front_body()?.len());
            let cut = room.saying(count.is_some()).cut_new(len);
            if cut == Cut::Nothing {
                return None;
            }
            let mut message = self.pop_oldest()?;
            let sequence = self.next;
            self.next = sequence.next();
            if cut == Cut::Whole {
                let (token, since, body) = (message.token(), message.since, message.payload);
                let after = progress.stamp(count);
                return Some(Leaving { sequence, part: None, body, since, token, after });
            }
            message.payload = self.waiting.shelf().take_off(message.payload);
            self.begun = Some(Begun { sequence, message, count, offset: 0 });
        }
        self.pop_piece(room, progress)
    }

    fn pop_piece(&mut self, room: Room, progress: Progress) -> Option<Leaving> {
        let Begun { sequence, message, count, offset } = self.begun.as_mut()?;
        let after = progress.stamp(*count);
        let room = room.saying(after.is_some());
        let total = message.payload.len();
        let Cut::Piece(len) = room.cut_piece(total - *offset) else { return None };
        let body = message.payload.slice(*offset..*offset + len);
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let part = Some(Part { offset: number(*offset), total: number(total) });
        let (sequence, since, token) = (*sequence, message.since, message.token());
        *offset += len;
        if *offset == total {
            self.begun = None;
        }
        Some(Leaving { sequence, part, body, since, token, after })
    }
}

/// Messages that wait for the application. When there are too many, the oldest goes.
#[derive(Debug)]
pub(super) struct FreshReceive {
    id: ChannelId,
    /// With their numbers, where they have some.
    waiting: Queue<Option<SequenceNumber>>,
    cost: usize,
    /// Whether older ones are refused.
    sequenced: bool,
    /// The number expected next.
    next: SequenceNumber,
}

/// What became of a message that arrived.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Arrival {
    /// It came after a newer one.
    pub(super) late: bool,
    /// It is the newest one once more.
    pub(super) duplicate: bool,
    /// How many older ones had to go.
    pub(super) evicted: u64,
}

impl FreshReceive {
    pub(super) const fn new(id: ChannelId, sequenced: bool) -> Self {
        Self { id, waiting: Queue::new(), cost: 0, sequenced, next: SequenceNumber(0) }
    }

    pub(super) const fn count_from(&mut self, first: SequenceNumber) {
        self.next = first;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Messages that wait, and what they cost.
    pub(super) fn depth(&self) -> (usize, usize) {
        (self.waiting.len(), self.cost)
    }

    /// Nothing has left for a while: what is not needed goes.
    pub(super) fn rest(&mut self) {
        self.waiting.rest();
    }

    /// The whole of a truncated sequence number.
    pub(super) const fn expand(&self, sequence: u32) -> SequenceNumber {
        SequenceNumber::expand(sequence, self.next)
    }

    /// Whether a piece of message `sequence` comes after a newer message.
    pub(super) fn is_late(&self, sequence: SequenceNumber) -> bool {
        self.sequenced && sequence < self.next
    }

    /// Takes in a whole message; of an `unreliable` channel without `notify` only those in pieces
    /// have a number.
    pub(super) fn handle(
        &mut self,
        sequence: Option<SequenceNumber>,
        content: Content<'_>,
    ) -> Arrival {
        let mut outcome = Arrival::default();
        if let Some(sequence) = sequence {
            if self.is_late(sequence) {
                outcome.duplicate = sequence.next() == self.next;
                outcome.late = !outcome.duplicate;
                return outcome;
            }
            self.next = self.next.max(sequence.next());
        }
        self.cost += cost(content.len());
        if sequence.is_some() {
            self.waiting.push(sequence, content);
        } else {
            self.waiting.push_frame(None, self.id, content);
        }
        outcome.evicted = self.evict();
        outcome
    }

    /// Takes in whole messages that have no number; returns how many older ones had to go.
    pub(super) fn handle_row(&mut self, row: MessageRow<'_>) -> u64 {
        self.cost += costs(row.count, row.payload);
        self.waiting.push_row(None, row);
        self.evict()
    }

    /// Drops the oldest while there are too many; returns how many.
    fn evict(&mut self) -> u64 {
        let mut evicted = 0;
        while self.waiting.len() > limits::RECEIVE_QUEUE_MESSAGES
            || self.cost > limits::RECEIVE_QUEUE_BYTES
        {
            self.take(1, &mut |_| {});
            evicted += 1;
        }
        evicted
    }

    /// Takes the oldest, and of those without numbers `most` at the most; `read` may read each.
    pub(super) fn take(
        &mut self,
        most: usize,
        read: &mut dyn FnMut(Content<'_>),
    ) -> Option<Took<Option<SequenceNumber>>> {
        let took = self.waiting.take(most, read)?;
        self.cost -= costs(took.count, took.payload);
        Some(took)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{
        super::outgoing::{Extra, Space},
        *,
    };

    const CHANNEL: ChannelId = ChannelId::new(0).unwrap();
    const PACKET: Room = Room { space: Space::in_record(1_175), sequenced: true, after: false };
    const PROGRESS: Progress = Progress { issued: 0, settled: 0, written: 0 };

    fn queue() -> FreshSend {
        FreshSend::new(CHANNEL, true)
    }

    fn queued(payload: impl Into<Bytes>) -> Queued<Content<'static>> {
        Queued { payload: Content::Shared(payload.into()), since: Instant::now(), extra: None }
    }

    fn payload(byte: u8) -> Bytes {
        Bytes::copy_from_slice(&[byte])
    }

    fn handle(queue: &mut FreshReceive, sequence: u64, text: &'static [u8]) -> Arrival {
        queue.handle(Some(SequenceNumber(sequence)), Content::Borrowed(text))
    }

    #[test]
    fn the_oldest_goes_when_the_queue_is_full() {
        let (mut queue, mut notices) = (queue(), Notices::default());
        for _ in 0..limits::FRESH_QUEUE_MESSAGES {
            assert_eq!(queue.push(queued(payload(0)), &mut notices), 0);
        }
        assert_eq!(queue.push(queued(payload(1)), &mut notices), 1);
        assert_eq!(queue.waiting.len(), limits::FRESH_QUEUE_MESSAGES);
    }

    #[test]
    fn what_outlived_its_lifetime_is_not_sent() {
        let now = Instant::now();
        let lifetime = Duration::from_millis(2);
        let (mut queue, mut notices) = (queue(), Notices::default());
        queue.push(Queued { since: now, ..queued(payload(0)) }, &mut notices);
        let later = now + Duration::from_millis(1);
        queue.push(Queued { since: later, ..queued(payload(1)) }, &mut notices);
        assert_eq!(queue.expire(now + lifetime, None, &mut notices), 0);
        assert_eq!(queue.expire(now + lifetime, Some(lifetime), &mut notices), 1);
        let leaving = queue.pop(PACKET, PROGRESS, &mut notices).unwrap();
        assert_eq!((leaving.sequence, queue.bytes(&leaving.body)), (SequenceNumber(0), &[1][..]));
    }

    #[test]
    fn a_long_message_leaves_in_pieces() {
        let (mut queue, mut notices) = (queue(), Notices::default());
        queue.push(queued(vec![0; 2_000]), &mut notices);
        let parts: Vec<_> = core::iter::from_fn(|| queue.pop(PACKET, PROGRESS, &mut notices))
            .map(|leaving| (leaving.part.unwrap().offset, leaving.body.len()))
            .collect();
        assert_eq!(parts, [(0, 1_160), (1_160, 840)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_newer_message_ends_the_pieces_of_an_older_one() {
        let (mut queue, mut notices) = (queue(), Notices::default());
        queue.push(queued(vec![0; 2_000]), &mut notices);
        queue.pop(PACKET, PROGRESS, &mut notices).unwrap();
        assert_eq!(queue.supersede_begun(&mut notices), 0, "nothing newer waits");
        queue.push(queued(payload(1)), &mut notices);
        assert_eq!(queue.keep_newest(&mut notices), 1);
        let leaving = queue.pop(PACKET, PROGRESS, &mut notices).unwrap();
        assert_eq!(queue.bytes(&leaving.body), [1]);
    }

    #[test]
    fn sequenced_never_goes_backwards() {
        let mut queue = FreshReceive::new(CHANNEL, true);
        assert_eq!(handle(&mut queue, 2, b"c"), Arrival::default());
        assert!(handle(&mut queue, 1, b"b").late);
        assert!(handle(&mut queue, 2, b"c").duplicate);
        assert_eq!(handle(&mut queue, 3, b"d"), Arrival::default());
        let mut take = || {
            let mut taken = None;
            queue.take(1, &mut |content| taken = Some(content.into_bytes()));
            taken
        };
        assert_eq!(take(), Some(Bytes::from_static(b"c")));
        assert_eq!(take(), Some(Bytes::from_static(b"d")));
        assert_eq!(take(), None);
    }

    #[test]
    fn unreliable_takes_whatever_comes() {
        let mut queue = FreshReceive::new(CHANNEL, false);
        for _ in 0..3 {
            assert_eq!(queue.handle(None, Content::Shared(payload(0))), Arrival::default());
        }
        assert_eq!(handle(&mut queue, 7, b"x"), Arrival::default());
        assert_eq!(handle(&mut queue, 6, b"y"), Arrival::default());
        assert_eq!(queue.waiting.len(), 5);
    }

    #[test]
    fn an_application_that_does_not_take_loses_the_oldest() {
        let mut queue = FreshReceive::new(CHANNEL, false);
        for _ in 0..limits::RECEIVE_QUEUE_MESSAGES {
            assert_eq!(queue.handle(None, Content::Shared(payload(0))).evicted, 0);
        }
        assert_eq!(queue.handle(None, Content::Shared(payload(0))).evicted, 1);
    }

    #[test]
    fn what_does_not_leave_is_told_of_by_its_reason() {
        let now = Instant::now();
        let (mut queue, mut notices) = (queue(), Notices::default());
        let noted = |len: usize, token| Queued {
            extra: Extra { token: Some(token), cause: None }.boxed(),
            ..queued(vec![0; len])
        };
        queue.push(noted(1, 1), &mut notices);
        queue.expire(now + Duration::from_secs(1), Some(Duration::from_millis(1)), &mut notices);
        queue.push(noted(2_000, 2), &mut notices);
        queue.pop(PACKET, PROGRESS, &mut notices).unwrap();
        for token in [3, 4] {
            queue.push(noted(1, token), &mut notices);
        }
        queue.keep_newest(&mut notices);
        let told: Vec<_> = core::iter::from_fn(|| notices.poll()).collect();
        let superseded = Notice::Superseded;
        assert_eq!(told, [(1, Notice::Expired), (2, superseded), (3, superseded)]);
        assert_eq!(queue.take_tokens().collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn what_comes_after_commands_leaves_when_they_are_written_and_says_how_many() {
        let (mut queue, mut notices) = (queue(), Notices::default());
        let cause = Progress { issued: 3, settled: 0, written: 0 }.cause();
        let extra = Extra { token: None, cause }.boxed();
        queue.push(Queued { extra, ..queued(payload(0)) }, &mut notices);
        let early = Progress { issued: 5, settled: 2, written: 4 };
        assert!(!queue.free(early) && !queue.has_data() && queue.is_held() && !queue.is_empty());
        assert!(queue.pop(PACKET, early, &mut notices).is_none());
        assert!(queue.free(Progress { settled: 3, ..early }) && queue.has_data());
        let later = Progress { issued: 9, settled: 9, written: 9 };
        assert!(!queue.free(later), "what is written later changes nothing");
        assert_eq!(queue.pop(PACKET, later, &mut notices).unwrap().after, Some(4));
    }

    /// Messages without numbers, of `lens` bytes.
    fn plain(lens: impl IntoIterator<Item = usize>) -> FreshSend {
        let mut queue = FreshSend::new(CHANNEL, false);
        let since = Instant::now();
        for len in lens {
            let message = Queued { since, ..queued(vec![1; len]) };
            assert_eq!(queue.push(message, &mut Notices::default()), 0);
        }
        queue
    }

    /// What goes of them into `room` bytes, as (bytes, messages).
    fn pop_rows(queue: &mut FreshSend, room: usize) -> Vec<(usize, usize)> {
        let mut rows = Vec::new();
        queue.pop_rows(|frames| {
            let fits = &frames[..frames.len().min(room)];
            let row = MessageRow::read(fits, CHANNEL, usize::MAX, usize::MAX);
            rows.extend((row.count > 0).then_some((row.frames.len(), row.count)));
            row
        });
        rows
    }

    #[test]
    fn messages_without_numbers_leave_in_rows() {
        let mut queue = plain([10; 5]);
        assert_eq!(queue.depth(), (5, 5 * cost(10)));
        assert_eq!(pop_rows(&mut queue, 40), [(39, 3), (26, 2)]);
        assert!(queue.is_empty() && queue.depth() == (0, 0));
    }

    #[test]
    fn one_of_a_row_leaves_alone_where_its_bytes_are_asked_for() {
        let mut queue = plain([10, 1_400, 10]);
        let mut notices = Notices::default();
        let room = Room { sequenced: false, ..PACKET };
        let mut pop = || {
            let leaving = queue.pop(room, PROGRESS, &mut notices)?;
            Some((queue.bytes(&leaving.body).len(), leaving.part.map(|part| part.offset)))
        };
        let left: Vec<_> = core::iter::from_fn(&mut pop).collect();
        assert_eq!(left, [(10, None), (1_160, Some(0)), (240, Some(1_160)), (10, None)]);
        assert_eq!(queue.depth(), (0, 0));
    }

    #[test]
    fn a_row_keeps_its_place_among_others() {
        let mut queue = plain([10; 2]);
        let mut notices = Notices::default();
        let cause = Progress { issued: 3, settled: 0, written: 0 }.cause();
        let extra = Extra { token: None, cause }.boxed();
        queue.push(Queued { extra, ..queued(payload(0)) }, &mut notices);
        queue.push(queued(payload(1)), &mut notices);
        assert_eq!(pop_rows(&mut queue, 1_000), [(26, 2)]);
        assert!(queue.is_held() && !queue.has_data());
        assert!(queue.free(Progress { issued: 3, settled: 3, written: 3 }));
        let room = Room { sequenced: false, ..PACKET };
        assert_eq!(queue.pop(room, PROGRESS, &mut notices).unwrap().after, Some(3));
        assert_eq!(pop_rows(&mut queue, 1_000), [(4, 1)]);
    }

    #[test]
    fn the_oldest_of_a_row_goes_when_the_queue_is_full_and_all_when_it_is_over() {
        let mut queue = plain([0; limits::FRESH_QUEUE_MESSAGES]);
        let mut notices = Notices::default();
        assert_eq!(queue.push(queued(vec![2; 9]), &mut notices), 1);
        assert_eq!(queue.depth(), (limits::FRESH_QUEUE_MESSAGES, (1_023 * cost(0)) + cost(9)));
        let lifetime = Some(Duration::from_millis(1));
        let expired = queue.expire(Instant::now() + Duration::from_secs(1), lifetime, &mut notices);
        assert_eq!((expired, queue.depth()), (1_024, (0, 0)));
    }

    #[test]
    fn an_application_that_does_not_take_loses_the_oldest_of_a_row() {
        let mut queue = FreshReceive::new(CHANNEL, false);
        let mut frames = Vec::new();
        (0..100).for_each(|byte| MessageRow::push(&mut frames, CHANNEL, &[byte; 3]));
        let row = MessageRow::read(&frames, CHANNEL, usize::MAX, usize::MAX);
        let evicted: u64 = (0..41).map(|_| queue.handle_row(row)).sum();
        assert_eq!(evicted, 4_100 - limits::RECEIVE_QUEUE_MESSAGES as u64);
        assert_eq!(queue.depth(), (limits::RECEIVE_QUEUE_MESSAGES, 4_096 * cost(3)));
        let mut first = None;
        queue.take(1, &mut |content| first = Some(content.into_bytes()));
        assert_eq!(first, Some(Bytes::from_static(&[4; 3])));
    }
}
