//! What a bot makes of the snapshots that reach it: which are new, late, missing, and how evenly
//! they come.

use std::time::{Duration, Instant};

use crate::{protocol::Snapshot, spread::Spread};

/// Snapshots of all bots.
#[derive(Debug)]
pub(super) struct Received {
    /// All that came within a stay.
    pub(super) count: u64,
    /// Of these, older than one already taken.
    pub(super) late: u64,
    /// Numbers that never came.
    pub(super) lost: u64,
    /// Between two in arrival.
    pub(super) gaps: Spread,
    /// How much longer they took than the fastest before them in the same stay.
    pub(super) ages: Spread,
    /// From one tick of a match to the next.
    pub(super) tick: Duration,
}

impl Default for Received {
    fn default() -> Self {
        Self {
            count: 0,
            late: 0,
            lost: 0,
            gaps: Spread::default(),
            ages: Spread::default(),
            tick: Duration::from_secs(1) / 60,
        }
    }
}

/// One stay in a match, as its snapshots show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    room: u32,
    /// The first and the newest number taken.
    taken: Option<(u32, u32)>,
    came: Option<Instant>,
    fastest: Option<Fastest>,
}

/// The snapshot that took least, by its tick and when it came.
#[derive(Clone, Copy, Debug)]
struct Fastest {
    tick: u32,
    came: Instant,
}

impl Watch {
    /// A stay in that room begins.
    pub(super) const fn new(room: u32) -> Self {
        Self { room, taken: None, came: None, fastest: None }
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
        all.ages.record(self.age(now, seen.tick, all.tick));
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

    /// How much longer a snapshot of that tick took than the fastest before it: nobody's clock has
    /// to agree with another's for that.
    fn age(&mut self, now: Instant, tick: u32, period: Duration) -> Duration {
        let fastest = self.fastest.unwrap_or(Fastest { tick, came: now });
        // As long after the fastest as the ticks between them, unless it is older than that one.
        let due = match tick.checked_sub(fastest.tick) {
            Some(ticks) => fastest.came.checked_add(period * ticks),
            None => fastest.came.checked_sub(period * (fastest.tick - tick)),
        };
        let due = due.unwrap_or(now);
        if self.fastest.is_none() || now < due {
            self.fastest = Some(Fastest { tick, came: now });
        }
        now.saturating_duration_since(due)
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

    #[test]
    fn an_age_counts_from_the_fastest_of_the_stay() {
        let (mut all, mut watch) = (Received::default(), Watch::new(1));
        all.tick = Duration::from_millis(10);
        let start = Instant::now();
        let mut ages = Vec::new();
        for (tick, came_ms) in [(100, 40), (105, 70), (110, 130), (108, 131), (120, 230)] {
            let now = start + Duration::from_millis(came_ms);
            ages.push(watch.age(now, tick, all.tick).as_millis());
        }
        // The second took 20 ms less than the first; from then on it is the measure.
        assert_eq!(ages, [0, 0, 10, 31, 10]);
    }
}
