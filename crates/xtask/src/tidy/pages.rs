//! The documents: the README and the pages of the book.

use std::fs;

use anyhow::{Context, Result};

use crate::{place, source};

/// Every document's name from the top of the checkout, and its text; sorted.
///
/// # Errors
///
/// If one cannot be read.
pub(super) fn all() -> Result<Vec<(String, String)>> {
    let mut names = vec!["README.md".to_owned()];
    let folder = place::root().join("docs");
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names.iter().map(|name| source::document(name)).collect()
}

/// The cells of a table's row; `None` if `line` is none.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_and_book_are_found() {
        let all = all().unwrap();
        for name in ["README.md", "docs/PROTOCOL.md", "docs/SUMMARY.md"] {
            assert!(all.iter().any(|(found, _)| found == name), "{name}");
        }
    }

    #[test]
    fn a_row_has_cells() {
        assert_eq!(cells("| `a` | b |  |"), Some(vec!["`a`", "b", ""]));
        assert_eq!(cells("a | b"), None);
    }
}
