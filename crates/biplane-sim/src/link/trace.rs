//! Capacity that changes, as a trace tells it.
//!
//! The format is that of Mahimahi (Netravali et al., USENIX ATC 2015): one line is the millisecond
//! at which 1,500 bytes can cross, a repeated line is several such chances in that millisecond, and
//! after its last line the trace starts again from there.

mod cursor;
mod driving;

pub(super) use cursor::Cursor;

use core::{fmt, time::Duration};
use std::{fs, io, path::Path, sync::Arc};

/// Lines at the most: a day at 10 mbit/s, half a gigabyte of text.
const LINES: usize = 72_000_000;

/// The moments at which a link can carry 1,500 bytes, over and over.
///
/// Clones share them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trace {
    source: Source,
    stamps: Arc<[u32]>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Source {
    File(String),
    Made,
}

/// Why something is not a trace. The text names the file and the line.
#[derive(Debug)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    Unreadable {
        /// Its name.
        file: String,
        /// Why not.
        why: io::Error,
    },
    /// A line is no whole number of milliseconds below 2³².
    NotMilliseconds {
        /// The name of the file.
        file: String,
        /// Counted from 1.
        line: usize,
    },
    /// A line is earlier than the one before it.
    GoesBack {
        /// The name of the file.
        file: String,
        /// Counted from 1.
        line: usize,
    },
    /// There is no line, or the last one is 0: nothing says when the trace starts again.
    Empty {
        /// The name of the file.
        file: String,
    },
    /// There are more than 72 million lines.
    TooLong {
        /// The name of the file.
        file: String,
    },
}

impl Trace {
    /// What crosses at each moment, in bytes.
    pub const CHANCE: u32 = 1_500;

    /// Reads `text`; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`TraceError`] if a line is not a number, if the numbers go back, or if there are none.
    pub fn parse(name: &str, text: &str) -> Result<Self, TraceError> {
        let mut stamps: Vec<u32> = Vec::new();
        for (index, text) in text.lines().enumerate() {
            let (file, line) = (|| name.to_owned(), index + 1);
            let Ok(stamp) = text.trim_end().parse() else {
                return Err(TraceError::NotMilliseconds { file: file(), line });
            };
            if stamps.last().is_some_and(|last| stamp < *last) {
                return Err(TraceError::GoesBack { file: file(), line });
            }
            if index >= LINES {
                return Err(TraceError::TooLong { file: file() });
            }
            stamps.push(stamp);
        }
        if stamps.last().is_none_or(|last| *last == 0) {
            return Err(TraceError::Empty { file: name.to_owned() });
        }
        Ok(Self { source: Source::Made, stamps: stamps.into() })
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// [`TraceError`] if it cannot be read, or as for [`Trace::parse`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let file = path.as_ref().display().to_string();
        match fs::read(&path) {
            // Bytes that are no text are no numbers either, and their line is found.
            Ok(bytes) => {
                let trace = Self::parse(&file, &String::from_utf8_lossy(&bytes))?;
                Ok(Self { source: Source::File(file), ..trace })
            }
            Err(why) => Err(TraceError::Unreadable { file, why }),
        }
    }

    /// The file it was loaded from.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match &self.source {
            Source::File(file) => Some(file),
            Source::Made => None,
        }
    }

    /// After how long it starts again.
    #[must_use]
    pub fn period(&self) -> Duration {
        Duration::from_millis(self.stamps.last().copied().unwrap_or(1).into())
    }

    /// What it carries in the mean, in bytes a second.
    #[must_use]
    pub fn bytes_per_second(&self) -> u64 {
        let chances = u64::try_from(self.stamps.len()).unwrap_or(u64::MAX);
        let millis = u64::try_from(self.period().as_millis()).unwrap_or(u64::MAX).max(1);
        chances.saturating_mul(u64::from(Self::CHANCE) * 1_000) / millis
    }

    /// Moments in milliseconds since its start, in order.
    #[must_use]
    pub fn stamps(&self) -> &[u32] {
        &self.stamps
    }

    /// One made from moments in order, of which the last is not 0.
    fn made(stamps: Vec<u32>) -> Self {
        Self { source: Source::Made, stamps: stamps.into() }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, why } => write!(f, "trace {file}: {why}"),
            Self::NotMilliseconds { file, line } => {
                write!(f, "trace {file}, line {line}: not a whole number of milliseconds")
            }
            Self::GoesBack { file, line } => {
                write!(f, "trace {file}, line {line}: earlier than the line before it")
            }
            Self::Empty { file } => {
                write!(f, "trace {file}: no line later than 0, so nothing ever crosses")
            }
            Self::TooLong { file } => write!(f, "trace {file}: more than {LINES} lines"),
        }
    }
}

impl core::error::Error for TraceError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        Trace::parse("x.up", text).unwrap_err().to_string()
    }

    #[test]
    fn a_line_is_a_chance_of_1500_bytes() {
        let trace = Trace::parse("x", "0\n5\n5\r\n10\n").unwrap();
        assert_eq!(trace.stamps(), [0, 5, 5, 10]);
        assert_eq!(trace.period(), Duration::from_millis(10));
        assert_eq!(trace.bytes_per_second(), 600_000);
    }

    #[test]
    fn garbage_is_told_with_file_and_line() {
        let number = "not a whole number of milliseconds";
        assert_eq!(told("1\n2\nx\n"), format!("trace x.up, line 3: {number}"));
        assert_eq!(told("1\n\n2\n"), format!("trace x.up, line 2: {number}"));
        assert_eq!(told("1.5\n"), format!("trace x.up, line 1: {number}"));
        assert_eq!(told("-1\n"), format!("trace x.up, line 1: {number}"));
        assert_eq!(told("4294967296\n"), format!("trace x.up, line 1: {number}"));
        assert_eq!(told("5\n4\n"), "trace x.up, line 2: earlier than the line before it");
        for empty in ["", "0\n", "0\n0\n"] {
            assert_eq!(told(empty), "trace x.up: no line later than 0, so nothing ever crosses");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Trace::load("/nowhere/x.up").unwrap_err().to_string();
        assert!(error.starts_with("trace /nowhere/x.up: "), "{error}");
    }
}
