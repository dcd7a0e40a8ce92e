//! The measured pages: what is run, and how its figures become the tables between two markers.
//!
//! A table stands between `<!-- measured: NAME -->` and `<!-- end -->`, where NAME is a workload of
//! `biplane-bench`, `doctor` for the matrix of `biplane doctor`, one of `sweep`, which also draws, or
//! `planes`, which draws too.

mod flights;
mod sweep;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::build::TAIL;
use crate::child::{Invocation, deadline_in};
use crate::place;

/// A build, and the longest run there is.
const TIMEOUT: Duration = Duration::from_secs(7200);

const BUILDS: [&str; 2] = [
    "cargo build --release --locked --manifest-path crates/biplane-bench/Cargo.toml \
     --target-dir target/",
    "cargo build --release --locked -p biplane-cli",
];
/// What a reader types, and what is run: it was just built.
const BENCH: [&str; 2] = [
    "cargo run --release --manifest-path crates/biplane-bench/Cargo.toml -- \
     all --rounds 3 --seconds 1",
    "target/release/biplane-bench all --rounds 3 --seconds 1 --json",
];
const DOCTOR: [&str; 2] =
    ["cargo run --release -p biplane-cli -- doctor", "target/release/biplane doctor --json"];

const BEGIN: &str = "<!-- measured: ";
const BEGIN_END: &str = " -->\n";
const END: &str = "<!-- end -->";

/// Runs everything and writes every table anew; what could not be measured.
///
/// # Errors
///
/// If nothing can be built, or a page not be written.
pub(super) fn pages() -> Result<Vec<String>> {
    for line in BUILDS.iter().chain(&flights::BUILDS) {
        run(line)?;
    }
    let (mut tables, mut failed) = (BTreeMap::new(), Vec::new());
    let mut measure =
        |[typed, line]: [&str; 2], told: fn(&Value) -> Vec<table::Named>| match run(line)
            .and_then(|said| Ok(serde_json::from_str::<Value>(&said)?))
        {
            Ok(document) => {
                let origin = format!("`{typed}`, {}.\n", machine());
                for (name, table) in told(&document) {
                    match table {
                        Ok(table) => drop(tables.insert(name, format!("{table}\n{origin}"))),
                        Err(why) => failed.push(format!("{name}: no table is made: {why}")),
                    }
                }
            }
            Err(error) => failed.push(format!("{line}: {error:#}")),
        };
    measure(BENCH, table::of_comparisons);
    measure(DOCTOR, table::of_doctor);
    for sweep in sweep::ALL {
        match sweep.measure() {
            Ok(table) => {
                let origin = format!("`{} N`, {}.\n", sweep.command, machine());
                tables.insert(sweep.name.to_owned(), format!("{table}\n{origin}"));
            }
            Err(error) => failed.push(format!("{}: {error:#}", sweep.name)),
        }
    }
    match flights::measure() {
        Ok(table) => drop(tables.insert(flights::NAME.to_owned(), table)),
        Err(error) => failed.push(format!("{}: {error:#}", flights::NAME)),
    }
    failed.extend(write(&tables)?);
    Ok(failed)
}

/// Measures what becomes of sessions whose planes die, and writes that table alone anew.
///
/// # Errors
///
/// If nothing can be built, or the page not be written.
pub(super) fn planes() -> Result<Vec<String>> {
    for line in flights::BUILDS {
        run(line)?;
    }
    let page = place::root().join("docs/planes.md");
    let text = fs::read_to_string(&page)?;
    let tables = BTreeMap::from([(flights::NAME.to_owned(), flights::measure()?)]);
    let (new, found) = fill(&text, &tables);
    fs::write(&page, new)?;
    Ok(if found.filled.is_empty() { vec!["the page has no place for it".into()] } else { vec![] })
}

/// What a command says on standard output; 1 is a status that it may end with.
fn run(line: &str) -> Result<String> {
    let finished = Invocation::new(line).finish_by(deadline_in(TIMEOUT))?;
    if finished.succeeded() || finished.stdout.starts_with(['{', '[']) {
        return Ok(finished.stdout);
    }
    bail!("{}\n{}", finished.exit, finished.tail(TAIL))
}

/// The date, the processors and the kernel.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let models = processors.lines().filter_map(|line| line.strip_prefix("model name"));
    let models: Vec<&str> = models.map(|rest| rest.trim_start_matches([' ', '\t', ':'])).collect();
    let date = run("date -u +%Y-%m-%d").unwrap_or_default();
    format!(
        "{}, on {} processors ({}), Linux {}",
        date.trim(),
        models.len(),
        models.first().unwrap_or(&"unknown"),
        read("/proc/sys/kernel/osrelease").trim(),
    )
}

/// Puts the tables where their markers are; what has a marker and no table, or the other way.
fn write(tables: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let folder = place::root().join("docs");
    let (mut unfilled, mut filled) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let (new, page) = fill(&text, tables);
        if new != text {
            fs::write(&path, new).with_context(|| path.display().to_string())?;
        }
        unfilled.extend(page.unfilled.iter().map(|name| format!("{name}: not measured")));
        filled.extend(page.filled);
    }
    let homeless = tables.keys().filter(|name| !filled.contains(name));
    unfilled.extend(homeless.map(|name| format!("{name}: no page has a place for it")));
    Ok(unfilled)
}

/// Names that a page has places for.
#[derive(Debug, Default, Eq, PartialEq)]
struct Page {
    filled: Vec<String>,
    unfilled: Vec<String>,
}

/// The text with every table in its place; what was there before stays where there is none.
fn fill(text: &str, tables: &BTreeMap<String, String>) -> (String, Page) {
    let (mut new, mut page, mut rest) = (String::new(), Page::default(), text);
    while let Some((before, name, old, after)) = place(rest) {
        let table = tables.get(name);
        let names = if table.is_some() { &mut page.filled } else { &mut page.unfilled };
        names.push(name.to_owned());
        let table = table.map_or_else(|| old.to_owned(), |table| format!("\n{table}\n"));
        new.push_str(&format!("{before}{BEGIN}{name}{BEGIN_END}{table}{END}"));
        rest = after;
    }
    (new + rest, page)
}

/// What is before the first place, its name, what is in it, and what is after it.
fn place(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (name, rest) = rest.split_once(BEGIN_END)?;
    let (old, after) = rest.split_once(END)?;
    Some((before, name, old, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_put_in_its_place_and_nothing_else_changes() {
        let tables = BTreeMap::from([("echo".to_owned(), "| new |\n".to_owned())]);
        let text = "a\n<!-- measured: echo -->\n\n| old |\n\n<!-- end -->\nb\n\
                    <!-- measured: game -->\nold\n<!-- end -->\n";
        let (new, page) = fill(text, &tables);
        let wanted = "a\n<!-- measured: echo -->\n\n| new |\n\n<!-- end -->\nb\n\
                      <!-- measured: game -->\nold\n<!-- end -->\n";
        assert_eq!(new, wanted);
        assert_eq!(
            (page.filled.as_slice(), page.unfilled.as_slice()),
            (&["echo".to_owned()][..], &["game".to_owned()][..],)
        );
        assert_eq!(fill(&new, &tables).0, new, "twice is once");
    }
}
