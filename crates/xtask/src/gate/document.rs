//! Reads figures out of the JSON documents our programs print.
//!
//! A key that is not there is null, and arithmetic with null is null: the figure is then not met.

use serde_json::Value;

/// The value at a dotted path, as `bots.commands.lost`; null if any step is missing.
pub(super) fn at(document: &Value, path: &str) -> Value {
    let found = path.split('.').try_fold(document, |value, key| value.get(key));
    found.cloned().unwrap_or(Value::Null)
}

/// `part` ÷ `whole`, both paths; null if either is missing or the whole is nothing.
pub(super) fn share(document: &Value, part: &str, whole: &str) -> Value {
    let part = at(document, part).as_f64();
    let whole = at(document, whole).as_f64().filter(|whole| *whole > 0.0);
    part.zip(whole).map_or(Value::Null, |(part, whole)| Value::from(part / whole))
}

/// Datagrams received that were neither delivered nor dropped for a reason under `drops`.
pub(super) fn unaccounted(document: &Value, drops: &str) -> Value {
    let received = at(document, "datagrams.received").as_i64();
    let delivered = at(document, "datagrams.delivered").as_i64();
    let dropped = sum(&at(document, drops));
    let left = received.zip(delivered).zip(dropped);
    left.map_or(Value::Null, |((received, delivered), dropped)| {
        Value::from(received - delivered - dropped)
    })
}

/// The sum of an object's numbers; `None` if it is no object of whole numbers.
fn sum(object: &Value) -> Option<i64> {
    object.as_object()?.values().map(Value::as_i64).sum()
}

/// The entry of the array at `path` whose `name` is `name`; null if there is none.
pub(super) fn named(document: &Value, path: &str, name: &str) -> Value {
    let all = at(document, path);
    let entry = all.as_array().and_then(|all| all.iter().find(|entry| at(entry, "name") == name));
    entry.cloned().unwrap_or(Value::Null)
}

/// The middle one, or the mean of the two in the middle; `None` of nothing.
pub(super) fn median(all: &[f64]) -> Option<f64> {
    let mut all = all.to_vec();
    all.sort_by(f64::total_cmp);
    let upper = all.get(all.len() / 2)?;
    let lower = all.get((all.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_its_value_or_to_null() {
        let document = json!({"bots": {"commands": {"lost": 0}}});
        assert_eq!(at(&document, "bots.commands.lost"), 0);
        assert_eq!(at(&document, "bots.commands.sent"), Value::Null);
        assert_eq!(at(&document, "bots.joined.lost"), Value::Null);
    }

    #[test]
    fn a_share_of_nothing_is_null() {
        let document = json!({"inputs": {"sent": 1000, "applied": 999}, "none": 0});
        assert_eq!(share(&document, "inputs.applied", "inputs.sent"), 0.999);
        assert_eq!(share(&document, "none", "none"), Value::Null);
        assert_eq!(share(&document, "inputs.applied", "inputs.gone"), Value::Null);
    }

    #[test]
    fn every_datagram_is_delivered_or_dropped_for_a_reason() {
        let datagrams = json!({"received": 10, "delivered": 7});
        let drops = json!({"replayed": 1, "malformed": 2});
        let document = json!({"datagrams": datagrams, "drops": drops});
        assert_eq!(unaccounted(&document, "drops"), 0);
        assert_eq!(unaccounted(&document, "datagrams.dropped"), Value::Null);

        let document = json!({"datagrams": {"received": 10, "delivered": 7, "dropped": {}}});
        assert_eq!(unaccounted(&document, "datagrams.dropped"), 3);
    }

    #[test]
    fn a_drop_count_that_is_no_number_makes_the_sum_unknown() {
        assert_eq!(sum(&json!({"a": 1, "b": "2"})), None);
        assert_eq!(sum(&json!({})), Some(0));
    }

    #[test]
    fn an_entry_is_found_by_its_name() {
        let document = json!({"canaries": [{"name": "swaps", "caught": true}]});
        assert_eq!(at(&named(&document, "canaries", "swaps"), "caught"), true);
        assert_eq!(named(&document, "canaries", "repeats"), Value::Null);
    }
}
