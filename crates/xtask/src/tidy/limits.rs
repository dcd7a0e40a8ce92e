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

/// One file of limits and its part of the page.
#[derive(Debug)]
struct Part {
    /// Heading of its section.
    heading: &'static str,
    file: &'static str,
    /// How other files name it.
    names: &'static [&'static str],
}

/// In order of dependency: a part may name those before it.
const PARTS: &[Part] = &[
    Part {
        heading: "## The wire format",
        file: "crates/biplane-wire/src/lib.rs",
        names: &["wire::", "biplane_wire::limits::"],
    },
    Part {
        heading: "## The core",
        file: "crates/biplane-proto/src/limits.rs",
        names: &["biplane_proto::limits::", "limits::", "proto::"],
    },
    Part {
        heading: "## Sockets and handshakes",
        file: "crates/biplane-net/src/limits.rs",
        names: &[],
    },
];

/// What the limits name from elsewhere: how, and where it stands.
const ELSEWHERE: &[(&str, &str, &str)] =
    &[("biplane_wire::Header::LEN", "crates/biplane-wire/src/header.rs", "LEN")];

/// Every constant and row without its like.
///
/// # Errors
///
/// If a file cannot be read or a value not be worked out.
pub(super) fn violations() -> Result<Vec<String>> {
    let (_, page) = source::document(PAGE)?;
    let mut names = elsewhere()?;
    let mut found = Vec::new();
    for part in PARTS {
        let (_, text) = source::document(part.file)?;
        let values = values(constant::all(constant::body(&text)), &mut names, part)?;
        found.extend(differences(&values, &rows(&page, part.heading)));
    }
    Ok(found)
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

/// Works out each constant, and leaves it in `names` as other parts write it.
fn values(
    constants: Vec<Constant>,
    names: &mut Names,
    part: &Part,
) -> Result<Vec<(Constant, Value)>> {
    let mut own = names.clone();
    let mut all = Vec::new();
    // A constant may name one that stands below it.
    let mut open = constants;
    while !open.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|constant| own.knows_all_of(&constant.expression));
        let stuck = rest.first().filter(|_| ready.is_empty());
        if let Some(constant) = stuck {
            own.value_of(&constant.expression)
                .with_context(|| format!("{}: {}", part.file, constant.name))?;
        }
        for constant in ready {
            let value = own
                .value_of(&constant.expression)
                .with_context(|| format!("{}: {}", part.file, constant.name))?;
            own.insert(constant.name.clone(), value);
            for prefix in part.names {
                names.insert(format!("{prefix}{}", constant.name), value);
            }
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

/// The rows under `heading`, by the name of the constant.
fn rows<'a>(page: &'a str, heading: &str) -> BTreeMap<&'a str, Row<'a>> {
    let section = page.split_once(heading).map_or("", |(_, section)| section);
    let section = section.split("\n## ").next().unwrap_or_default();
    section.lines().filter_map(row).collect()
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

    const PART: Part = Part { heading: "## A", file: "a.rs", names: &["a::"] };

    fn told(code: &str, page: &str) -> Vec<String> {
        let mut names = Names::default();
        let values = values(constant::all(code), &mut names, &PART).unwrap();
        differences(&values, &rows(page, PART.heading))
    }

    #[test]
    fn the_page_says_what_the_code_says() {
        let breaches = violations().unwrap();
        assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    }

    #[test]
    fn a_row_that_agrees_is_silent() {
        let code = "/// Doc.\npub const B: usize = 2 * C;\n/// Doc.\npub const C: usize = 1_024;\n";
        let page = "## A\n| `B` | x | bytes | 2 KiB | fixed |\n| `C` | x | items | 1,024 | 1 to 2 |\n## D\n";
        assert!(told(code, page).is_empty());
    }

    #[test]
    fn both_ways_are_told() {
        let code = "/// How many.\npub const B: usize = 7;\n";
        let missing = told(code, "## A\n");
        assert!(missing[0].ends_with("| `B` | How many. |  | 7 | fixed |"), "{missing:?}");
        let stale = told("", "## A\n| `B` | x | items | 7 | fixed |\n");
        assert!(stale[0].contains("`B` is no constant any more"), "{stale:?}");
        let elsewhere = told(code, "## A\n## C\n| `B` | x | items | 7 | fixed |\n");
        assert_eq!(elsewhere.len(), 1);
    }

    #[test]
    fn default_unit_and_range_are_compared() {
        let code = "/// Doc.\npub const B: usize = 7;\n";
        for row in ["items | 8 | fixed", "time | 7 | fixed", " | 7 | fixed", "items | 7 | "] {
            let page = format!("## A\n| `B` | x | {row} |\n");
            assert_eq!(told(code, &page).len(), 1, "{row}");
        }
    }

    #[test]
    fn what_names_nothing_known_is_an_error() {
        let constants = constant::all("/// Doc.\npub const B: usize = elsewhere::C;\n");
        assert!(values(constants, &mut Names::default(), &PART).is_err());
    }
}
