//! The rules for one file's text. Each breach is written as what follows the file's name.

use super::production;

/// What reads a clock or waits for one.
const CLOCK_READINGS: [&str; 4] =
    ["Instant::now", "SystemTime::now", "thread::sleep", "time::sleep"];

/// A file that does not begin with a module doc.
pub(super) fn undocumented(text: &str) -> Option<String> {
    (!text.starts_with("//!")).then(|| ": does not begin with a module doc (`//!`)".to_owned())
}

/// Every line that ships and reads a clock or sleeps.
pub(super) fn clock_readings(text: &str) -> Vec<String> {
    let code = production::lines(text).map(|(number, line)| (number, without_comment(line)));
    code.filter_map(|(number, line)| {
        let reading = reading_in(line)?;
        Some(format!(":{number}: `{reading}`; time is an argument, one file reads the clock"))
    })
    .collect()
}

fn reading_in(line: &str) -> Option<&'static str> {
    let called = CLOCK_READINGS.into_iter().find(|reading| contains_word(line, reading));
    // `use std::thread::{self, sleep}` would hide the call behind a bare name.
    let imported = line.trim_start().starts_with("use ") && contains_word(line, "sleep");
    called.or_else(|| imported.then_some("sleep"))
}

/// Whether `word` stands in `line` as a whole: `sleep_until` is not `sleep`.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).and_then(|before| before.chars().next_back());
        let after = line.get(start + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_of_a_name) && !after.is_some_and(is_of_a_name)
    })
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(text: &str) -> usize {
        clock_readings(text).len()
    }

    #[test]
    fn every_way_to_read_the_time_is_refused() {
        for line in [
            "let now = Instant::now();",
            "let now = std::time::SystemTime::now();",
            "std::thread::sleep(wait);",
            "tokio::time::sleep(wait).await;",
            "let now = tokio::time::Instant::now();",
            "deadline.unwrap_or_else(Instant::now)",
            "use std::thread::{self, sleep};",
        ] {
            assert_eq!(readings(line), 1, "{line}");
        }
    }

    #[test]
    fn a_breach_names_its_line() {
        let told = clock_readings("//! Doc.\n\nfn a() { Instant::now(); }");
        assert!(told[0].starts_with(":3: `Instant::now`"), "{told:?}");
    }

    #[test]
    fn time_that_comes_as_an_argument_is_welcome() {
        for line in [
            "fn poll(&mut self, now: Instant) {",
            "tokio::time::sleep_until(deadline).await;",
            "MyInstant::now()",
            "Instant::nowhere()",
            "    // Instant::now() would make runs differ",
            "//! Nothing here calls `Instant::now`.",
        ] {
            assert_eq!(readings(line), 0, "{line}");
        }
    }

    #[test]
    fn tests_may_read_the_time() {
        let text = "#[cfg(test)]\nmod tests {\n    fn a() {\n        Instant::now();\n    }\n}\n";
        assert_eq!(readings(text), 0);
        assert_eq!(readings(&format!("{text}fn b() {{ Instant::now(); }}")), 1);
    }

    #[test]
    fn a_file_begins_with_its_doc() {
        assert_eq!(undocumented("//! Doc.\n"), None);
        assert!(undocumented("").is_some());
        assert!(undocumented("// Comment.\n//! Doc.\n").is_some());
        assert!(undocumented("#![warn(missing_docs)]\n//! Doc.\n").is_some());
    }
}
