//! Links whose capacity changes, made for a gate: files in Mahimahi's format.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use crate::place;

/// What crosses at each moment that a file names, in bits.
const CHANCE: f64 = 12_000.0;
/// Writes a link that carries `rate` mbit/s at each second of `seconds`, and then begins again;
/// returns the file's path, which is the same wherever it is read.
pub(super) fn write(name: &str, seconds: u32, rate: impl Fn(f64) -> f64) -> Result<String> {
    let file = place::scratch(&format!("link-{name}"))?;
    fs::write(&file, trace(seconds, rate)).with_context(|| file.display().to_string())?;
    Ok(file.display().to_string())
}

fn trace(seconds: u32, rate: impl Fn(f64) -> f64) -> String {
    let (mut text, mut bits) = (String::new(), 0.0);
    for ms in 1..=seconds * 1_000 {
        bits += rate(f64::from(ms) / 1e3) * 1e3;
        while bits >= CHANCE {
            bits -= CHANCE;
            // Writing to a string cannot fail.
            writeln!(text, "{ms}").ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_from_wherever_it_is_read() {
        let file = write("test", 1, |_| 12.0).unwrap();
        assert!(std::path::Path::new(&file).is_absolute(), "{file}");
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1_000);
    }

    #[test]
    fn a_link_has_a_line_for_every_1500_bytes() {
        assert_eq!(trace(1, |_| 12.0).lines().count(), 1_000);
        let halved = trace(2, |at| if at <= 1.0 { 12.0 } else { 6.0 });
        assert_eq!(halved.lines().count(), 1_500);
        assert_eq!(halved.lines().last(), Some("2000"));
    }
}
