//! Datagrams of one flow that leave together: segmentation offload (GSO).

use crate::slab::Place;

/// What one call may send, in bytes: an IP packet less its headers.
const BYTES: usize = 65_535 - 40 - 8;

/// Datagrams of one flow, all as long as the first but for the last, which may be shorter.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    place: Option<Place>,
    bytes: Vec<u8>,
    segment: usize,
    count: usize,
    /// How many the system sends in one call.
    most: usize,
}

impl Bundle {
    /// An empty one of at most `most` datagrams.
    pub(super) const fn new(most: usize) -> Self {
        Self { place: None, bytes: Vec::new(), segment: 0, count: 0, most }
    }

    /// Whether a datagram of `len` bytes to a flow may go with those that are here.
    pub(super) fn takes(&self, place: Place, len: usize) -> bool {
        let is_same = self.place == Some(place) && (1..=self.segment).contains(&len);
        let is_unbroken = self.bytes.len() == self.segment * self.count;
        let fits = self.count < self.most && self.bytes.len() + len <= BYTES;
        self.place.is_none() || is_same && is_unbroken && fits
    }

    pub(super) fn add(&mut self, place: Place, datagram: &[u8]) {
        if self.place.is_none() {
            self.place = Some(place);
            self.segment = datagram.len();
        }
        self.bytes.extend_from_slice(datagram);
        self.count += 1;
    }

    pub(super) fn clear(&mut self) {
        self.place = None;
        self.bytes.clear();
        self.count = 0;
    }

    /// Where it goes; `None` if it is empty.
    pub(super) const fn place(&self) -> Option<Place> {
        self.place
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How long its datagrams are, if there are several.
    pub(super) fn segment(&self) -> Option<usize> {
        (self.count > 1).then_some(self.segment)
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.count).unwrap_or(u64::MAX)
    }

    /// One after the other.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        // One that is empty is alone, and would not be a chunk.
        let empty = (self.segment == 0).then_some(&*self.bytes);
        self.bytes.chunks(self.segment.max(1)).chain(empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    /// How many of these lengths go into one bundle.
    fn together(most: usize, lengths: &[usize]) -> usize {
        let (mut slab, mut bundle) = (Slab::new(1), Bundle::new(most));
        let place = slab.insert(());
        let fitting = lengths.iter().take_while(|len| {
            let takes = bundle.takes(place, **len);
            if takes {
                bundle.add(place, &vec![0; **len]);
            }
            takes
        });
        let count = fitting.count();
        assert_eq!(bundle.datagrams().count(), count);
        count
    }

    #[test]
    fn equal_lengths_go_together_and_a_shorter_one_is_the_last() {
        assert_eq!(together(64, &[100, 100, 100]), 3);
        assert_eq!(together(64, &[100, 100, 40, 40]), 3);
        assert_eq!(together(64, &[100, 101]), 1);
        assert_eq!(together(64, &[100, 0]), 1);
        assert_eq!(together(64, &[0, 0]), 1);
        assert_eq!(together(2, &[100, 100, 100]), 2);
        assert_eq!(together(1, &[100, 100]), 1);
        assert_eq!(together(64, &[30_000, 30_000, 30_000]), 2);
    }

    #[test]
    fn another_flow_is_another_bundle() {
        let (mut slab, mut bundle) = (Slab::new(2), Bundle::new(64));
        let (a, b) = (slab.insert(()), slab.insert(()));
        assert!(bundle.takes(a, 9));
        bundle.add(a, &[0; 9]);
        assert!(bundle.takes(a, 9) && !bundle.takes(b, 9));
        bundle.clear();
        assert!(bundle.takes(b, 9) && bundle.place().is_none());
    }
}
