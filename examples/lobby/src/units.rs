//! How durations and rates are written on the command line: `250ms`, `10s`, `5m`, `200/s`.

use std::time::Duration;

/// Longest duration taken, so that sums with points in time cannot overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A number of things a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

/// Reads `250ms`, `1.5s`, `5m` or `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("write it as 250ms, 10s or 5m".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    let length =
        Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())?;
    if length.is_zero() || length > LONGEST {
        return Err("must be more than nothing and at most a year".to_owned());
    }
    Ok(length)
}

/// Reads `200/s`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let number = text.strip_suffix("/s").ok_or("write it as 200/s")?;
    let rate: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    let sensible = (0.01..=1_000_000.0).contains(&rate);
    sensible.then_some(Rate(rate)).ok_or_else(|| "must be from 0.01/s to 1000000/s".to_owned())
}

impl Rate {
    /// How long after the first the thing with that index comes.
    pub(crate) fn moment_of(self, index: usize) -> Duration {
        // Exact below 2⁵², and nobody starts so many bots.
        #[expect(clippy::cast_precision_loss, reason = "an index of a bot")]
        let index = index as f64;
        Duration::from_secs_f64(index / self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_the_contract_writes_them() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "10", "s", "10 s", "-1s", "0s", "10x", "1e99s", "NaNs", "9999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_are_read_as_the_contract_writes_them() {
        assert_eq!(rate("200/s"), Ok(Rate(200.0)));
        for wrong in ["200", "/s", "0/s", "-1/s", "inf/s", "x/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Rate(200.0).moment_of(100), Duration::from_millis(500));
    }
}
