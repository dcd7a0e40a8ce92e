//! What git keeps is source: nothing that was built, and nothing large.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::place;

/// The longest file that may be kept, in bytes: the lock files take two thirds of it.
const LONGEST: u64 = 64 * 1024;

/// Every file of the checkout that should not be kept.
///
/// # Errors
///
/// If git does not say which are. Outside of a repository nothing is kept.
pub(super) fn violations() -> Result<Vec<String>> {
    let root = place::root();
    if !root.join(".git").exists() {
        return Ok(Vec::new());
    }
    let list = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output();
    let list = list.context("git ls-files")?;
    ensure!(list.status.success(), "git ls-files ended with {}", list.status);
    let names = String::from_utf8(list.stdout).context("names of files")?;
    // What was deleted and is listed still has no length.
    let length = |name: &str| fs::symlink_metadata(root.join(name)).map_or(0, |file| file.len());
    let names = names.split('\0').filter(|name| !name.is_empty());
    Ok(names.filter_map(|name| breach(name, length(name))).collect())
}

fn breach(name: &str, length: u64) -> Option<String> {
    let is_built = |folder: &Path| folder.file_name().is_some_and(|name| is_output(name.to_str()));
    if Path::new(name).ancestors().skip(1).any(is_built) {
        return Some(format!("{name} was built"));
    }
    (length > LONGEST).then(|| format!("{name} has {length} bytes, {LONGEST} are allowed"))
}

/// Whether a folder is cargo's.
fn is_output(name: Option<&str>) -> bool {
    name.is_some_and(|name| name == "target" || name.starts_with("target-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_built_and_what_is_large_is_not_kept() {
        assert!(breach("target-dbg/release/build/x", 1).is_some());
        assert!(breach("crates/fuzz/target/debug/x", 1).is_some());
        assert!(breach("docs/film.mp4", LONGEST + 1).is_some());
        assert_eq!(breach("crates/biplane-net/src/targets.rs", LONGEST), None);
        assert_eq!(breach("docs/target.md", 1), None);
    }
}
