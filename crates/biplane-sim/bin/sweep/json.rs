//! As much JSON as a report needs.

use core::fmt::{Display, Write};

/// An object under construction.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a number, a boolean, or anything else that is written as JSON writes it.
    pub(crate) fn value(mut self, key: &str, value: &impl Display) -> Self {
        self.key(key);
        // Writing to a string cannot fail.
        write!(self.0, "{value}").ok();
        self
    }

    pub(crate) fn text(mut self, key: &str, text: &str) -> Self {
        self.key(key);
        self.0.push_str(&quoted(text));
        self
    }

    /// Adds a list of values that are JSON already.
    pub(crate) fn list(mut self, key: &str, items: impl Iterator<Item = String>) -> Self {
        self.key(key);
        let items: Vec<_> = items.collect();
        self.0.push_str(&format!("[{}]", items.join(",")));
        self
    }

    pub(crate) fn end(self) -> String {
        self.0 + "}"
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quoted(key));
        self.0.push(':');
    }
}

fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control.is_control() => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lists_and_text_are_written_as_json_writes_them() {
        let object = Object::new()
            .value("n", &1.5)
            .value("yes", &true)
            .text("text", "a \"b\"\\\n")
            .list("list", [1, 2].iter().map(ToString::to_string));
        assert_eq!(object.end(), r#"{"n":1.5,"yes":true,"text":"a \"b\"\\\u000a","list":[1,2]}"#);
        assert_eq!(Object::new().end(), "{}");
    }
}
