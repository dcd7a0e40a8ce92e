//! Every dependency is a decision: the table of `docs/DECISIONS.md` names them all, and no other.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{packages, pages};
use crate::source;

const PAGE: &str = "docs/DECISIONS.md";
const SECTION: &str = "## Dependencies";

/// Every dependency without a line, and every line without a dependency.
///
/// # Errors
///
/// If the page or the manifests cannot be read.
pub(super) fn violations() -> Result<Vec<String>> {
    let (_, page) = source::document(PAGE)?;
    let all = packages::all()?;
    let ours = all.iter().filter(|package| package.source.is_none());
    let asked: BTreeSet<&str> =
        ours.flat_map(|package| &package.asks_for).map(String::as_str).collect();
    Ok(differences(&asked, &named(&page)))
}

fn differences(asked: &BTreeSet<&str>, named: &BTreeSet<&str>) -> Vec<String> {
    let unexplained = asked.difference(named);
    let unexplained = unexplained.map(|name| format!("`{name}` has no line in {PAGE}"));
    let unused = named.difference(asked);
    let unused = unused.map(|name| format!("`{name}` has a line in {PAGE} and is not used"));
    unexplained.chain(unused).collect()
}

/// The names in the first column of the section's table.
fn named(page: &str) -> BTreeSet<&str> {
    let section = page.split_once(SECTION).map_or("", |(_, section)| section);
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(pages::cells);
    cells.filter_map(|cells| cells.first().copied()).flat_map(names).collect()
}

/// Whatever stands in backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_first_column_in_the_section() {
        let page = "| `x` | |\n## Dependencies\n\n| crate | for |\n|---|---|\n| `a`, `b-c` | `y` |\n\n## More\n| `z` | |\n";
        assert!(named(page).into_iter().eq(["a", "b-c"]));
    }

    #[test]
    fn both_ways_are_told() {
        let told = differences(&BTreeSet::from(["a", "b"]), &BTreeSet::from(["b", "c"]));
        assert_eq!(told.len(), 2);
        assert!(told[0].contains("`a` has no line"), "{told:?}");
        assert!(told[1].contains("`c` has a line"), "{told:?}");
    }
}
