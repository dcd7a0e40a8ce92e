//! What a bot makes of the snapshots that reach it: which are new, late, missing, and how evenly
//! they come.

use std::time::Instant;

use crate::{protocol::Snapshot, spread::Spread};

/// Snapshots of all bots.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// All that came within a stay.
    pub(super) count: u64,
    /// Of these, older than one already taken.
    pub(super) late: u64,
    /// Numbers that never came.
    pub(super) lost: u64,
    /// Between two in arrival.
    pub(super) gaps: Spread,
}

/// One stay in a match, as its snapshots show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    room: u32,
    /// The first and the newest number taken.
    taken: Option<(u32, u32)>,
    came: Option<Instant>,
}

impl Watch {
    /// A stay in that room begins.
    pub(super) const fn new(room: u32) -> Self {
        Self { room, taken: None, came: None }
    }

    /// Counts a snapshot; whether it is the newest of this stay.
    pub(super) fn note(&mut self, now: Instant, seen: &Snapshot<'_>, all: &mut Received) -> bool {
        if seen.room != self.room {
            return false;
        }
        all.count += 1;
        if let Some(came) = self.came.replace(now) {
            all.gaps.record(now.saturating_duration_since(came));
        }
        let before = (seen.number, seen.number.saturating_sub(1));
        let (first, newest) = self.taken.unwrap_or(before);
        if seen.number <= newest {
            all.late += 1;
            // It was missing until now, unless this stay began after it.
            all.lost -= u64::from(seen.number > first).min(all.lost);
            return false;
        }
        all.lost += u64::from(seen.number - newest - 1);
        self.taken = Some((first, seen.number));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, time::Duration};

    use super::*;
    use crate::protocol::Crown;

    fn snapshot(room: u32, number: u32) -> Snapshot<'static> {
        let crown = Crown::Held { by: 0 };
        Snapshot { room, number, tick: 0, crown, players: Cow::Borrowed(&[]) }
    }

    fn noted(numbers: &[u32]) -> (Received, Vec<bool>) {
        let (mut all, mut watch) = (Received::default(), Watch::new(1));
        let now = Instant::now();
        let newest = numbers.iter().map(|number| watch.note(now, &snapshot(1, *number), &mut all));
        let newest = newest.collect();
        (all, newest)
    }

    #[test]
    fn a_stay_may_begin_anywhere() {
        let (all, newest) = noted(&[100, 101, 102]);
        assert_eq!((all.count, all.late, all.lost), (3, 0, 0));
        assert_eq!(newest, [true; 3]);
    }

    #[test]
    fn missing_numbers_are_lost_until_they_come_late() {
        assert_eq!(noted(&[1, 5]).0.lost, 3);
        let (all, newest) = noted(&[1, 5, 3]);
        assert_eq!((all.count, all.late, all.lost), (3, 1, 2));
        assert_eq!(newest, [true, true, false], "a late one is not shown");
    }

    #[test]
    fn what_is_older_than_the_stay_was_never_missing() {
        let (all, _) = noted(&[10, 12, 9]);
        assert_eq!((all.late, all.lost), (1, 1));
    }

    #[test]
    fn another_rooms_snapshots_do_not_count() {
        let (mut all, mut watch) = (Received::default(), Watch::new(1));
        assert!(!watch.note(Instant::now(), &snapshot(2, 1), &mut all));
        assert_eq!(all.count, 0);
    }

    #[test]
    fn gaps_are_between_two_in_arrival() {
        let (mut all, mut watch) = (Received::default(), Watch::new(1));
        let start = Instant::now();
        for number in 0..5 {
            let now = start + Duration::from_millis(50) * number;
            watch.note(now, &snapshot(1, number + 1), &mut all);
        }
        let gaps = all.gaps.with_max();
        assert!((gaps.max.unwrap() - 50.0).abs() < 0.5, "{gaps:?}");
    }
}
