//! Reads what happened when out of a report's `timeline`: an array of moments, each with its `t`.

use serde_json::Value;

use super::super::document::at;

/// The moment at which `key` first was `to` after it had been `from`, and the last before it at
/// which it was `from`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn<'a> {
    before: &'a Value,
    pub(super) after: &'a Value,
}

impl<'a> Turn<'a> {
    /// Finds it; `None` if `key` never went from the one to the other.
    pub(super) fn find(document: &'a Value, key: &str, from: u64, to: u64) -> Option<Self> {
        let moments = document.get("timeline")?.as_array()?;
        let is = |moment: &Value, value: u64| at(moment, key) == value;
        let began = moments.iter().position(|moment| is(moment, from))?;
        let ended = began + moments.get(began..)?.iter().position(|moment| is(moment, to))?;
        let before = moments.get(..ended)?.iter().rev().find(|moment| is(moment, from))?;
        Some(Self { before, after: moments.get(ended)? })
    }

    /// How long it took, as closely as the timeline tells: at most so long.
    pub(super) fn seconds(self) -> Option<f64> {
        Some(at(self.after, "t").as_f64()? - at(self.before, "t").as_f64()?)
    }
}

/// By how much `key` rose above what it first was from `since` seconds on.
pub(super) fn rise_since(document: &Value, key: &str, since: f64) -> Option<u64> {
    let moments = document.get("timeline")?.as_array()?;
    let is_late = |moment: &&Value| at(moment, "t").as_f64().is_some_and(|t| t >= since);
    let mut values = moments.iter().filter(is_late).map(|moment| at(moment, key).as_u64());
    let first = values.next()??;
    values.try_fold(0, |most: u64, value| Some(most.max(value?.saturating_sub(first))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn timeline(sessions: &[u64]) -> Value {
        let moment = |(t, sessions): (usize, &u64)| json!({"t": t, "sessions": sessions});
        json!({"timeline": sessions.iter().enumerate().map(moment).collect::<Vec<_>>()})
    }

    fn seconds(sessions: &[u64]) -> Option<f64> {
        Turn::find(&timeline(sessions), "sessions", 9, 0).and_then(Turn::seconds)
    }

    #[test]
    fn a_turn_is_from_the_last_of_the_one_to_the_first_of_the_other() {
        assert_eq!(seconds(&[0, 4, 9, 9, 5, 0, 0]), Some(2.0));
        assert_eq!(seconds(&[0, 9, 0, 9, 9, 9, 0]), Some(1.0), "the first of two");
    }

    #[test]
    fn what_never_happened_took_no_time() {
        assert_eq!(seconds(&[0, 4, 8, 0]), None);
        assert_eq!(seconds(&[0, 9, 9, 1]), None);
        assert!(Turn::find(&json!({}), "sessions", 9, 0).is_none());
    }

    #[test]
    fn a_rise_is_over_the_first_late_moment() {
        let told = timeline(&[100, 50, 60, 75, 55]);
        assert_eq!(rise_since(&told, "sessions", 1.0), Some(25));
        assert_eq!(rise_since(&told, "sessions", 4.0), Some(0));
        assert_eq!(rise_since(&told, "sessions", 9.0), None);
        assert_eq!(rise_since(&told, "rss_bytes", 0.0), None);
    }
}
