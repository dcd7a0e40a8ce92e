//! What all bots of a process have lived through, counted as it happens.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::watch::Received;
use crate::{
    report::{Joins, PlaneCounts, Second, Snapshots, Traffic},
    spread::Spread,
};

/// The figures of a run so far.
#[derive(Debug)]
pub(super) struct Tally {
    began: Instant,
    pub(super) entries: Entries,
    pub(super) received: Received,
    /// Time spent in matches, of all bots together.
    pub(super) played: Duration,
    pub(super) rooms: BTreeSet<u32>,
    pub(super) heard: u64,
    pub(super) rtt: Spread,
    pub(super) carried: Carried,
    pub(super) plane_changes: u64,
    /// Control connections that took the place of another, in sessions that are over.
    pub(super) resumes: u64,
    /// Ticks a second, as the server asks for; taken once it is heeded.
    pub(super) tick_hz: Option<u16>,
    timeline: Timeline,
}

/// Joins, ends, and joins after ends.
#[derive(Debug, Default)]
pub(super) struct Entries {
    joined: u32,
    first: Option<Instant>,
    last_first: Option<Instant>,
    joins: Spread,
    rejected: u64,
    disconnected: u64,
    rejoined: u64,
    rejoins: Spread,
}

/// Bytes of sessions that are over, and how long those lasted, of all bots together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carried {
    pub(super) up: u64,
    pub(super) down: u64,
    pub(super) lasted: Duration,
}

#[derive(Debug, Default)]
struct Timeline {
    seconds: Vec<Second>,
    /// Snapshots and time played up to the last entry.
    received: u64,
    played: Duration,
}

impl Tally {
    /// Nothing has happened.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            entries: Entries::default(),
            received: Received::default(),
            played: Duration::ZERO,
            rooms: BTreeSet::new(),
            heard: 0,
            rtt: Spread::default(),
            carried: Carried::default(),
            plane_changes: 0,
            resumes: 0,
            tick_hz: None,
            timeline: Timeline::default(),
        }
    }

    /// The server says how many ticks it makes in a second.
    pub(super) fn hear_tick_hz(&mut self, tick_hz: u16) {
        self.tick_hz = Some(tick_hz);
        self.received.tick = Duration::from_secs(1) / u32::from(tick_hz.max(1));
    }

    /// When the first bot joined; the run counts from there.
    pub(super) const fn first_join(&self) -> Option<Instant> {
        self.entries.first
    }

    /// Whether a second of the timeline is over.
    pub(super) fn is_second_over(&self, now: Instant) -> bool {
        self.second(now) > self.timeline.seconds.last().map_or(0, |second| second.t)
    }

    /// Ends a second of the timeline; `planes` says what all bots flew on at their worst in it.
    pub(super) fn end_second(&mut self, now: Instant, planes: PlaneCounts) {
        let t = self.second(now);
        let played = self.played.saturating_sub(self.timeline.played);
        let received = self.received.count - self.timeline.received;
        let second = Second { t, planes, snapshots_hz: rate(received, played) };
        self.timeline.seconds.push(second);
        (self.timeline.received, self.timeline.played) = (self.received.count, self.played);
    }

    /// Whole seconds since the first join.
    fn second(&self, now: Instant) -> u64 {
        self.entries.first.map_or(0, |first| now.saturating_duration_since(first).as_secs())
    }

    /// The timeline, for the report.
    pub(super) fn take_timeline(&mut self) -> Vec<Second> {
        std::mem::take(&mut self.timeline.seconds)
    }

    /// Joins, for the report.
    pub(super) fn joins(&self) -> Joins {
        let entries = &self.entries;
        let after = entries.last_first.map(|last| last.saturating_duration_since(self.began));
        Joins {
            joined: entries.joined,
            joined_after_ms: after.map(|after| after.as_secs_f64() * 1000.0),
            join_ms: entries.joins.with_max(),
            rejected: entries.rejected,
            disconnected: entries.disconnected,
            rejoined: entries.rejoined,
            rejoin_ms: entries.rejoins.with_max(),
        }
    }

    /// Snapshots, for the report.
    pub(super) fn snapshots(&self) -> Snapshots {
        Snapshots {
            received: self.received.count,
            late: self.received.late,
            lost: self.received.lost,
            rate_hz: rate(self.received.count, self.played),
            gap_ms: self.received.gaps.with_max(),
            age_ms: self.received.ages.with_max(),
        }
    }

    /// Bytes per bot and second, for the report.
    pub(super) fn traffic(&self) -> Traffic {
        let Carried { up, down, lasted } = self.carried;
        Traffic { up: rate(up, lasted), down: rate(down, lasted) }
    }
}

impl Entries {
    /// A bot was admitted for the first time, `join` after its first packet.
    pub(super) fn joined(&mut self, now: Instant, join: Duration) {
        self.joined += 1;
        self.first.get_or_insert(now);
        self.last_first = Some(now);
        self.joins.record(join);
    }

    /// A bot is back, so long after its session had ended.
    pub(super) fn rejoined(&mut self, away: Duration) {
        self.rejoined += 1;
        self.rejoins.record(away);
    }

    /// The server refused a join.
    pub(super) const fn rejected(&mut self) {
        self.rejected += 1;
    }

    /// A session ended otherwise than by its bot or the end of the run.
    pub(super) const fn disconnected(&mut self) {
        self.disconnected += 1;
    }

    /// Bots that were admitted at least once.
    pub(super) const fn count(&self) -> u32 {
        self.joined
    }

    /// How many sessions ended so, and how many came back.
    pub(super) const fn lost_and_back(&self) -> (u64, u64) {
        (self.disconnected, self.rejoined)
    }
}

impl Carried {
    /// Adds another session's.
    pub(super) fn add(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
        self.lasted += other.lasted;
    }
}

/// `count` ÷ `length` in seconds, if there was any time.
fn rate(count: u64, length: Duration) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2⁵³, far above any run")]
    let count = count as f64;
    (!length.is_zero()).then(|| count / length.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_run_counts_from_the_first_join_and_tells_the_last() {
        let start = Instant::now();
        let mut tally = Tally::new(start);
        assert_eq!(tally.joins().joined_after_ms, None);
        tally.entries.joined(start + MS(20), MS(15));
        tally.entries.joined(start + MS(500), MS(30));
        tally.entries.rejoined(MS(100));
        assert_eq!(tally.first_join(), Some(start + MS(20)));
        let joins = tally.joins();
        assert_eq!((joins.joined, joins.rejoined), (2, 1));
        assert!((joins.joined_after_ms.unwrap() - 500.0).abs() < 1e-6);
    }

    #[test]
    fn the_timeline_has_one_entry_a_second_from_the_first_join() {
        let start = Instant::now();
        let mut tally = Tally::new(start);
        let planes = PlaneCounts { both: 2, ..PlaneCounts::default() };
        assert!(!tally.is_second_over(start + MS(5000)), "nobody has joined");
        tally.entries.joined(start, MS(1));
        for now in (0..=300).map(|step| start + MS(step * 10)) {
            if now == start + MS(1500) {
                tally.received.count += 20;
                tally.played += MS(2000);
            }
            if tally.is_second_over(now) {
                tally.end_second(now, planes);
            }
        }
        let seconds = tally.take_timeline();
        assert_eq!(seconds.iter().map(|second| second.t).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(seconds[0].snapshots_hz, None, "nobody played");
        assert_eq!(seconds[1].snapshots_hz, Some(10.0));
        assert_eq!(seconds[2].planes.both, 2);
    }

    #[test]
    fn rates_are_per_second_of_one_bot() {
        let mut tally = Tally::new(Instant::now());
        assert_eq!(tally.snapshots().rate_hz, None);
        tally.received.count = 400;
        tally.played = Duration::from_secs(20);
        assert_eq!(tally.snapshots().rate_hz, Some(20.0));
        tally.carried = Carried { up: 1000, down: 3000, lasted: Duration::from_secs(10) };
        assert_eq!((tally.traffic().up, tally.traffic().down), (Some(100.0), Some(300.0)));
    }
}
