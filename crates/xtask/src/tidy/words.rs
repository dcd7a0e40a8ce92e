//! One word, one meaning: the wrong words, in documents and doc comments.
//!
//! Only words that have no other meaning here are listed, so that whatever is found is wrong.

use anyhow::Result;

use super::pages;
use crate::source;

/// Wrong words, and what `docs/GLOSSARY.md` says instead. A phrase with a capital is taken as it
/// is written, any other in whatever case.
const WRONG: &[(&str, &str)] = &[
    ("ACK", "ack"),
    ("acknowledgement", "ack"),
    ("acknowledgment", "ack"),
    ("address validation", "path validation"),
    ("anti-replay window", "replay window"),
    ("back pressure", "credit"),
    ("backpressure", "credit"),
    ("channel id of the session", "receive id"),
    ("connection id", "receive id"),
    ("connection token", "ticket"),
    ("flow control window", "credit"),
    ("flow-control window", "credit"),
    ("frame rate", "tick rate"),
    ("frames per second", "ticks a second"),
    ("game frame", "tick"),
    ("heartbeat", "keep-alive"),
    ("keepalive", "keep-alive"),
    ("network thread", "receiver or sender"),
    ("once a frame", "once a tick"),
    ("once per frame", "once a tick"),
    ("packet id", "packet number"),
    ("path verification", "path validation"),
    ("ping time", "RTT"),
    ("receive thread", "receiver"),
    ("receive worker", "receiver"),
    ("resume token", "resume proof"),
    ("retransmission timeout", "PTO"),
    ("RTO", "PTO"),
    ("send thread", "sender"),
    ("send worker", "sender"),
    ("sequence id", "sequence number"),
    ("seqno", "sequence number"),
    ("video frame", "unit"),
    ("audio frame", "unit"),
    // Not meanings but manners: say what it does instead.
    ("blazing", "a figure"),
    ("blazingly", "a figure"),
    ("cutting-edge", "what it does"),
    ("effortless", "what it does"),
    ("effortlessly", "what it does"),
    ("lightning-fast", "a figure"),
    ("next-generation", "what it does"),
    ("seamless", "what it does"),
    ("seamlessly", "what it does"),
    ("state-of-the-art", "what it does"),
    ("world-class", "what it does"),
];

/// Every wrong word, with its place and the right one.
///
/// # Errors
///
/// If the checkout cannot be read.
pub(super) fn violations() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (name, text) in pages::all()? {
        found.extend(wrong_words(&name, prose(text.lines().map(Some))));
    }
    for (name, text) in source::texts()? {
        found.extend(wrong_words(&name, prose(text.lines().map(doc_text))));
    }
    Ok(found)
}

fn wrong_words(name: &str, prose: Vec<(usize, String)>) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in prose {
        let lower = line.to_lowercase();
        let wrong = WRONG.iter().filter(|(wrong, _)| {
            let has_capital = wrong.chars().any(char::is_uppercase);
            says(if has_capital { &line } else { &lower }, wrong)
        });
        found
            .extend(wrong.map(|(wrong, right)| format!("{name}:{number}: `{wrong}`; say {right}")));
    }
    found
}

/// Whether `line` has `phrase` as whole words, in the plural too.
fn says(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(start, _)| {
        let before = line.get(..start).and_then(|before| before.chars().next_back());
        let after = line.get(start + phrase.len()..).unwrap_or_default();
        let after = after.strip_prefix('s').unwrap_or(after).chars().next();
        !before.is_some_and(is_of_a_word) && !after.is_some_and(is_of_a_word)
    })
}

fn is_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

/// The text of a doc comment.
fn doc_text(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
}

/// The numbered lines that are prose: outside of fences, without what stands in backticks and
/// without the targets of links. `None` ends a comment, and with it a fence.
fn prose<'a>(lines: impl Iterator<Item = Option<&'a str>>) -> Vec<(usize, String)> {
    let (mut fenced, mut found) = (false, Vec::new());
    for (index, line) in lines.enumerate() {
        let Some(line) = line else {
            fenced = false;
            continue;
        };
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.push((index + 1, without_code(line)));
        }
    }
    found
}

fn without_code(line: &str) -> String {
    let outside = line.split('`').step_by(2);
    let text: String = outside.collect::<Vec<_>>().join("`");
    let mut pieces = text.split("](");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once(')').map_or("", |(_, after)| after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_page(text: &str) -> Vec<String> {
        wrong_words("docs/A.md", prose(text.lines().map(Some)))
    }

    fn in_source(text: &str) -> usize {
        wrong_words("a.rs", prose(text.lines().map(doc_text))).len()
    }

    #[test]
    fn a_wrong_word_is_found_with_its_place_and_the_right_one() {
        let told = in_page("# A\n\nA Heartbeat every second.\n");
        assert_eq!(told, ["docs/A.md:3: `heartbeat`; say keep-alive"]);
        assert_eq!(in_page("Two heartbeats, and the ACKs.").len(), 2);
    }

    #[test]
    fn whole_words_alone_are_wrong_and_capitals_count_where_they_are_written() {
        for text in ["an ack", "the RTOS", "heartbeating", "a keep-alive", "PACK", "my-heartbeat"] {
            assert!(in_page(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn code_and_the_targets_of_links_are_not_prose() {
        for text in ["`heartbeat`", "```text\nheartbeat\n```\n", "[x](heartbeat.html) y"] {
            assert!(in_page(text).is_empty(), "{text}");
        }
        assert_eq!(in_page("```\na\n```\nheartbeat").len(), 1);
    }

    #[test]
    fn of_a_source_file_the_doc_comments_are_read() {
        assert_eq!(in_source("//! A heartbeat.\nlet heartbeat = 1;\n    /// A heartbeat.\n"), 2);
        assert_eq!(in_source("/// ```\n/// heartbeat\nfn a() {}\n/// A heartbeat.\n"), 1);
    }

    #[test]
    fn no_right_word_is_wrong() {
        for (_, right) in WRONG {
            assert!(in_page(right).is_empty(), "{right}");
        }
    }
}
