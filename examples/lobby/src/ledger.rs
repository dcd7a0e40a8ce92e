//! Which of a player's commands the lobby saw, by the numbers in their payloads.
//!
//! It trusts nothing below it: what came missing, twice, or out of turn shows here.

use std::collections::BTreeMap;

/// Stretches of numbers kept apart at the most; beyond it somebody makes numbers up.
const RUNS_MAX: usize = 1024;

/// What was seen of one player's commands, numbered from 1.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sightings {
    /// First and last number of every stretch without a gap.
    runs: BTreeMap<u32, u32>,
    duplicated: u32,
}

/// What a number turned out to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sighting {
    /// It had not been seen.
    New,
    /// It had been seen.
    Again,
    /// 0, or one more gap than anybody honest makes.
    Absurd,
}

impl Sightings {
    /// Nothing seen yet.
    pub(crate) const EMPTY: Self = Self { runs: BTreeMap::new(), duplicated: 0 };

    /// Takes note of a command.
    pub(crate) fn note(&mut self, number: u32) -> Sighting {
        let before = self.runs.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| last >= number) {
            self.duplicated = self.duplicated.saturating_add(1);
            return Sighting::Again;
        }
        let follows = before.filter(|(_, last)| last + 1 == number);
        if number == 0 || (follows.is_none() && self.runs.len() >= RUNS_MAX) {
            return Sighting::Absurd;
        }
        let first = follows.map_or(number, |(first, _)| first);
        let last = self.run_after(number).unwrap_or(number);
        self.runs.insert(first, last);
        Sighting::New
    }

    /// Numbers that came at least once.
    pub(crate) fn seen(&self) -> u32 {
        self.count_up_to(u32::MAX)
    }

    /// The highest number that came, 0 before the first.
    pub(crate) fn last(&self) -> u32 {
        self.runs.last_key_value().map_or(0, |(_, last)| *last)
    }

    /// Numbers from 1 to `issued` that did not come.
    pub(crate) fn lost_of(&self, issued: u32) -> u32 {
        issued - self.count_up_to(issued)
    }

    /// Commands whose number had come before.
    pub(crate) const fn duplicated(&self) -> u32 {
        self.duplicated
    }

    /// Takes out the stretch that starts right after `number`; returns its last number.
    fn run_after(&mut self, number: u32) -> Option<u32> {
        number.checked_add(1).and_then(|next| self.runs.remove(&next))
    }

    fn count_up_to(&self, bound: u32) -> u32 {
        let runs = self.runs.range(..=bound);
        runs.map(|(first, last)| last.min(&bound) - first + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(numbers: &[u32]) -> Sightings {
        let mut sightings = Sightings::default();
        for number in numbers {
            sightings.note(*number);
        }
        sightings
    }

    #[test]
    fn numbers_in_turn_are_one_stretch() {
        let sightings = noted(&[1, 2, 3, 4]);
        assert_eq!(sightings.runs.len(), 1);
        assert_eq!((sightings.seen(), sightings.lost_of(4), sightings.duplicated()), (4, 0, 0));
    }

    #[test]
    fn a_gap_is_lost_until_it_is_filled() {
        let mut sightings = noted(&[1, 2, 5]);
        assert_eq!((sightings.seen(), sightings.lost_of(5), sightings.last()), (3, 2, 5));
        assert_eq!(sightings.note(4), Sighting::New);
        assert_eq!(sightings.note(3), Sighting::New);
        assert_eq!(sightings, noted(&[1, 2, 3, 4, 5]));
    }

    #[test]
    fn what_was_given_and_never_came_is_lost() {
        assert_eq!(noted(&[]).lost_of(3), 3);
        assert_eq!(noted(&[1, 2]).lost_of(5), 3);
        assert_eq!(noted(&[1, 2, 9]).lost_of(2), 0, "later ones are not asked for");
    }

    #[test]
    fn a_number_seen_before_is_counted_wherever_it_stands() {
        let mut sightings = noted(&[1, 2, 3, 7]);
        for number in [1, 3, 2, 7] {
            assert_eq!(sightings.note(number), Sighting::Again);
        }
        assert_eq!((sightings.seen(), sightings.duplicated()), (4, 4));
    }

    #[test]
    fn order_has_no_weight() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut numbers: Vec<u32> = (1..=500).collect();
        random.shuffle(&mut numbers);
        assert_eq!(noted(&numbers), noted(&(1..=500).collect::<Vec<_>>()));
    }

    #[test]
    fn the_ends_of_the_number_space_do_not_overflow() {
        let mut sightings = noted(&[u32::MAX, u32::MAX - 1]);
        assert_eq!(sightings.note(0), Sighting::Absurd);
        assert_eq!(sightings.note(u32::MAX), Sighting::Again);
        assert_eq!((sightings.seen(), sightings.lost_of(u32::MAX)), (2, u32::MAX - 2));
    }

    #[test]
    fn made_up_numbers_take_no_memory() {
        let mut sightings = Sightings::default();
        let at_cap = u32::try_from(RUNS_MAX).unwrap();
        assert!((1..=at_cap).all(|number| sightings.note(number * 2) == Sighting::New));
        assert_eq!(sightings.note(at_cap * 2 + 2), Sighting::Absurd);
        assert_eq!(sightings.note(3), Sighting::New, "it closes a gap");
        assert_eq!(sightings.runs.len(), RUNS_MAX - 1);
    }
}
