//! How large a file, a function, a struct and an argument list may be.
//!
//! A ratchet: what is larger stands in `exceptions` with its exact size, and may only shrink.

use std::collections::BTreeSet;

use anyhow::Result;

use super::exceptions::{OVERSIZE, Oversize};
use super::rust;
use crate::source;

const FILE_LINES: usize = 700;
const FILE_LINES_MEDIAN: usize = 200;
const FUNCTION_LINES: usize = 70;
const FUNCTION_LINES_MEDIAN: usize = 10;
const STRUCT_FIELDS: usize = 12;
const ARGUMENTS: usize = 5;
const README_LINES: usize = 150;

/// Something that has been measured.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Measured {
    place: String,
    size: usize,
    cap: usize,
    unit: &'static str,
}

/// Everything that is too large, and every exception that is too generous.
///
/// # Errors
///
/// If the checkout cannot be read.
pub(super) fn violations() -> Result<Vec<String>> {
    let (mut all, mut files, mut functions) = (Vec::new(), Vec::new(), Vec::new());
    for (name, text) in source::texts()? {
        if !source::is_test_file(&name) {
            files.push(source::shipped_lines(&text));
            functions.extend(rust::functions(&source::shipped(&text)).iter().map(|one| one.lines));
        }
        all.extend(measured(&name, &text));
    }
    all.extend(readme()?);
    let mut found = breaches(&all, OVERSIZE);
    found.extend(median_breach("files", files, FILE_LINES_MEDIAN));
    found.extend(median_breach("functions", functions, FUNCTION_LINES_MEDIAN));
    Ok(found)
}

fn readme() -> Result<Vec<Measured>> {
    let (place, text) = source::document("README.md")?;
    Ok(vec![Measured { place, size: text.lines().count(), cap: README_LINES, unit: "lines" }])
}

/// Every figure of one file.
fn measured(name: &str, text: &str) -> Vec<Measured> {
    let mut found = Vec::new();
    let mut add = |item: &str, size, cap, unit| {
        let place = if item.is_empty() { name.to_owned() } else { format!("{name} {item}") };
        found.push(Measured { place, size, cap, unit });
    };
    if !source::is_test_file(name) {
        add("", source::shipped_lines(text), FILE_LINES, "lines besides tests");
    }
    for function in rust::functions(text) {
        let item = format!("fn {}", function.name);
        add(&item, function.lines, FUNCTION_LINES, "lines");
        add(&item, function.arguments, ARGUMENTS, "arguments besides self");
    }
    for found in rust::structs(text) {
        add(&format!("struct {}", found.name), found.fields, STRUCT_FIELDS, "fields");
    }
    found
}

fn breaches(all: &[Measured], exceptions: &[Oversize]) -> Vec<String> {
    let mut needed = BTreeSet::new();
    let mut found = Vec::new();
    for one in all.iter().filter(|one| one.size > one.cap) {
        let Measured { place, size, cap, unit } = one;
        let exception = exceptions.iter().find(|exception| exception.place == place);
        needed.extend(exception.map(|exception| exception.place));
        match exception {
            None => found.push(format!("{place}: {size} {unit}, at most {cap}")),
            Some(exception) if exception.measures != *size => found.push(format!(
                "{place}: {size} {unit}, its exception says {} and may only shrink",
                exception.measures
            )),
            Some(_) => {}
        }
    }
    let idle = exceptions.iter().filter(|exception| !needed.contains(exception.place));
    found.extend(idle.map(|exception| {
        format!("{}: needs no exception any more ({})", exception.place, exception.reason)
    }));
    found
}

fn median_breach(of: &str, mut sizes: Vec<usize>, cap: usize) -> Option<String> {
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or_default();
    (median > cap).then(|| format!("{of}: {median} lines in the median, at most {cap}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "crates/x/src/a.rs";

    fn of(text: &str) -> Vec<String> {
        breaches(&measured(NAME, text), &[])
    }

    fn exception(measures: usize) -> [Oversize; 1] {
        [Oversize { place: "crates/x/src/a.rs fn b", measures, reason: "a table" }]
    }

    fn function_of(lines: usize) -> String {
        format!("fn b() {{\n{}}}\n", "    c();\n".repeat(lines - 2))
    }

    #[test]
    fn each_cap_is_reached_but_not_passed() {
        assert!(of(&function_of(FUNCTION_LINES)).is_empty());
        assert_eq!(
            of(&function_of(FUNCTION_LINES + 1)),
            ["crates/x/src/a.rs fn b: 71 lines, at most 70"]
        );
        let arguments = |count| format!("fn b(&self, {}) {{}}", "c: u8, ".repeat(count));
        assert!(of(&arguments(ARGUMENTS)).is_empty());
        assert_eq!(of(&arguments(ARGUMENTS + 1)).len(), 1);
        let fields = |count| format!("struct B {{\n{}}}\n", "    c: u8,\n".repeat(count));
        assert!(of(&fields(STRUCT_FIELDS)).is_empty());
        assert_eq!(of(&fields(STRUCT_FIELDS + 1)).len(), 1);
        assert!(of(&"x\n".repeat(FILE_LINES)).is_empty());
        assert_eq!(of(&"x\n".repeat(FILE_LINES + 1)).len(), 1);
    }

    #[test]
    fn tests_make_no_file_too_long() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    x\n".repeat(FILE_LINES));
        assert!(of(&tests).is_empty());
        let name = "crates/x/tests/x/main.rs";
        assert!(breaches(&measured(name, &"x\n".repeat(FILE_LINES + 1)), &[]).is_empty());
    }

    #[test]
    fn an_exception_says_the_exact_size_and_is_needed() {
        let large = measured(NAME, &function_of(80));
        assert!(breaches(&large, &exception(80)).is_empty());
        for measures in [79, 81] {
            assert_eq!(breaches(&large, &exception(measures)).len(), 1, "{measures}");
        }
        let told = breaches(&measured(NAME, &function_of(70)), &exception(80));
        assert_eq!(told, ["crates/x/src/a.rs fn b: needs no exception any more (a table)"]);
    }

    #[test]
    fn one_large_item_moves_no_median() {
        assert_eq!(median_breach("files", vec![5, 10, 900], 10), None);
        assert!(median_breach("files", vec![5, 11, 11], 10).is_some());
        assert_eq!(median_breach("files", Vec::new(), 10), None);
    }
}
