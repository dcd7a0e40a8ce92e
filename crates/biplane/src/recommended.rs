//! The configuration that `biplane doctor --save` wrote, read back.
//!
//! ```toml
//! # a comment
//! threading = "dedicated"
//! receivers = 1
//! senders = 1
//! aead = "aes-128-gcm"
//! ```
//!
//! Every key once, in any order, and nothing else: a key that this library does not know would be a
//! setting that silently does nothing. The file is TOML; of TOML no more than this is read.

use std::{fs::File, io, io::Read, path::Path};

use biplane_proto::limits;

use crate::Threading;

/// Bytes of the longest file: ten times what `biplane doctor` writes.
const LONGEST: usize = 2_048;

/// What the file says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Recommended {
    pub(crate) threading: Threading,
    pub(crate) receivers: usize,
    pub(crate) senders: usize,
}

/// Why a file is no recommended configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecommendedError {
    /// The system does not hand it over.
    #[error("cannot read the recommended configuration: {0}")]
    Unreadable(#[from] io::Error),
    /// It is another file.
    #[error("a recommended configuration has {limit} bytes at most")]
    TooLong {
        /// The most bytes it may have.
        limit: usize,
    },
    /// It is not UTF-8.
    #[error("a recommended configuration is text")]
    NotText,
    /// A line is no setting.
    #[error("line {line}: not `key = value`")]
    NoSetting {
        /// Which line; the first is 1.
        line: usize,
    },
    /// A line sets what there is not.
    #[error("line {line}: no such setting; there are threading, receivers, senders and aead")]
    UnknownKey {
        /// Which line.
        line: usize,
    },
    /// A line sets what another has set.
    #[error("line {line}: {key} is set twice")]
    Repeated {
        /// Which line.
        line: usize,
        /// The setting.
        key: &'static str,
    },
    /// A line's value is not one that the setting may have.
    #[error("line {line}: {key} is {allowed}")]
    Value {
        /// Which line.
        line: usize,
        /// The setting.
        key: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// A setting is not there.
    #[error("{key} is missing")]
    Missing {
        /// The setting.
        key: &'static str,
    },
}

/// A setting's name, and what it may be in words.
#[derive(Clone, Copy, Debug)]
struct Key {
    name: &'static str,
    allowed: &'static str,
    /// The value that stands for its text, if it may be that.
    read: fn(&str) -> Option<usize>,
}

const KEYS: [Key; 4] = [
    Key {
        name: "threading",
        allowed: "\"dedicated\", \"shared\" or \"inline\"",
        read: |text| one_of(text, &["dedicated", "shared", "inline"]),
    },
    Key { name: "receivers", allowed: "a number from 1 to 64", read: workers },
    Key { name: "senders", allowed: "a number from 1 to 64", read: workers },
    Key {
        name: "aead",
        allowed: "\"aes-128-gcm\" or \"chacha20-poly1305\"",
        read: |text| one_of(text, &["aes-128-gcm", "chacha20-poly1305"]),
    },
];

// The words above say it.
const _: () = assert!(limits::WORKERS == 64, "the most workers in words");

impl Recommended {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, RecommendedError> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > LONGEST {
            return Err(RecommendedError::TooLong { limit: LONGEST });
        }
        Self::parse(str::from_utf8(&bytes).map_err(|_| RecommendedError::NotText)?)
    }

    fn parse(text: &str) -> Result<Self, RecommendedError> {
        let mut values = [None; KEYS.len()];
        for (line, written) in (1..).zip(text.lines()) {
            let written = written.trim();
            if !written.is_empty() && !written.starts_with('#') {
                set(&mut values, line, written)?;
            }
        }
        let there = |(key, value): (&Key, &Option<usize>)| {
            value.ok_or(RecommendedError::Missing { key: key.name })
        };
        KEYS.iter().zip(&values).map(there).try_for_each(|value| value.map(drop))?;
        let [threading, receivers, senders, _] = values.map(Option::unwrap_or_default);
        let threading = match threading {
            0 => Threading::Dedicated,
            1 => Threading::Shared,
            _ => Threading::Inline,
        };
        Ok(Self { threading, receivers, senders })
    }
}

/// Takes in what is written in one line.
fn set(
    values: &mut [Option<usize>; KEYS.len()],
    line: usize,
    written: &str,
) -> Result<(), RecommendedError> {
    let (name, value) = written.split_once('=').ok_or(RecommendedError::NoSetting { line })?;
    let (key, place) = KEYS
        .iter()
        .zip(values)
        .find(|(key, _)| key.name == name.trim_end())
        .ok_or(RecommendedError::UnknownKey { line })?;
    let Key { name: key, allowed, read } = *key;
    let value = read(value.trim_start()).ok_or(RecommendedError::Value { line, key, allowed })?;
    match place.replace(value) {
        Some(_) => Err(RecommendedError::Repeated { line, key }),
        None => Ok(()),
    }
}

/// A number of threads, in digits alone: TOML knows neither a leading `+` of ours nor a leading 0.
fn workers(text: &str) -> Option<usize> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let number = text.parse().ok().filter(|_| plain)?;
    (1..=limits::WORKERS).contains(&number).then_some(number)
}

/// Which of `words` stands in quotes.
fn one_of(text: &str, words: &[&str]) -> Option<usize> {
    let word = text.strip_prefix('"')?.strip_suffix('"')?;
    words.iter().position(|known| *known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "# words\nthreading = \"dedicated\"\nreceivers = 2\n\nsenders=64\n\
                         aead = \"chacha20-poly1305\"\n";

    fn told(text: &str) -> String {
        Recommended::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn every_setting_is_read_in_any_order() {
        let threading = Threading::Dedicated;
        let wanted = Recommended { threading, receivers: 2, senders: 64 };
        assert_eq!(Recommended::parse(WHOLE).unwrap(), wanted);
        let backwards: Vec<_> = WHOLE.lines().rev().collect();
        assert_eq!(Recommended::parse(&backwards.join("\r\n")).unwrap(), wanted);
    }

    #[test]
    fn threads_are_told_by_their_names() {
        for (name, threading) in [("shared", Threading::Shared), ("inline", Threading::Inline)] {
            let text = WHOLE.replace("dedicated", name);
            assert_eq!(Recommended::parse(&text).unwrap().threading, threading);
        }
    }

    #[test]
    fn a_setting_that_is_missing_is_named() {
        for key in KEYS {
            let without: Vec<_> =
                WHOLE.lines().filter(|line| !line.starts_with(key.name)).collect();
            assert_eq!(told(&without.join("\n")), format!("{} is missing", key.name));
        }
        assert_eq!(told(""), "threading is missing");
    }

    #[test]
    fn a_line_that_is_wrong_is_told_by_its_number() {
        for (line, words) in [
            ("receivers", "line 7: not `key = value`"),
            ("[server]", "line 7: not `key = value`"),
            (
                "threads = 1",
                "line 7: no such setting; there are threading, receivers, senders and aead",
            ),
            ("receivers = 2", "line 7: receivers is set twice"),
            ("receivers = 0", "line 7: receivers is a number from 1 to 64"),
            ("receivers = 65", "line 7: receivers is a number from 1 to 64"),
            ("receivers = 02", "line 7: receivers is a number from 1 to 64"),
            ("receivers = +2", "line 7: receivers is a number from 1 to 64"),
            ("receivers = \"2\"", "line 7: receivers is a number from 1 to 64"),
            ("receivers = 99999999999999999999999", "line 7: receivers is a number from 1 to 64"),
            (
                "threading = dedicated",
                "line 7: threading is \"dedicated\", \"shared\" or \"inline\"",
            ),
            (
                "threading = \"mixed\"",
                "line 7: threading is \"dedicated\", \"shared\" or \"inline\"",
            ),
            ("aead = \"rot13\"", "line 7: aead is \"aes-128-gcm\" or \"chacha20-poly1305\""),
        ] {
            assert_eq!(told(&format!("{WHOLE}{line}")), words);
        }
    }

    #[test]
    fn workers_have_the_range_that_the_library_gives_them() {
        for (text, number) in
            [("1", Some(1)), ("64", Some(64)), ("0", None), ("65", None), ("", None)]
        {
            assert_eq!(workers(text), number, "{text}");
        }
    }
}
