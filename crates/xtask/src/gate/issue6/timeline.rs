//! What bots flew on and how many snapshots they got, second by second.

use serde_json::Value;

use super::super::document::at;

/// Snapshots a second that each bot gets where nothing has just changed.
pub(in crate::gate) const LEAST_HZ: f64 = 19.0;

/// The `timeline` of a report of bots.
#[derive(Clone, Debug)]
pub(in crate::gate) struct Timeline(Vec<Second>);

/// One entry: it covers the second that ends at `t`, and counts bots by the worst they flew on in it.
#[derive(Clone, Copy, Debug)]
pub(in crate::gate) struct Second {
    pub(in crate::gate) t: u64,
    pub(in crate::gate) both: u64,
    control_only: u64,
    data_only: u64,
    snapshots_hz: f64,
}

/// What bots fly on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::gate) enum Flown {
    ControlOnly,
    DataOnly,
}

impl Timeline {
    /// Reads it; `None` if an entry lacks a figure. A second in which nobody played has no rate, and
    /// counts as one without snapshots.
    pub(in crate::gate) fn of(report: &Value) -> Option<Self> {
        let entries = report.get("timeline")?.as_array()?;
        entries.iter().map(Second::of).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The least snapshots a second in those seconds that are wanted.
    pub(in crate::gate) fn least_hz(&self, wanted: impl Fn(u64) -> bool) -> Option<f64> {
        let seconds = self.0.iter().filter(|second| wanted(second.t));
        seconds.map(|second| second.snapshots_hz).min_by(f64::total_cmp)
    }

    /// The most bots at a time that flew on that, in those seconds that are wanted.
    pub(in crate::gate) fn most(&self, flown: Flown, wanted: impl Fn(u64) -> bool) -> Option<u64> {
        let seconds = self.0.iter().filter(|second| wanted(second.t));
        seconds.map(|second| second.count(flown)).max()
    }

    /// How many flew on both in the last second.
    pub(in crate::gate) fn last_both(&self) -> Option<u64> {
        self.0.last().map(|second| second.both)
    }

    /// From which moment on `count` bots flew on both until the end.
    pub(in crate::gate) fn both_since(&self, count: u64) -> Option<u64> {
        let whole = self.0.iter().rev().take_while(|second| second.both >= count);
        whole.last().map(|second| second.t.saturating_sub(1))
    }

    /// How long each stretch was in which fewer than `count` bots flew on both, in seconds; without
    /// the first, in which they join.
    pub(in crate::gate) fn outages(&self, count: u64) -> Vec<u64> {
        let mut outages = vec![0];
        let joined = self.0.iter().skip_while(|second| second.both < count);
        for second in joined {
            match outages.last_mut() {
                Some(length) if second.both < count => *length += 1,
                Some(0) | None => {}
                Some(_) => outages.push(0),
            }
        }
        outages.retain(|length| *length > 0);
        outages
    }
}

impl Second {
    fn of(entry: &Value) -> Option<Self> {
        let count = |key| at(entry, key).as_u64();
        Some(Self {
            t: count("t")?,
            both: count("both")?,
            control_only: count("control_only")?,
            data_only: count("data_only")?,
            snapshots_hz: at(entry, "snapshots_hz").as_f64().unwrap_or(0.0),
        })
    }

    const fn count(&self, flown: Flown) -> u64 {
        match flown {
            Flown::ControlOnly => self.control_only,
            Flown::DataOnly => self.data_only,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Entries of five bots, by how many of them fly on both; the others on TCP alone.
    fn timeline(both: &[u64]) -> Timeline {
        let entry = |(both, t): (&u64, u64)| {
            json!({
                "t": t, "both": both, "control_only": 5 - both, "data_only": 0, "lost": 0,
                "snapshots_hz": both * 4,
            })
        };
        let entries: Vec<Value> = both.iter().zip(1..).map(entry).collect();
        Timeline::of(&json!({"timeline": entries})).unwrap()
    }

    #[test]
    fn all_fly_on_both_from_the_beginning_of_the_second_in_which_they_all_do() {
        assert_eq!(timeline(&[0, 5, 3, 5, 5]).both_since(5), Some(3));
        assert_eq!(timeline(&[5, 5]).both_since(5), Some(0));
        assert_eq!(timeline(&[5, 4]).both_since(5), None);
        assert_eq!(timeline(&[]).both_since(5), None);
    }

    #[test]
    fn outages_are_counted_after_all_have_joined() {
        assert_eq!(timeline(&[0, 3, 5, 5, 2, 0, 5, 4, 5]).outages(5), [2, 1]);
        assert_eq!(timeline(&[0, 5, 0, 0]).outages(5), [2]);
        assert!(timeline(&[5, 5]).outages(5).is_empty());
        assert!(timeline(&[0, 0]).outages(5).is_empty(), "nobody came");
    }

    #[test]
    fn rates_and_planes_are_those_of_the_wanted_seconds() {
        let timeline = timeline(&[5, 1, 5]);
        assert_eq!(timeline.least_hz(|_| true), Some(4.0));
        assert_eq!(timeline.least_hz(|t| t != 2), Some(20.0));
        assert_eq!(timeline.least_hz(|t| t > 3), None);
        assert_eq!(timeline.most(Flown::ControlOnly, |_| true), Some(4));
        assert_eq!(timeline.most(Flown::DataOnly, |_| true), Some(0));
        assert_eq!(timeline.last_both(), Some(5));
    }

    #[test]
    fn an_entry_without_a_figure_makes_no_timeline() {
        assert!(Timeline::of(&json!({"timeline": [{"t": 1}]})).is_none());
        assert!(Timeline::of(&json!({})).is_none());
        let still = json!({
            "t": 1, "both": 5, "control_only": 0, "data_only": 0, "lost": 0, "snapshots_hz": null,
        });
        let told = Timeline::of(&json!({"timeline": [still]})).unwrap();
        assert_eq!(told.least_hz(|_| true), Some(0.0));
    }
}
