//! The page of limits says what the code says: every constant has its row, every row its constant.

mod constant;
mod expression;
mod value;

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::pages;
use crate::source;
use constant::Constant;
use expression::Names;
use value::Value;

const PAGE: &str = "docs/limits.md";
const FILE: &str = "crates/biplane-wire/src/limits.rs";

/// What the limits name from elsewhere: how, and where it stands.
const ELSEWHERE: &[(&str, &str, &str)] =
    &[("Header::LEN", "crates/biplane-wire/src/header.rs", "LEN")];

/// Every constant and row without its like.
///
/// # Errors
///
/// If a file cannot be read or a value not be worked out.
pub(super) fn violations() -> Result<Vec<String>> {
    let (_, page) = source::document(PAGE)?;
    let (_, text) = source::document(FILE)?;
    let values = values(constant::all(&text), elsewhere()?)?;
    Ok(differences(&values, &rows(&page)))
}

fn elsewhere() -> Result<Names> {
    let mut names = Names::default();
    for (path, file, name) in ELSEWHERE {
        let (_, text) = source::document(file)?;
        let constants = constant::all(&text);
        let constant = constants.into_iter().find(|constant| constant.name == *name);
        let constant = constant.with_context(|| format!("{file}: no {name}"))?;
        let value = names.value_of(&constant.expression)?;
        names.insert((*path).to_owned(), value);
    }
    Ok(names)
}

/// Works out each constant.
fn values(constants: Vec<Constant>, mut names: Names) -> Result<Vec<(Constant, Value)>> {
    let mut all = Vec::new();
    // A constant may name one that stands below it.
    let mut open = constants;
    while !open.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|constant| names.knows_all_of(&constant.expression));
        let stuck = rest.first().filter(|_| ready.is_empty());
        for constant in ready.into_iter().chain(stuck.cloned()) {
            let value = names
                .value_of(&constant.expression)
                .with_context(|| format!("{FILE}: {}", constant.name))?;
            names.insert(constant.name.clone(), value);
            all.push((constant, value));
        }
        open = rest;
    }
    Ok(all)
}

/// One row of the page.
#[derive(Debug, Eq, PartialEq)]
struct Row<'a> {
    unit: &'a str,
    default: &'a str,
    range: &'a str,
}

/// The page's rows, by the name of the constant.
fn rows(page: &str) -> BTreeMap<&str, Row<'_>> {
    page.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<(&str, Row<'_>)> {
    let cells = pages::cells(line)?;
    let [name, _, unit, default, range] = cells.as_slice() else { return None };
    let name = name.strip_prefix('`')?.strip_suffix('`')?;
    Some((name, Row { unit, default, range }))
}

fn differences(code: &[(Constant, Value)], rows: &BTreeMap<&str, Row<'_>>) -> Vec<String> {
    let mut found: Vec<String> = code
        .iter()
        .filter_map(|(constant, value)| {
            difference(constant, *value, rows.get(constant.name.as_str()))
        })
        .collect();
    let known = |name: &str| code.iter().any(|(constant, _)| constant.name == name);
    let stale = rows.keys().filter(|name| !known(name));
    found.extend(stale.map(|name| format!("{PAGE}: `{name}` is no constant any more")));
    found
}

fn difference(constant: &Constant, value: Value, row: Option<&Row<'_>>) -> Option<String> {
    let Constant { name, doc, .. } = constant;
    let Some(row) = row else {
        let (unit, default) = (value.likely_unit(), value.shown(value.likely_unit()));
        return Some(format!(
            "{PAGE}: no row; write: | `{name}` | {doc} | {unit} | {default} | fixed |"
        ));
    };
    let wanted = value.shown(row.unit);
    if row.default != wanted {
        return Some(format!("{PAGE}: `{name}` is {wanted} in the code, {} here", row.default));
    }
    let unit_is_wrong = row.unit.is_empty() || (row.unit == "time") != value.is_time();
    if unit_is_wrong {
        return Some(format!("{PAGE}: `{name}` is not counted in `{}`", row.unit));
    }
    row.range.is_empty().then(|| format!("{PAGE}: `{name}` has no range (`fixed` if it is)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str, page: &str) -> Vec<String> {
        let values = values(constant::all(code), Names::default()).unwrap();
        differences(&values, &rows(page))
    }

    #[test]
    fn the_page_says_what_the_code_says() {
        let breaches = violations().unwrap();
        assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    }

    #[test]
    fn a_row_that_agrees_is_silent() {
        let code = "/// Doc.\npub const B: usize = 2 * C;\n/// Doc.\npub const C: usize = 1_024;\n";
        let page = "# A\n| `B` | x | bytes | 2 KiB | fixed |\n## D\n| `C` | x | items | 1,024 | 1 to 2 |\n";
        assert!(told(code, page).is_empty());
    }

    #[test]
    fn both_ways_are_told() {
        let code = "/// How many.\npub const B: usize = 7;\n";
        let missing = told(code, "# A\n");
        assert!(missing[0].ends_with("| `B` | How many. |  | 7 | fixed |"), "{missing:?}");
        let stale = told("", "| `B` | x | items | 7 | fixed |\n");
        assert!(stale[0].contains("`B` is no constant any more"), "{stale:?}");
    }

    #[test]
    fn default_unit_and_range_are_compared() {
        let code = "/// Doc.\npub const B: usize = 7;\n";
        for row in ["items | 8 | fixed", "time | 7 | fixed", " | 7 | fixed", "items | 7 | "] {
            let page = format!("| `B` | x | {row} |\n");
            assert_eq!(told(code, &page).len(), 1, "{row}");
        }
    }

    #[test]
    fn what_names_nothing_known_is_an_error() {
        let constants = constant::all("/// Doc.\npub const B: usize = elsewhere::C;\n");
        assert!(values(constants, Names::default()).is_err());
    }
}
