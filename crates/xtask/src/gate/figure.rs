//! One figure of a gate: what was wanted, what was got, and whether that will do.

use std::fmt;

use serde_json::{Value, json};

/// What a figure must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    Exactly(Value),
    AtLeast(f64),
    AtMost(f64),
}

impl Wanted {
    fn is_met_by(&self, got: &Value) -> bool {
        if got.is_null() {
            return false;
        }
        match self {
            Self::Exactly(wanted) => match (wanted.as_f64(), got.as_f64()) {
                // 0 and 0.0 are the same figure.
                (Some(wanted), Some(got)) => wanted.total_cmp(&got).is_eq(),
                _ => wanted == got,
            },
            Self::AtLeast(least) => got.as_f64().is_some_and(|got| got >= *least),
            Self::AtMost(most) => got.as_f64().is_some_and(|got| got <= *most),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(f, "= {value}"),
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
        }
    }
}

/// A named figure. What could not be measured is null, and null is never enough.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    name: String,
    wanted: Wanted,
    got: Value,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, wanted: Wanted, got: impl Into<Value>) -> Self {
        Self { name: name.into(), wanted, got: got.into() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn wanted(&self) -> String {
        self.wanted.to_string()
    }

    pub(crate) fn got(&self) -> &Value {
        &self.got
    }

    pub(crate) fn is_met(&self) -> bool {
        self.wanted.is_met_by(&self.got)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "wanted": self.wanted(),
            "got": self.got,
            "met": self.is_met(),
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, got {}", self.name, self.wanted, self.got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(wanted: &Wanted, got: impl Into<Value>) -> bool {
        wanted.is_met_by(&got.into())
    }

    #[test]
    fn bounds_are_met_at_the_limit_and_beyond_it_only() {
        let least = Wanted::AtLeast(19.0);
        assert!(met(&least, json!(19)) && met(&least, json!(19.01)));
        assert!(!met(&least, json!(18.99)));
        let most = Wanted::AtMost(1000.0);
        assert!(met(&most, json!(1000)) && met(&most, json!(0)));
        assert!(!met(&most, json!(1001)));
    }

    #[test]
    fn exact_figures_compare_by_value_not_by_spelling() {
        assert!(met(&Wanted::Exactly(json!(0)), json!(0.0)));
        assert!(!met(&Wanted::Exactly(json!(0)), json!(1)));
        assert!(met(&Wanted::Exactly(json!(true)), json!(true)));
        assert!(!met(&Wanted::Exactly(json!(true)), json!(1)));
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_never_enough() {
        for wanted in [Wanted::Exactly(json!(0)), Wanted::AtLeast(0.0), Wanted::AtMost(9.0)] {
            assert!(!met(&wanted, Value::Null));
            assert!(!met(&wanted, json!("0")));
        }
        assert!(!met(&Wanted::Exactly(Value::Null), Value::Null), "two keys that are both missing");
    }

    #[test]
    fn a_figure_tells_all_four_things() {
        let figure = Figure::new("bots.joined", Wanted::Exactly(json!(20)), 19);
        let told = json!({"name": "bots.joined", "wanted": "= 20", "got": 19, "met": false});
        assert_eq!(figure.to_json(), told);
        assert_eq!(figure.to_string(), "bots.joined: wanted = 20, got 19");
    }
}
