//! The book and the API docs beside it: built, their links checked, their pages looked at.
//!
//! The book is `docs/`, by mdBook; what is built stands in `target/book` and is never kept.

mod build;
mod html;
mod links;
mod measure;
mod pages;

use anyhow::Result;

use crate::child::{Invocation, deadline_in};
use crate::place;
use crate::tool::{self, Lack, Tool};

/// Checks the spelling; the words we mean stand in `.typos.toml`.
pub(crate) const SPELLING: &str = "typos --format brief README.md docs crates examples";

/// What `cargo xtask docs` was asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Request {
    /// Show the book when it is built.
    pub(crate) open: bool,
    /// Look at its pages in a browser.
    pub(crate) check_pages: bool,
    /// Which measured pages to make anew first.
    pub(crate) measure: Measure,
}

/// Measured pages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Measure {
    #[default]
    Nothing,
    /// What becomes of a session whose planes die.
    Planes,
    All,
}

/// Builds the book and the API docs; every error, warning and broken link.
///
/// # Errors
///
/// If something cannot be started.
pub(crate) fn violations() -> Result<Vec<String>> {
    let mut found = build::book()?;
    found.extend(build::api()?);
    found.extend(links::broken(&place::target().join(build::BOOK))?);
    Ok(found)
}

/// Does as `request` says and prints what came of it; whether all held.
pub(crate) fn run(request: Request) -> bool {
    let mut held = match request.measure {
        Measure::Nothing => true,
        Measure::Planes => tell("measured page", measure::planes),
        Measure::All => tell("measured pages", measure::pages),
    };
    held &= asked("book and links", &tool::MDBOOK, violations);
    held &= step("spelling", &tool::TYPOS, misspelled) != Some(false);
    if request.check_pages {
        held &= asked("pages", &tool::PAGES, pages::violations);
    }
    let index = place::target().join(build::BOOK).join("index.html");
    println!("{}", index.display());
    if request.open {
        held &= step("open", &tool::BROWSER, open) != Some(false);
    }
    held
}

/// One step that was asked for: where it cannot be made, it did not hold.
fn asked(name: &str, needs: &'static Tool, breaches: fn() -> Result<Vec<String>>) -> bool {
    step(name, needs, breaches) == Some(true)
}

/// One step; whether all held, `None` where it is skipped by name for want of its tool.
fn step(name: &str, needs: &'static Tool, breaches: fn() -> Result<Vec<String>>) -> Option<bool> {
    match needs.lack() {
        None => Some(tell(name, breaches)),
        Some(Lack::Missing(why)) => {
            println!("{name:<15}skipped: {why}");
            None
        }
        Some(Lack::NotInstalled(why)) => {
            println!("{name:<15}failed: {why}");
            Some(false)
        }
    }
}

/// Says what came of a step; whether all held.
fn tell(name: &str, breaches: fn() -> Result<Vec<String>>) -> bool {
    let breaches = breaches().unwrap_or_else(|error| vec![format!("{error:#}")]);
    println!("{name:<15}{}", if breaches.is_empty() { "holds" } else { "broken" });
    for breach in &breaches {
        println!("    {breach}");
    }
    breaches.is_empty()
}

fn misspelled() -> Result<Vec<String>> {
    let finished = Invocation::new(SPELLING).finish_by(deadline_in(build::TIMEOUT))?;
    Ok(if finished.succeeded() { Vec::new() } else { vec![finished.tail(build::TAIL)] })
}

fn open() -> Result<Vec<String>> {
    let line = format!("xdg-open target/{}/index.html", build::BOOK);
    let finished = Invocation::new(&line).finish_by(deadline_in(build::TIMEOUT))?;
    Ok(if finished.succeeded() { Vec::new() } else { vec![finished.tail(build::TAIL)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_nobody_could_look_at_do_not_fit() {
        const NOWHERE: Tool = tool::NOWHERE;
        assert!(!asked("pages", &NOWHERE, || Ok(Vec::new())));
        assert!(step("spelling", &NOWHERE, || Ok(Vec::new())) != Some(true));
    }
}
