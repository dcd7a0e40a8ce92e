//! A set of numbers, kept as runs.

use biplane_wire::AckRange;

/// Numbers as runs, ascending and apart from each other.
#[derive(Debug, Default)]
pub(crate) struct Ranges(Vec<AckRange>);

impl Ranges {
    /// Puts in every number from `low` to `high`.
    pub(crate) fn insert(&mut self, mut low: u64, mut high: u64) {
        let first = self.0.partition_point(|run| run.high.saturating_add(1) < low);
        let last = self.0.partition_point(|run| run.low <= high.saturating_add(1));
        // Mostly one run grows by its next number.
        if let Some([run]) = self.0.get_mut(first..last) {
            run.low = run.low.min(low);
            run.high = run.high.max(high);
            return;
        }
        if let Some(touched) = self.0.get(first..last)
            && let (Some(lowest), Some(highest)) = (touched.first(), touched.last())
        {
            low = low.min(lowest.low);
            high = high.max(highest.high);
        }
        drop(self.0.splice(first..last, [AckRange { low, high }]));
    }

    /// Takes out the highest runs, `most` at the most; the highest comes first.
    pub(crate) fn take_highest(
        &mut self,
        most: usize,
    ) -> impl Iterator<Item = AckRange> + Clone + use<> {
        let left = self.0.len().saturating_sub(most);
        self.0.split_off(left).into_iter().rev()
    }

    /// Takes out the lowest number and those that follow it without a gap.
    pub(crate) fn forget_lowest(&mut self) {
        if !self.0.is_empty() {
            self.0.remove(0);
        }
    }

    /// The lowest number from 0 on that is not in.
    pub(crate) fn first_gap(&self) -> u64 {
        self.0.first().filter(|run| run.low == 0).map_or(0, |run| run.high.saturating_add(1))
    }

    /// How many runs there are.
    pub(crate) fn runs(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn numbers(ranges: &Ranges) -> Vec<u64> {
        ranges.0.iter().flat_map(|run| run.low..=run.high).collect()
    }

    #[test]
    fn the_highest_runs_come_first() {
        let mut ranges = Ranges::default();
        for (low, high) in [(1, 2), (9, 9), (4, 6)] {
            ranges.insert(low, high);
        }
        let taken: Vec<_> = ranges.take_highest(2).map(|run| (run.low, run.high)).collect();
        assert_eq!(taken, [(9, 9), (4, 6)]);
        assert_eq!(numbers(&ranges), [1, 2]);
    }

    #[test]
    fn the_first_gap_is_behind_what_begins_at_0() {
        let mut ranges = Ranges::default();
        ranges.insert(1, 3);
        assert_eq!(ranges.first_gap(), 0);
        ranges.insert(0, 0);
        assert_eq!(ranges.first_gap(), 4);
    }

    #[test]
    fn the_last_number_of_all_has_no_neighbour_above() {
        let mut ranges = Ranges::default();
        ranges.insert(u64::MAX, u64::MAX);
        ranges.insert(u64::MAX - 1, u64::MAX - 1);
        assert_eq!(ranges.runs(), 1);
    }

    proptest! {
        #[test]
        fn runs_hold_what_was_put_in_and_never_touch(
            steps in prop::collection::vec((0_u64..60, 0_u64..8), 1..40),
        ) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for (low, more) in steps {
                ranges.insert(low, low + more);
                model.extend(low..=low + more);
                prop_assert_eq!(numbers(&ranges), model.iter().copied().collect::<Vec<_>>());
                prop_assert!(ranges.0.windows(2).all(|two| two[0].high + 1 < two[1].low));
            }
        }
    }
}
