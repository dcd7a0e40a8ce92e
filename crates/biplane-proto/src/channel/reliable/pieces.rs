//! What is where of a message that leaves in pieces.

use std::collections::VecDeque;

use crate::{
    channel::outgoing::{Cut, Room},
    limits,
};

/// A half-open run of bytes.
type Span = (usize, usize);

/// The bytes of one message: acknowledged, in flight, lost, and never sent.
#[derive(Debug)]
pub(super) struct Pieces {
    total: usize,
    /// From here on nothing has left.
    next: usize,
    /// What the peer has; ascending, apart from each other.
    acked: Vec<Span>,
    /// What must go again; nothing of it is acknowledged.
    lost: VecDeque<Span>,
    /// Pieces that left and were neither acknowledged nor lost. Where a copy's fate comes twice
    /// this is a little low, which costs nothing: the cap is the receiver's with room to spare.
    open: usize,
}

impl Pieces {
    pub(super) const fn new(total: usize) -> Self {
        Self { total, next: 0, acked: Vec::new(), lost: VecDeque::new(), open: 0 }
    }

    /// Those of a message that went whole and is lost.
    pub(super) fn lost(total: usize) -> Self {
        Self { next: total, lost: VecDeque::from([(0, total)]), ..Self::new(total) }
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

    /// The next piece that never left: offset and length.
    pub(super) fn next_new(&mut self, room: Room) -> Option<(usize, usize)> {
        if !self.may_go() {
            return None;
        }
        let Cut::Piece(len) = room.cut_piece(self.total - self.next) else { return None };
        let offset = self.next;
        self.next += len;
        self.open += 1;
        Some((offset, len))
    }

    /// The next piece that goes again: offset and length.
    pub(super) fn next_lost(&mut self, room: Room) -> Option<(usize, usize)> {
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
        let first = self.acked.partition_point(|(_, known)| *known < start);
        let last = self.acked.partition_point(|(known, _)| *known <= end);
        let merged = self.acked.get(first..last).unwrap_or_default();
        let start = merged.first().map_or(start, |(known, _)| start.min(*known));
        let end = merged.last().map_or(end, |(_, known)| end.max(*known));
        drop(self.acked.splice(first..last, [(start, end)]));
        self.lost = self.lost.iter().flat_map(|lost| without(*lost, (start, end))).collect();
    }

    pub(super) fn on_lost(&mut self, offset: u32, len: u32) {
        self.open = self.open.saturating_sub(1);
        let mut rest = vec![span(offset, len)];
        for known in self.acked.iter().chain(&self.lost) {
            rest = rest.into_iter().flat_map(|span| without(span, *known)).collect();
        }
        self.lost.extend(rest);
    }
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

    const ROOM: Room = Room { bytes: 1_015, sequenced: true };

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
        let small = Room { bytes: 415, sequenced: true };
        assert_eq!(pieces.next_lost(small), Some((0, 400)));
        assert_eq!(pieces.next_lost(small), Some((400, 100)));
        assert_eq!(pieces.next_lost(ROOM), Some((1_200, 800)));
        assert!(!pieces.has_lost());
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
