//! What is said, on standard output and on standard error. A reader that has gone away wants no more,
//! and that ends nothing.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write as _},
};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Says something and ends the line.
pub(crate) fn say(what: impl Display) -> Result<()> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{what}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("standard output")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says a document, as JSON on one line.
pub(crate) fn json(document: &impl Serialize) -> Result<()> {
    say(serde_json::to_string(document)?)
}

/// Says something that is not the document: where it does not disturb that.
pub(crate) fn beside(is_json: bool, line: &str) -> Result<()> {
    if !is_json {
        return say(line);
    }
    tell(line);
    Ok(())
}

/// Says a line on standard error, where nothing can be done if nobody hears it.
pub(crate) fn tell(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}
