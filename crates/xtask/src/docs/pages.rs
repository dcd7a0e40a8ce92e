//! Looks at the pages of the built book in headless Chromium.
//!
//! One page of ours loads each page of the book in a frame, at both widths and in both colours,
//! measures what a reader would stumble over, and leaves its findings as text.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::build;
use crate::child::{Invocation, deadline_in};
use crate::place;

/// Measures; between the words below it gets the pages and leaves its findings.
const SCRIPT: &str = include_str!("pages/look.html");
const PAGES: &str = "/*PAGES*/";
const BEGIN: &str = "[findings]";
const END: &str = "[end of findings]";
const TIMEOUT: Duration = Duration::from_secs(180);

/// Everything that looks wrong: a page wider than its window, text one can hardly read.
///
/// # Errors
///
/// If the browser does not look at every page.
pub(super) fn violations() -> Result<Vec<String>> {
    let book = place::target().join(build::BOOK);
    let pages = pages(&book)?;
    let look = place::scratch("look.html")?;
    fs::write(&look, SCRIPT.replace(PAGES, &quoted(&pages)))?;
    let profile = place::scratch("chromium")?;
    let line = format!(
        "chromium --headless --no-sandbox --disable-gpu --disable-background-networking \
         --disable-dev-shm-usage --allow-file-access-from-files --user-data-dir={} \
         --dump-dom file://{}",
        profile.display(),
        look.display(),
    );
    let finished = Invocation::new(&line).finish_by(deadline_in(TIMEOUT))?;
    let findings = findings(&finished.stdout);
    findings.with_context(|| format!("{}\n{}", finished.exit, finished.tail(build::TAIL)))
}

/// The names of the book's pages, all in one folder.
fn pages(book: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(book).with_context(|| book.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".html") && !["404.html", "toc.html"].contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"../book/{name}\",")).collect()
}

/// One finding a line, between the two words.
fn findings(dom: &str) -> Result<Vec<String>> {
    let said = dom.rsplit_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    match said {
        Some((said, _)) => {
            let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
            Ok(lines.map(str::to_owned).collect())
        }
        None => bail!("the browser did not finish looking"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_lines_between_the_words() {
        let dom = format!("<pre>{BEGIN}\na: wide\n\n{END}</pre>");
        assert_eq!(findings(&dom).unwrap(), ["a: wide"]);
        assert!(findings(&format!("<pre>{BEGIN}\n{END}</pre>")).unwrap().is_empty());
    }

    #[test]
    fn a_browser_that_did_not_finish_proves_nothing() {
        assert!(findings("").is_err());
        assert!(findings(BEGIN).is_err());
    }
}
