//! What a limit comes to, and how a person writes it.

use std::time::Duration;

/// The value of a constant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Value {
    Number(u128),
    Time(Duration),
    /// From one time to another.
    Times(Duration, Duration),
}

impl Value {
    /// As the page writes it: bytes in round units, numbers in threes, times with their unit.
    pub(super) fn shown(self, unit: &str) -> String {
        match self {
            Self::Number(number) if unit == "bytes" => bytes(number),
            Self::Number(number) => in_threes(number),
            Self::Time(time) => shown_time(time),
            Self::Times(from, to) => format!("{} to {}", shown_time(from), shown_time(to)),
        }
    }

    /// `time`, or nothing where the code does not say.
    pub(super) fn likely_unit(self) -> &'static str {
        if self.is_time() { "time" } else { "" }
    }

    pub(super) fn is_time(self) -> bool {
        !matches!(self, Self::Number(_))
    }
}

fn bytes(number: u128) -> String {
    const KIB: u128 = 1 << 10;
    const MIB: u128 = 1 << 20;
    match number {
        0 => "0".to_owned(),
        _ if number.is_multiple_of(MIB) => format!("{} MiB", in_threes(number / MIB)),
        _ if number.is_multiple_of(KIB) => format!("{} KiB", in_threes(number / KIB)),
        _ => in_threes(number),
    }
}

fn shown_time(time: Duration) -> String {
    if time.subsec_nanos() == 0 {
        format!("{} s", in_threes(time.as_secs().into()))
    } else if time.subsec_nanos().is_multiple_of(1_000_000) {
        format!("{} ms", in_threes(time.as_millis()))
    } else {
        format!("{} µs", in_threes(time.as_micros()))
    }
}

fn in_threes(number: u128) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_threes_and_bytes_in_round_units() {
        for (number, unit, wanted) in [
            (0, "bytes", "0"),
            (999, "packets", "999"),
            (16_384, "messages", "16,384"),
            (1_000_000, "messages", "1,000,000"),
            (16_384, "bytes", "16 KiB"),
            (4 << 20, "bytes", "4 MiB"),
            (1_167, "bytes", "1,167"),
        ] {
            assert_eq!(Value::Number(number).shown(unit), wanted);
        }
    }

    #[test]
    fn times_have_their_unit() {
        let millis = Duration::from_millis;
        assert_eq!(Value::Time(millis(2_000)).shown("time"), "2 s");
        assert_eq!(Value::Time(millis(1_500)).shown("time"), "1,500 ms");
        assert_eq!(Value::Time(Duration::from_micros(250)).shown("time"), "250 µs");
        assert_eq!(Value::Times(millis(10), millis(100)).shown("time"), "10 ms to 100 ms");
    }
}
