//! Tells what ships from what only tests see, in one file.
//!
//! Relies on the format rustfmt gives: an item that begins at some indent and does not end on its
//! first line ends with the first later line that closes it at the same indent.

/// The lines that ship, each with its number from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut skip = Skip::Nothing;
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(move |(_, line)| {
        let ships = matches!(skip, Skip::Nothing) && !is_test_attribute(line);
        skip = skip.after(line);
        ships
    })
}

/// Where in a test-only item we are.
#[derive(Clone, Copy, Debug)]
enum Skip {
    /// Outside.
    Nothing,
    /// Past `#[cfg(test)]`; the item's first line is still to come.
    Ahead { indent: usize },
    /// Inside another attribute of the item that spans lines.
    Attribute { indent: usize },
    /// Inside the item.
    Item { indent: usize },
}

impl Skip {
    /// The state once `line` has been read.
    fn after(self, line: &str) -> Self {
        match self {
            Self::Nothing if is_test_attribute(line) => Self::Ahead { indent: indent_of(line) },
            Self::Nothing => self,
            Self::Ahead { indent } => Self::at_first_line(line, indent),
            Self::Attribute { indent } if line.trim_end().ends_with(']') => Self::Ahead { indent },
            Self::Item { indent } if closes(line, indent) => Self::Nothing,
            Self::Attribute { .. } | Self::Item { .. } => self,
        }
    }

    fn at_first_line(line: &str, indent: usize) -> Self {
        let text = line.trim();
        if text.is_empty() || text.starts_with("//") {
            Self::Ahead { indent }
        } else if text.starts_with("#[") {
            if text.ends_with(']') { Self::Ahead { indent } } else { Self::Attribute { indent } }
        } else if text.ends_with([';', ',', '}']) {
            Self::Nothing
        } else {
            Self::Item { indent }
        }
    }
}

fn is_test_attribute(line: &str) -> bool {
    let text = line.trim();
    text == "#[cfg(test)]" || text.starts_with("#[cfg(all(test,")
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn closes(line: &str, indent: usize) -> bool {
    indent_of(line) == indent
        && line.trim_start().starts_with(['}', ')', ']'])
        && line.trim_end().ends_with(['}', ';', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(text: &str) -> Vec<&str> {
        lines(text).map(|(_, line)| line).collect()
    }

    #[test]
    fn a_test_module_at_the_bottom_does_not_ship() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\n";
        assert_eq!(shipped(text), ["fn a() {}", ""]);
    }

    #[test]
    fn what_follows_a_test_only_item_ships() {
        let text = "#[cfg(test)]\nmod tests;\nfn a() {\n}\n#[cfg(test)]\nfn b(\n    c: u8,\n) {\n    d();\n}\nfn e() {}";
        assert_eq!(shipped(text), ["fn a() {", "}", "fn e() {}"]);
    }

    #[test]
    fn test_only_items_inside_others_end_at_their_own_indent() {
        let text = "impl A {\n    #[cfg(test)]\n    fn b() {\n        if c {\n        }\n    }\n    fn d() {}\n}";
        assert_eq!(shipped(text), ["impl A {", "    fn d() {}", "}"]);
    }

    #[test]
    fn further_attributes_and_docs_belong_to_the_item() {
        let text =
            "#[cfg(test)]\n#[expect(\n    x,\n)]\n/// Doc.\nmod tests {\n    a\n}\nfn b() {}";
        assert_eq!(shipped(text), ["fn b() {}"]);
    }

    #[test]
    fn numbers_are_those_of_the_file() {
        let text = "#[cfg(test)]\nuse a;\nfn b() {}";
        assert_eq!(lines(text).collect::<Vec<_>>(), [(3, "fn b() {}")]);
    }
}
