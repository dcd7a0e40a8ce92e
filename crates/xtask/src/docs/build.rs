//! Builds the book, and the API docs into a folder of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::child::{Finished, Invocation, deadline_in};
use crate::place;

/// Folder of the built book in the target folder.
pub(super) const BOOK: &str = "book";
/// Folder of the API docs in that of the book.
pub(super) const API: &str = "api";
pub(super) const TIMEOUT: Duration = Duration::from_secs(1800);
/// How much of what a failing build said is shown.
pub(super) const TAIL: usize = 30;

const MDBOOK: &str = "mdbook build docs --dest-dir target/book";
/// As `cargo xtask ci` runs it, so that the second finds the work of the first.
const RUSTDOC: &str = "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked";
/// What rustdoc shares between crates.
const SHARED: [&str; 5] = ["static.files", "search.index", "src", "trait.impl", "type.impl"];
/// What mdBook copies because it lies beside the pages, and nobody needs.
const LEFT_OVER: [&str; 1] = ["book.toml"];

/// Builds the book; what is wrong with it.
///
/// # Errors
///
/// If mdBook cannot be started.
pub(super) fn book() -> Result<Vec<String>> {
    let finished = Invocation::new(MDBOOK).finish_by(deadline_in(TIMEOUT))?;
    for name in LEFT_OVER {
        // It is not there if the build failed, and that is told below.
        fs::remove_file(place::target().join(BOOK).join(name)).ok();
    }
    if !finished.succeeded() {
        return Ok(vec![last_words(MDBOOK, &finished)]);
    }
    // A snippet that is not found is an error on its lips, and yet it ends with status 0.
    Ok(complaints(&finished.stderr).chain(complaints(&finished.stdout)).collect())
}

fn complaints(said: &str) -> impl Iterator<Item = String> {
    let lines = said.lines().map(str::trim);
    lines.filter(|line| line.starts_with("ERROR") || line.starts_with("WARN")).map(str::to_owned)
}

/// Builds the API docs and puts them beside the book; what is wrong with them.
///
/// # Errors
///
/// If cargo cannot be started or the docs not be copied.
pub(super) fn api() -> Result<Vec<String>> {
    let finished = Invocation::new(RUSTDOC).finish_by(deadline_in(TIMEOUT))?;
    if !finished.succeeded() {
        return Ok(vec![last_words(RUSTDOC, &finished)]);
    }
    let from = place::target().join("doc");
    let to = place::target().join(BOOK).join(API);
    let ours = crates()?;
    for name in SHARED.into_iter().map(str::to_owned).chain(ours.iter().cloned()) {
        copy(&from.join(&name), &to.join(&name))?;
    }
    copy_files(&from, &to)?;
    Ok(Vec::new())
}

/// The names rustdoc gives our crates.
fn crates() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in ["crates", "examples"] {
        for entry in fs::read_dir(place::root().join(folder))? {
            names.push(entry?.file_name().to_string_lossy().replace('-', "_"));
        }
    }
    Ok(names)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // Not every crate has docs, and not every rustdoc writes every folder.
    if !from.is_dir() {
        return Ok(());
    }
    copy_files(from, to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Copies the files of one folder, not those below.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn last_words(line: &str, finished: &Finished) -> String {
    format!("`{line}`: {}\n{}", finished.exit, finished.tail(TAIL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mdbook_complains_of_is_a_breach_whatever_its_status() {
        let said = " INFO Book building has started\nERROR Error updating x\n WARN Caused By: y\n";
        assert!(complaints(said).eq(["ERROR Error updating x", "WARN Caused By: y"]));
    }

    #[test]
    fn our_crates_are_known_by_the_names_of_their_docs() {
        let names = crates().unwrap();
        for name in ["biplane", "biplane_proto", "hello", "xtask"] {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
    }
}
