//! How durations are written on the command line: `250ms`, `10s`, `5m`.

use std::time::Duration;

/// Longest duration taken, so that sums with points in time cannot overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads `250ms`, `1.5s` or `5m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_the_contract_writes_them() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "10", "s", "10 s", "-1s", "0s", "10x", "1e99s", "NaNs", "9999999m"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
