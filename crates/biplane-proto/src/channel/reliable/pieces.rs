//! What is where of a message that leaves in pieces.

use std::collections::VecDeque;

use crate::{
    channel::outgoing::{Cut, Room},
    limits,
};

/// A half-open run of bytes.
type Span = (usize, usize);

/// A piece: its offset and its length.
pub(super) type Piece = (usize, usize);

/// The bytes of one message: acknowledged, in flight, lost, and never sent.
#[derive(Debug)]
pub(super) struct Pieces {
    total: usize,
    /// From here on nothing has left.
    next: usize,
    /// What the peer has; ascending, apart from each other.
    acked: Vec<Span>,
    /// What must go again; nothing of it is acknowledged, or rides the control connection.
    lost: VecDeque<Span>,
    /// What rides the control connection, so that what becomes of copies over UDP does not matter;
    /// ascending, apart from each other.
    riding: Vec<Span>,
    /// Pieces that left and were neither acknowledged nor lost. Where a copy's fate comes twice
    /// this is a little low, which costs nothing: the cap is the receiver's with room to spare.
    open: usize,
}

impl Pieces {
    pub(super) const fn new(total: usize) -> Self {
        Self {
            total,
            next: 0,
            acked: Vec::new(),
            lost: VecDeque::new(),
            riding: Vec::new(),
            open: 0,
        }
    }

    /// Those of a message that went whole, and of which everything must go again.
    pub(super) fn lost(total: usize) -> Self {
        Self { next: total, lost: [(0, total)].into(), ..Self::new(total) }
    }

    pub(super) const fn has_new(&self) -> bool {
        self.next < self.total
    }

    pub(super) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Whether a new piece may leave: each one that is open may be a gap to the receiver.
    pub(super) fn may_go(&self) -> bool {
        self.has_new() && self.open + self.lost.len() < limits::RELIABLE_PIECES
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.acked.as_slice(), [(0, end)] if *end == self.total)
    }

    /// The next piece that never left.
    pub(super) fn next_new(&mut self, room: Room) -> Option<Piece> {
        if !self.may_go() {
            return None;
        }
        let Cut::Piece(len) = room.cut_piece(self.total - self.next) else { return None };
        let offset = self.next;
        self.next += len;
        self.open += 1;
        Some((offset, len))
    }

    /// The next piece that goes again.
    pub(super) fn next_lost(&mut self, room: Room) -> Option<Piece> {
        let (start, end) = self.lost.front_mut()?;
        let Cut::Piece(len) = room.cut_piece(*end - *start) else { return None };
        let offset = *start;
        *start += len;
        if *start == *end {
            self.lost.pop_front();
        }
        self.open += 1;
        Some((offset, len))
    }

    pub(super) fn on_ack(&mut self, offset: u32, len: u32) {
        let (start, end) = span(offset, len);
        self.open = self.open.saturating_sub(1);
        insert(&mut self.acked, (start, end));
        self.lost = self.lost.iter().flat_map(|lost| without(*lost, (start, end))).collect();
    }

    pub(super) fn on_lost(&mut self, offset: u32, len: u32) {
        self.open = self.open.saturating_sub(1);
        self.lose(span(offset, len));
    }

    /// What of a span neither the peer has nor the control connection brings must go again.
    fn lose(&mut self, span: Span) {
        let mut rest = vec![span];
        for known in self.acked.iter().chain(&self.riding).chain(&self.lost) {
            rest = rest.into_iter().flat_map(|span| without(span, *known)).collect();
        }
        self.lost.extend(rest);
    }
}

/// What rides the control connection beside UDP.
impl Pieces {
    /// Whether nothing rides it.
    pub(super) const fn rides_nothing(&self) -> bool {
        self.riding.is_empty()
    }

    /// Whether the peer has all of it, or the control connection brings what it has not.
    pub(super) fn is_cared_for(&self) -> bool {
        self.first_gap().0 == self.total
    }

    /// Whether a piece could ride it next.
    pub(super) fn may_ride(&self) -> bool {
        let (start, end) = self.first_gap();
        start < end && (start < self.next || self.may_go())
    }

    /// The first piece that neither the peer has nor the control connection brings, which rides
    /// that now.
    pub(super) fn next_riding(&mut self, room: Room) -> Option<Piece> {
        if !self.may_ride() {
            return None;
        }
        let (start, end) = self.first_gap();
        let end = if self.may_go() { end } else { end.min(self.next) };
        let Cut::Piece(len) = room.cut_piece(end - start) else { return None };
        self.next = self.next.max(start + len);
        self.open += 1;
        self.ride(start, len);
        Some((start, len))
    }

    /// A piece that has left rides it.
    pub(super) fn ride(&mut self, offset: usize, len: usize) {
        let span = (offset, offset + len);
        insert(&mut self.riding, span);
        self.lost = self.lost.iter().flat_map(|lost| without(*lost, span)).collect();
    }

    /// It is lost: what rode it must go over UDP.
    pub(super) fn recall(&mut self) {
        for span in core::mem::take(&mut self.riding) {
            self.lose(span);
        }
    }

    /// The first bytes that are neither acknowledged nor ride; none, at the end, if there are none.
    fn first_gap(&self) -> Span {
        let lists = [&self.acked, &self.riding];
        let after = |list: &[Span], at| list.partition_point(|(_, end)| *end <= at);
        let mut start = 0;
        let covered = |at| {
            let runs = lists.iter().filter_map(|list| list.get(after(list, at)));
            runs.filter(|(first, _)| *first <= at).map(|(_, end)| *end).max()
        };
        while let Some(end) = covered(start) {
            start = end;
        }
        let next = lists.iter().filter_map(|list| list.get(after(list, start)));
        (start, next.map(|(first, _)| *first).min().unwrap_or(self.total))
    }
}

/// Puts a span into a list that is ascending, of spans apart from each other.
fn insert(list: &mut Vec<Span>, (start, end): Span) {
    let first = list.partition_point(|(_, known)| *known < start);
    let last = list.partition_point(|(known, _)| *known <= end);
    let merged = list.get(first..last).unwrap_or_default();
    let start = merged.first().map_or(start, |(known, _)| start.min(*known));
    let end = merged.last().map_or(end, |(_, known)| end.max(*known));
    drop(list.splice(first..last, [(start, end)]));
}

fn span(offset: u32, len: u32) -> Span {
    (offset as usize, offset as usize + len as usize)
}

/// What of `span` lies outside of `hole`.
fn without(span: Span, hole: Span) -> impl Iterator<Item = Span> {
    let before = (span.0, span.1.min(hole.0));
    let after = (span.0.max(hole.1), span.1);
    let apart = hole.1 <= span.0 || hole.0 >= span.1;
    let parts = if apart { [span, (0, 0)] } else { [before, after] };
    parts.into_iter().filter(|(start, end)| start < end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::outgoing::Space;

    const ROOM: Room = room(1_015);

    const fn room(left: usize) -> Room {
        Room { space: Space::in_record(left), sequenced: true, after: false }
    }

    fn sent(total: usize) -> Pieces {
        let mut pieces = Pieces::new(total);
        while pieces.next_new(ROOM).is_some() {}
        pieces
    }

    #[test]
    fn pieces_follow_each_other() {
        let mut pieces = Pieces::new(2_500);
        assert_eq!(pieces.next_new(ROOM), Some((0, 1_000)));
        assert_eq!(pieces.next_new(ROOM), Some((1_000, 1_000)));
        assert_eq!(pieces.next_new(ROOM), Some((2_000, 500)));
        assert_eq!(pieces.next_new(ROOM), None);
    }

    #[test]
    fn what_is_lost_may_be_cut_anew_and_what_is_acked_does_not_go_again() {
        let mut pieces = sent(3_000);
        pieces.on_lost(0, 1_000);
        pieces.on_lost(1_000, 1_000);
        pieces.on_ack(500, 700);
        let small = room(415);
        assert_eq!(pieces.next_lost(small), Some((0, 400)));
        assert_eq!(pieces.next_lost(small), Some((400, 100)));
        assert_eq!(pieces.next_lost(ROOM), Some((1_200, 800)));
        assert!(!pieces.has_lost());
    }

    #[test]
    fn what_rides_tcp_is_what_was_not_acked_and_goes_over_udp_no_more() {
        let mut pieces = Pieces::new(3_500);
        pieces.next_new(ROOM);
        pieces.next_new(ROOM);
        pieces.on_lost(0, 1_000);
        pieces.on_ack(1_000, 1_000);
        let wide = room(2_015);
        assert!(pieces.may_ride());
        assert_eq!(pieces.next_riding(wide), Some((0, 1_000)));
        assert!(!pieces.has_lost(), "it was to go again over UDP");
        assert_eq!(pieces.next_riding(wide), Some((2_000, 1_500)), "it had not left");
        assert!(!pieces.may_ride() && pieces.is_cared_for() && !pieces.has_new());
        pieces.on_lost(0, 1_000);
        assert!(!pieces.has_lost());
        pieces.on_ack(2_000, 500);
        pieces.recall();
        assert_eq!(pieces.next_lost(wide), Some((0, 1_000)));
        assert_eq!(pieces.next_lost(wide), Some((2_500, 1_000)));
        assert!(!pieces.has_lost() && !pieces.is_cared_for() && pieces.rides_nothing());
        pieces.on_lost(2_500, 1_000);
        assert_eq!(pieces.next_lost(wide), Some((2_500, 1_000)), "it rides no more");
    }

    #[test]
    fn where_the_receiver_has_no_place_for_more_gaps_what_has_left_may_ride_alone() {
        let mut pieces = sent(1 << 22);
        let wide = room(8_192);
        let rides = core::iter::from_fn(|| pieces.next_riding(wide)).map(|(_, len)| len).sum();
        assert_eq!(pieces.next, rides);
        assert!(!pieces.may_ride() && !pieces.is_cared_for());
    }

    #[test]
    fn acks_in_any_order_complete_the_message() {
        let mut pieces = sent(3_000);
        pieces.on_ack(2_000, 1_000);
        pieces.on_ack(0, 1_000);
        assert!(!pieces.is_complete());
        pieces.on_ack(1_000, 1_000);
        assert!(pieces.is_complete());
    }

    #[test]
    fn a_piece_lost_twice_goes_again_once() {
        let mut pieces = sent(1_500);
        pieces.on_lost(0, 1_000);
        pieces.on_lost(0, 1_000);
        assert_eq!(pieces.next_lost(ROOM), Some((0, 1_000)));
        assert!(!pieces.has_lost());
    }

    #[test]
    fn no_more_pieces_are_open_than_the_receiver_has_places_for_gaps() {
        let mut pieces = sent(1 << 22);
        assert_eq!(pieces.open, limits::RELIABLE_PIECES);
        pieces.on_ack(0, 1_000);
        assert!(pieces.next_new(ROOM).is_some());
        assert!(pieces.next_new(ROOM).is_none());
    }
}
