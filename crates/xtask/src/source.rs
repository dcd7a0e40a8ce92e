//! Rules of the source that no lint knows: who may read the clock, what every file begins with,
//! which lints a library switches on.
//!
//! The rules judge text; this file finds the text.

mod production;
mod root_lints;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::place;

/// The crates whose users see only their interface.
const LIBRARIES: [&str; 6] =
    ["biplane-wire", "biplane-proto", "biplane-net", "biplane", "biplane-sim", "biplane-link"];
/// Those that forbid what the workspace only denies.
const WITHOUT_UNSAFE: [&str; 3] = ["biplane-wire", "biplane-proto", "biplane-sim"];
/// The files that read the clock: one in each library that meets the world.
const CLOCKS: [&str; 2] = ["crates/biplane-net/src/clock.rs", "crates/biplane-link/src/clock.rs"];

/// Every breach of the rules for single files, one sentence each.
///
/// # Errors
///
/// If the checkout cannot be read.
pub(crate) fn violations() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (name, text) in texts()? {
        found.extend(breaches(&name, &text).into_iter().map(|breach| format!("{name}{breach}")));
    }
    Ok(found)
}

/// Every lint a library root fails to switch on, one sentence each.
///
/// # Errors
///
/// If a library has no root.
pub(crate) fn root_violations() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for library in LIBRARIES {
        let (name, text) = read(&place::root().join(format!("crates/{library}/src/lib.rs")))?;
        let missing = root_lints::missing(&text, WITHOUT_UNSAFE.contains(&library));
        found.extend(missing.into_iter().map(|lint| format!("{name}: no {lint}")));
    }
    Ok(found)
}

/// What is wrong with one file, each as what follows the file's name.
fn breaches(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(rules::undocumented(text));
    if must_take_time_as_an_argument(name) {
        found.extend(rules::clock_readings(text));
    }
    found
}

fn must_take_time_as_an_argument(name: &str) -> bool {
    let of_library =
        LIBRARIES.iter().any(|library| name.starts_with(&format!("crates/{library}/src/")));
    of_library && !CLOCKS.contains(&name) && !is_test_file(name)
}

/// Whether a file holds tests alone.
pub(crate) fn is_test_file(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

/// Every Rust file of the crates and examples: its name from the top of the checkout, and its text.
///
/// # Errors
///
/// If the checkout cannot be read.
pub(crate) fn texts() -> Result<Vec<(String, String)>> {
    files()?.iter().map(|file| read(file)).collect()
}

/// The file of that name from the top of the checkout.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn document(name: &str) -> Result<(String, String)> {
    read(&place::root().join(name))
}

/// The lines of a file that ship.
pub(crate) fn shipped(text: &str) -> String {
    production::lines(text).map(|(_, line)| format!("{line}\n")).collect()
}

/// How many lines of a file ship.
pub(crate) fn shipped_lines(text: &str) -> usize {
    production::lines(text).count()
}

/// Every Rust file of the crates and examples, sorted.
fn files() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in ["crates", "examples"] {
        collect(&place::root().join(folder), &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// A file's name from the top of the checkout, and its text.
fn read(path: &Path) -> Result<(String, String)> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let name = path.strip_prefix(place::root()).unwrap_or(path);
    Ok((name.display().to_string(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READS: &str = "//! Doc.\nfn now() -> Instant {\n    Instant::now()\n}\n";

    #[test]
    fn only_the_libraries_must_take_time_as_an_argument() {
        assert_eq!(breaches("crates/biplane-proto/src/session.rs", READS).len(), 1);
        assert_eq!(breaches("crates/biplane/src/pending.rs", READS).len(), 1);
        assert!(breaches("crates/xtask/src/gate.rs", READS).is_empty());
        assert!(breaches("examples/lobby/src/main.rs", READS).is_empty());
        assert!(breaches("crates/biplane/examples/idle_tick.rs", READS).is_empty());
    }

    #[test]
    fn the_clock_and_the_tests_may_read_the_time() {
        assert!(CLOCKS.iter().all(|clock| breaches(clock, READS).is_empty()));
        assert!(breaches("crates/biplane-proto/src/session/tests.rs", READS).is_empty());
        assert!(breaches("crates/biplane-net/tests/all/main.rs", READS).is_empty());
        assert_eq!(breaches("crates/biplane-proto/src/clock.rs", READS).len(), 1);
    }

    #[test]
    fn every_file_begins_with_its_doc_tests_too() {
        for name in ["crates/xtask/src/main.rs", "crates/biplane-proto/src/session/tests.rs"] {
            assert_eq!(breaches(name, "use std::fs;\n").len(), 1, "{name}");
        }
    }

    #[test]
    fn our_own_files_are_found() {
        let names: Vec<PathBuf> = files().unwrap();
        assert!(names.iter().any(|name| name.ends_with("crates/xtask/src/source/rules.rs")));
    }
}
