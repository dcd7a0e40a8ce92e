//! Pieces of a message on their way to being whole.
//!
//! Bytes are kept as they come, never allocated by the length a fragment claims. Where pieces
//! overlap, the first content wins. Whatever the order of pieces, a byte is moved no oftener than the
//! message's length has binary digits: what touches is joined by moving the shorter side.

use std::collections::VecDeque;

/// A message of which pieces have come.
#[derive(Debug)]
pub(super) struct Partial {
    total: usize,
    /// By offset; apart from each other.
    runs: Vec<(usize, VecDeque<u8>)>,
}

/// A piece, or a message in one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) offset: usize,
    pub(super) total: usize,
    pub(super) bytes: &'a [u8],
    /// How many commands, requests and replies must have been taken before its message is.
    pub(super) after: u64,
}

/// Why a piece was not taken in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// Other pieces of the message said another length.
    TotalChanged,
    /// The message would have more gaps than allowed.
    TooManyGaps,
}

impl<'a> Piece<'a> {
    pub(super) const fn whole(bytes: &'a [u8]) -> Self {
        Self { offset: 0, total: bytes.len(), bytes, after: 0 }
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.bytes.len() == self.total
    }

    /// Whether it says that nothing more of its message comes.
    pub(super) const fn is_withdrawal(&self) -> bool {
        self.bytes.is_empty() && self.total > 0
    }
}

impl Partial {
    pub(super) const fn new(total: usize) -> Self {
        Self { total, runs: Vec::new() }
    }

    /// How long the message is, by its pieces' word.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// Bytes that have come.
    pub(super) fn held(&self) -> usize {
        self.runs.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Takes in a piece; returns the message once it is whole.
    pub(super) fn add(
        &mut self,
        piece: Piece<'_>,
        gaps: usize,
    ) -> Result<Option<Vec<u8>>, Refused> {
        if piece.total != self.total {
            return Err(Refused::TotalChanged);
        }
        self.insert(piece.offset, piece.bytes);
        if self.runs.len() > gaps + 1 {
            return Err(Refused::TooManyGaps);
        }
        let whole = matches!(self.runs.as_slice(), [(0, run)] if run.len() == self.total);
        Ok(if whole { self.runs.pop().map(|(_, run)| run.into()) } else { None })
    }

    /// Puts in those of `bytes` that no earlier piece brought, from the front on.
    fn insert(&mut self, mut offset: usize, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let above = self.runs.partition_point(|(start, _)| *start <= offset);
            let below_end = above
                .checked_sub(1)
                .and_then(|below| self.runs.get(below))
                .map_or(0, |(start, run)| start + run.len());
            let known = below_end.saturating_sub(offset).min(bytes.len());
            let next = self.runs.get(above).map_or(usize::MAX, |(start, _)| *start);
            let fresh = (bytes.len() - known).min(next - (offset + known).min(next));
            let (taken, rest) = bytes.split_at(known + fresh);
            if fresh > 0 {
                self.put(above, offset + known, taken.get(known..).unwrap_or_default());
            }
            offset += taken.len();
            bytes = rest;
        }
    }

    /// Puts `bytes`, which nothing overlaps, before run `above`; joins neighbours that touch.
    fn put(&mut self, above: usize, offset: usize, bytes: &[u8]) {
        let end = |(start, run): &(usize, VecDeque<u8>)| start + run.len();
        let below =
            above.checked_sub(1).filter(|below| self.runs.get(*below).map(end) == Some(offset));
        let touches = self.runs.get(above).is_some_and(|(start, _)| *start == offset + bytes.len());
        match (below, touches) {
            (Some(below), false) => self.at(below, |(_, run)| run.extend(bytes)),
            (None, true) => self.at(above, |(start, run)| {
                *start = offset;
                prepend(run, bytes);
            }),
            (None, false) => self.runs.insert(above, (offset, bytes.iter().copied().collect())),
            (Some(below), true) => {
                let (_, mut upper) = self.runs.remove(above);
                self.at(below, |(_, lower)| {
                    lower.extend(bytes);
                    if lower.len() < upper.len() {
                        prepend(&mut upper, lower.make_contiguous());
                        *lower = upper;
                    } else {
                        lower.append(&mut upper);
                    }
                });
            }
        }
    }

    fn at(&mut self, index: usize, change: impl FnOnce(&mut (usize, VecDeque<u8>))) {
        self.runs.get_mut(index).map(change);
    }
}

/// Puts `bytes` before those of `run`, which stay where they are.
fn prepend(run: &mut VecDeque<u8>, bytes: &[u8]) {
    run.extend(bytes);
    run.rotate_right(bytes.len());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(total: usize, offset: usize, bytes: &[u8]) -> Piece<'_> {
        Piece { offset, total, bytes, after: 0 }
    }

    #[test]
    fn pieces_in_any_order_make_the_message() {
        let mut partial = Partial::new(6);
        assert_eq!(partial.add(piece(6, 4, b"ef"), 64), Ok(None));
        assert_eq!(partial.add(piece(6, 0, b"ab"), 64), Ok(None));
        assert_eq!(partial.held(), 4);
        assert_eq!(partial.add(piece(6, 2, b"cd"), 64), Ok(Some(b"abcdef".to_vec())));
    }

    #[test]
    fn the_first_content_wins() {
        let mut partial = Partial::new(6);
        partial.add(piece(6, 2, b"cd"), 64).unwrap();
        assert_eq!(partial.add(piece(6, 1, b"xxxx"), 64), Ok(None));
        assert_eq!(partial.add(piece(6, 5, b"f"), 64), Ok(None));
        assert_eq!(partial.add(piece(6, 0, b"a"), 64), Ok(Some(b"axcdxf".to_vec())));
    }

    #[test]
    fn another_total_is_refused() {
        let mut partial = Partial::new(6);
        partial.add(piece(6, 0, b"ab"), 64).unwrap();
        assert_eq!(partial.add(piece(7, 2, b"cd"), 64), Err(Refused::TotalChanged));
    }

    #[test]
    fn too_many_gaps_are_refused() {
        let mut partial = Partial::new(1_000);
        for index in 0..=64 {
            assert_eq!(partial.add(piece(1_000, index * 2 + 1, b"x"), 64), Ok(None));
        }
        assert_eq!(partial.add(piece(1_000, 200, b"x"), 64), Err(Refused::TooManyGaps));
    }

    #[test]
    fn memory_follows_what_came_and_not_what_was_claimed() {
        let mut partial = Partial::new(1 << 24);
        partial.add(piece(1 << 24, (1 << 24) - 1, b"x"), 64).unwrap();
        assert_eq!(partial.held(), 1);
        assert!(partial.runs[0].1.capacity() < 64);
    }

    #[test]
    fn a_message_may_come_byte_by_byte_from_the_end() {
        // To copy what had come for each of them would be 80 GB.
        const TOTAL: usize = 400_000;
        let mut partial = Partial::new(TOTAL);
        for offset in (1..TOTAL).rev() {
            assert_eq!(partial.add(piece(TOTAL, offset, &[7]), 64), Ok(None));
        }
        assert_eq!(partial.add(piece(TOTAL, 0, &[7]), 64), Ok(Some(vec![7; TOTAL])));
    }

    proptest! {
        #[test]
        fn any_cover_of_a_message_gives_it_back(
            cuts in prop::collection::vec((0_usize..100, 1_usize..40), 1..60),
        ) {
            let message: Vec<u8> = (0..100).collect();
            let mut partial = Partial::new(100);
            let mut held = [false; 100];
            let mut whole = None;
            for (offset, len) in cuts {
                let end = (offset + len).min(100);
                held[offset..end].fill(true);
                whole = partial.add(piece(100, offset, &message[offset..end]), 64).unwrap();
                let count = held.iter().filter(|held| **held).count();
                prop_assert_eq!(whole.is_some(), count == 100);
                if whole.is_some() {
                    break;
                }
                prop_assert_eq!(partial.held(), count);
            }
            prop_assert!(whole.is_none_or(|whole| whole == message));
        }
    }
}
