//! Every link of the built book leads somewhere: the file is there, and so is the anchor in it.
//!
//! Nothing is asked of the network: links to other hosts are not followed. The API docs are
//! rustdoc's, which checks its own; links into them are checked like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{build, html};

/// mdBook's page for a server that finds nothing: its links begin at the server's root.
const NOT_FOUND: &str = "404.html";

/// Every broken link of the pages in `book`.
///
/// # Errors
///
/// If the pages cannot be read.
pub(super) fn broken(book: &Path) -> Result<Vec<String>> {
    let pages = pages(book)?;
    ensure!(!pages.is_empty(), "{} has no pages", book.display());
    let mut anchors = Anchors::default();
    let mut found = Vec::new();
    for page in pages {
        let text = read(&page)?;
        let name = page.strip_prefix(book).unwrap_or(&page).display().to_string();
        if text.contains("{{#") {
            found.push(format!("{name}: an inclusion was not resolved"));
        }
        let links: BTreeSet<&str> =
            ["href", "src"].iter().flat_map(|kind| html::attributes(&text, kind)).collect();
        for link in links {
            let problem = problem(&page, link, &mut anchors)?;
            found.extend(problem.map(|problem| format!("{name}: `{link}`: {problem}")));
        }
    }
    Ok(found)
}

/// The book's own pages.
fn pages(book: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(book).with_context(|| book.display().to_string())? {
        let path = entry?.path();
        let is_page = path.extension().is_some_and(|extension| extension == "html");
        if is_page && !path.ends_with(NOT_FOUND) {
            found.push(path);
        } else if path.is_dir() && !path.ends_with(build::API) {
            found.extend(pages(&path)?);
        }
    }
    found.sort();
    Ok(found)
}

/// Why `link` leads nowhere from `page`; `None` if it leads somewhere or to another host.
fn problem(page: &Path, link: &str, anchors: &mut Anchors) -> Result<Option<&'static str>> {
    if is_foreign(link) {
        return Ok(None);
    }
    let link = html::decoded(link);
    let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
    let path = path.split('?').next().unwrap_or_default();
    let target = if path.is_empty() { page.to_owned() } else { beside(page, path) };
    if !target.exists() {
        return Ok(Some("no such file"));
    }
    if anchor.is_empty() || target.extension().is_none_or(|extension| extension != "html") {
        return Ok(None);
    }
    let known = anchors.of(&target)?;
    Ok((!known.contains(anchor)).then_some("no such anchor"))
}

/// Whether a link names a scheme or a host.
fn is_foreign(link: &str) -> bool {
    let scheme = link.split(['/', '#', '?']).next().unwrap_or_default();
    scheme.contains(':') || link.starts_with("//")
}

/// The file that `path` means on `page`, without `..` in its name.
fn beside(page: &Path, path: &str) -> PathBuf {
    let mut target = page.parent().unwrap_or(page).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                target.pop();
            }
            Component::Normal(name) => target.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    target
}

/// The anchors of each page that has been linked to.
#[derive(Debug, Default)]
struct Anchors(BTreeMap<PathBuf, BTreeSet<String>>);

impl Anchors {
    fn of(&mut self, page: &Path) -> Result<&BTreeSet<String>> {
        if !self.0.contains_key(page) {
            let text = read(page)?;
            let ids = html::attributes(&text, "id").map(html::decoded).collect();
            self.0.insert(page.to_owned(), ids);
        }
        self.0.get(page).context("a page without anchors")
    }
}

fn read(page: &Path) -> Result<String> {
    fs::read_to_string(page).with_context(|| page.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place;

    /// A book of two pages; `links` stands on the first.
    fn told(name: &str, links: &str) -> Vec<String> {
        let book = place::scratch(&format!("links-{name}")).unwrap();
        fs::create_dir_all(book.join(build::API)).unwrap();
        fs::write(book.join("a.html"), format!("<h1 id=\"top\">A</h1>{links}")).unwrap();
        fs::write(book.join("b.html"), "<h1 id=\"b-é\">B</h1>").unwrap();
        fs::write(book.join("api/c.html"), "<a href=\"gone.html\" id=c>").unwrap();
        let found = broken(&book).unwrap();
        fs::remove_dir_all(&book).unwrap();
        found
    }

    #[test]
    fn links_that_lead_somewhere_are_silent() {
        let links = "<a href=\"b.html#b-%C3%A9\"></a><a href=\"#top\"></a><a href=\"./api/c.html?x#c\"></a>\
                     <a href=\"https://example.com/gone\"></a><a href=\"mailto:a@b\"></a>";
        assert!(told("sound", links).is_empty());
    }

    #[test]
    fn a_missing_file_and_a_missing_anchor_are_told_with_their_page() {
        let found =
            told("broken", "<a href=\"gone.html\"></a><img src=i.png><a href=\"b.html#x\">");
        assert_eq!(
            found,
            [
                "a.html: `b.html#x`: no such anchor",
                "a.html: `gone.html`: no such file",
                "a.html: `i.png`: no such file",
            ]
        );
    }

    #[test]
    fn an_inclusion_that_was_not_resolved_is_told() {
        let include = "{{#include";
        assert_eq!(told("include", &format!("<p>{include} x}}}}</p>")).len(), 1);
    }
}
