//! Every path of the checkout that a document names exists.

use std::collections::BTreeSet;

use anyhow::Result;

use super::pages;
use crate::place;

/// How a path begins that means one of ours.
const FOLDERS: [&str; 3] = ["crates/", "docs/", "examples/"];

/// Every named path that is not there.
///
/// # Errors
///
/// If a document cannot be read.
pub(super) fn violations() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (name, text) in pages::all()? {
        let gone = named(&text).into_iter().filter(|path| !place::root().join(path).exists());
        found.extend(gone.map(|path| format!("{name}: `{path}` does not exist")));
    }
    Ok(found)
}

/// The paths that `text` names, each once.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !is_of_a_path(character));
    words.filter_map(ours).collect()
}

fn ours(word: &str) -> Option<&str> {
    let path = word.trim_start_matches("../");
    let path = path.trim_end_matches(['.', '/', '-']);
    FOLDERS.iter().any(|folder| path.starts_with(folder)).then_some(path)
}

fn is_of_a_path(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '/' | '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_prose_links_tables_and_inclusions() {
        let text = "See docs/A.md. [x](docs/B.md#c), `examples/hello`, {{#include ../crates/d/e.rs:f}}\n\
                    | `crates/g/` |";
        let wanted = ["crates/d/e.rs", "crates/g", "docs/A.md", "docs/B.md", "examples/hello"];
        assert!(named(text).into_iter().eq(wanted));
    }

    #[test]
    fn what_only_looks_like_a_path_of_ours_is_none() {
        for text in ["target/docs/x", "https://a.b/docs/c", "examples", "the docs/", "mycrates/x"] {
            assert!(named(text).is_empty(), "{text}");
        }
    }
}
