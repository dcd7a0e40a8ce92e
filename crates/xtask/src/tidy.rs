//! Rules of the source, the documents and the dependencies that no lint knows.
//!
//! Each rule gives its breaches, one sentence each; this file lists the rules and tells. What is
//! known to break one stands in `exceptions`, with a reason, and that list only shrinks.

mod decisions;
mod exceptions;
mod licence;
mod limits;
mod packages;
mod pages;
mod paths;
mod rust;
mod sizes;
mod tracked;
mod words;

use anyhow::Result;

use crate::{fences, source};

/// One rule.
#[derive(Debug)]
struct Rule {
    name: &'static str,
    breaches: fn() -> Result<Vec<String>>,
}

/// What is judged, in this order.
const RULES: &[Rule] = &[
    Rule { name: "fences", breaches: fences::violations },
    Rule { name: "source", breaches: source::violations },
    Rule { name: "library roots", breaches: source::root_violations },
    Rule { name: "sizes", breaches: sizes::violations },
    Rule { name: "words", breaches: words::violations },
    Rule { name: "paths", breaches: paths::violations },
    Rule { name: "limits", breaches: limits::violations },
    Rule { name: "packages", breaches: packages::violations },
    Rule { name: "decisions", breaches: decisions::violations },
    Rule { name: "tracked", breaches: tracked::violations },
];

/// Every breach of every rule, each after its rule's name.
///
/// # Errors
///
/// If something cannot be read.
pub(crate) fn violations() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for rule in RULES {
        found.extend(
            (rule.breaches)()?.into_iter().map(|breach| format!("{}: {breach}", rule.name)),
        );
    }
    Ok(found)
}

/// Prints what came of each rule; whether all hold.
pub(crate) fn run() -> bool {
    let mut held = true;
    for rule in RULES {
        let breaches =
            (rule.breaches)().unwrap_or_else(|error| vec![format!("could not judge: {error:#}")]);
        held &= breaches.is_empty();
        let verdict = if breaches.is_empty() { "holds" } else { "broken" };
        println!("{:<15}{verdict}", rule.name);
        for breach in breaches {
            println!("    {breach}");
        }
    }
    held
}
