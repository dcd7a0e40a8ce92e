//! Finds the constants of a Rust file's text.

/// `pub const NAME: … = EXPRESSION;`
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Constant {
    pub(super) name: String,
    /// The first line of its doc comment.
    pub(super) doc: String,
    pub(super) expression: String,
}

/// Every visible constant, in order.
pub(super) fn all(text: &str) -> Vec<Constant> {
    let mut doc: Option<&str> = None;
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(said) = line.strip_prefix("/// ") {
            doc = doc.or(Some(said));
            continue;
        }
        if let Some(declared) = declaration(line) {
            let mut whole = declared.to_owned();
            while !whole.ends_with(';') {
                let Some(more) = lines.next() else { break };
                whole = format!("{whole} {}", more.trim());
            }
            found.extend(constant(&whole, doc.unwrap_or_default()));
        }
        doc = None;
    }
    found
}

fn declaration(line: &str) -> Option<&str> {
    line.strip_prefix("pub const ").or_else(|| line.strip_prefix("pub(crate) const "))
}

fn constant(declared: &str, doc: &str) -> Option<Constant> {
    let (name, rest) = declared.split_once(':')?;
    // A function is no constant.
    let (_, expression) = rest.split_once(" = ")?;
    Some(Constant {
        name: name.to_owned(),
        doc: doc.to_owned(),
        expression: expression.trim_end_matches(';').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_constants_are_found_with_their_docs() {
        let text = "//! Doc.\n/// One,\n/// and more.\npub const A: usize = 1;\nconst _: () = assert!(true);\n/// Two.\npub(crate) const B: (Duration, Duration) =\n    (Duration::from_secs(1), Duration::from_secs(2));\nconst C: u8 = 3;\npub const fn d(e: u8) -> u8 {\n";
        let all = all(text);
        let told: Vec<(&str, &str)> =
            all.iter().map(|one| (one.name.as_str(), one.doc.as_str())).collect();
        assert_eq!(told, [("A", "One,"), ("B", "Two.")]);
        assert_eq!(all[1].expression, "(Duration::from_secs(1), Duration::from_secs(2))");
    }
}
