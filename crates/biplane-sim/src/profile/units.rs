//! How durations, rates, sizes and shares are written.

use core::{fmt::Display, time::Duration};

use super::{Blocked, Queue};

/// The longest delay or jitter.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// The longest time of anything else: sums with points in time must not overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

const DURATIONS: [(&str, f64); 6] =
    [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
const RATES: [(&str, f64); 4] = [("bit", 1.0), ("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9)];
const SIZES: [(&str, f64); 7] = [
    ("", 1.0),
    ("B", 1.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

/// A value, or what would have been one.
pub(super) type Read<T> = Result<T, &'static str>;

/// A delay or jitter: `40ms`.
pub(super) fn delay(text: &str) -> Read<Duration> {
    const WANTED: &str = "a time up to 60s, as 40ms or 0.2ms";
    duration(text).filter(|time| *time <= LONGEST_DELAY).ok_or(WANTED)
}

/// A point in time, or a length: `10s`.
pub(super) fn time(text: &str) -> Read<Duration> {
    const WANTED: &str = "a time up to a year, as 250ms, 10s or 5m";
    duration(text).filter(|time| *time <= LONGEST).ok_or(WANTED)
}

/// How often something happens: `5s`.
pub(super) fn interval(text: &str) -> Read<Duration> {
    const WANTED: &str = "a time from 10ms to a year, as 250ms, 10s or 5m";
    time(text).ok().filter(|time| *time >= Duration::from_millis(10)).ok_or(WANTED)
}

/// A share: `5%`, or `0.05`.
pub(super) fn share(text: &str) -> Read<f64> {
    const WANTED: &str = "a share from 0% to 100%, as 5% or 0.05";
    let (number, of) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.parse().map(|number: f64| number / of);
    share.ok().filter(|share| (0.0..=1.0).contains(share)).ok_or(WANTED)
}

/// A mean length: `3`.
pub(super) fn burst(text: &str) -> Read<f64> {
    const WANTED: &str = "a mean number of packets from 1 to 10000, as 3";
    text.parse().ok().filter(|length| (1.0..=10_000.0).contains(length)).ok_or(WANTED)
}

/// Bits a second: `5mbit`, or `none`.
pub(super) fn rate(text: &str) -> Read<Option<u64>> {
    const WANTED: &str = "a rate from 1kbit to 100gbit, as 5mbit or 800kbit, or none";
    if text == "none" {
        return Ok(None);
    }
    let bits = whole(text, &RATES).filter(|bits| (1_000..=100_000_000_000).contains(bits));
    bits.map(Some).ok_or(WANTED)
}

/// A queue: `64KiB`, `250ms`, or `none` for the usual one.
pub(super) fn queue(text: &str) -> Read<Option<Queue>> {
    const WANTED: &str = "a size up to 1GiB, as 64KiB or 1MB, or a time, as 250ms, or none";
    if text == "none" {
        return Ok(None);
    }
    let bytes = whole(text, &SIZES).filter(|bytes| *bytes <= 1 << 30).map(Queue::Bytes);
    let time = || duration(text).filter(|time| *time <= LONGEST_DELAY).map(Queue::Time);
    bytes.or_else(time).map(Some).ok_or(WANTED)
}

/// The longest packet: `1280`, or `none`.
pub(super) fn mtu(text: &str) -> Read<Option<usize>> {
    const WANTED: &str = "a packet size from 68 to 65535 bytes, as 1280, or none";
    if text == "none" {
        return Ok(None);
    }
    let bytes = whole(text, &SIZES).filter(|bytes| (68..=65_535).contains(bytes));
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).map(Some).ok_or(WANTED)
}

/// Directions: `up`, `down`, `both`, `none`; nothing written is both.
pub(super) fn blocked(text: &str) -> Read<Blocked> {
    match text {
        "" | "both" => Ok(Blocked::Both),
        "up" => Ok(Blocked::Up),
        "down" => Ok(Blocked::Down),
        "none" => Ok(Blocked::Neither),
        _ => Err("up, down, both or none"),
    }
}

/// `yes` or `no`; nothing written is yes.
pub(super) fn switch(text: &str) -> Read<bool> {
    match text {
        "" | "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no"),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text, &DURATIONS)?;
    Duration::try_from_secs_f64(number * unit).ok()
}

fn whole(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let (number, unit) = split(text, units)?;
    let product = (number * unit).round();
    // From here on doubles have gaps.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and in the range that was looked at"
    )]
    (0.0..9e15).contains(&product).then_some(product as u64)
}

/// The number in `text`, and what its unit stands for. Units may be written in any case.
fn split(text: &str, units: &[(&str, f64)]) -> Option<(f64, f64)> {
    let number_ends = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(number_ends)?;
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    Some((number.parse().ok()?, *factor))
}

/// As [`delay`] and the others read it.
pub(super) fn write_duration(time: Duration) -> String {
    let nanos = time.as_nanos();
    let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
    let fitting = units.into_iter().find(|(_, unit)| nanos.is_multiple_of(*unit));
    let (name, unit) = fitting.unwrap_or(("ns", 1));
    format!("{}{name}", nanos / unit)
}

/// As [`share`] reads it: exactly, so where percent would not be, without.
pub(super) fn write_share(value: f64) -> String {
    let percent = format!("{}%", value * 100.0);
    // The shortest that reads the same.
    if share(&percent) == Ok(value) { percent } else { value.to_string() }
}

/// As [`rate`] reads it.
pub(super) fn write_rate(bits: u64) -> String {
    let units = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];
    let fitting = units.into_iter().find(|(_, unit)| bits.is_multiple_of(*unit));
    let (name, unit) = fitting.unwrap_or(("bit", 1));
    format!("{}{name}", bits / unit)
}

/// As [`queue`] reads it.
pub(super) fn write_queue(queue: Option<Queue>) -> String {
    match queue {
        None => "none".to_owned(),
        Some(Queue::Bytes(bytes)) => format!("{bytes}B"),
        Some(Queue::Time(time)) => write_duration(time),
    }
}

/// As [`blocked`] reads it.
pub(super) const fn write_blocked(blocked: Blocked) -> &'static str {
    match blocked {
        Blocked::Neither => "none",
        Blocked::Up => "up",
        Blocked::Down => "down",
        Blocked::Both => "both",
    }
}

/// As [`switch`] reads it.
pub(super) const fn write_switch(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

/// What there is, or `none`.
pub(super) fn write_option(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_contracts_units_are_read() {
        assert_eq!(time("250ms"), Ok(ms(250)));
        assert_eq!(time("10s"), Ok(ms(10_000)));
        assert_eq!(time("5m"), Ok(ms(300_000)));
        assert_eq!(delay("0.2ms"), Ok(Duration::from_micros(200)));
        assert_eq!(rate("5mbit"), Ok(Some(5_000_000)));
        assert_eq!(rate("0.5Mbit"), Ok(Some(500_000)));
        assert_eq!(rate("800kbit"), Ok(Some(800_000)));
        assert_eq!(queue("64KiB"), Ok(Some(Queue::Bytes(65_536))));
        assert_eq!(queue("1MB"), Ok(Some(Queue::Bytes(1_000_000))));
        assert_eq!(queue("250ms"), Ok(Some(Queue::Time(ms(250)))));
        assert_eq!(mtu("1280"), Ok(Some(1_280)));
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.3%"), Ok(0.003));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for wrong in ["", "40", "ms", "-1ms", "61s", "1e3ms", "NaNs", "infs", "4 0ms", "40µs", "."]
        {
            assert!(delay(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "101%", "-1%", "NaN", "inf", "5 %", "%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "5", "0mbit", "5mb", "999gbit", "-5mbit"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        assert!(burst("0.5").is_err() && burst("NaN").is_err() && mtu("10").is_err());
        assert!(interval("9ms").is_err() && queue("2GiB").is_err() && blocked("left").is_err());
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for micros in [0, 200, 1_500, 40_000, 3_000_000, 7] {
            let time = Duration::from_micros(micros);
            assert_eq!(delay(&write_duration(time)), Ok(time));
        }
        for thousandths in 0..=1_000 {
            let value = f64::from(thousandths) / 1_000.0;
            assert_eq!(share(&write_share(value)), Ok(value));
        }
        for bits in [1_000, 1_001, 500_000, 8_000_000, 1_000_000_000] {
            assert_eq!(rate(&write_rate(bits)), Ok(Some(bits)));
        }
        assert_eq!(write_share(0.05), "5%");
        assert_eq!(write_rate(500_000), "500kbit");
        assert_eq!(write_duration(ms(40)), "40ms");
    }
}
