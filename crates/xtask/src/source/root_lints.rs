//! Which lints the root of a library switches on.
//!
//! They stand in the roots and not in the workspace's table, so that examples and the README need
//! no exceptions; hence somebody must see to it that they stand there.

use std::collections::BTreeSet;

/// What every library warns of.
const WARNED: [&str; 10] = [
    "missing_docs",
    "missing_debug_implementations",
    "unreachable_pub",
    "clippy::wildcard_enum_match_arm",
    "clippy::print_stdout",
    "clippy::exhaustive_enums",
    "clippy::must_use_candidate",
    "clippy::missing_errors_doc",
    "clippy::missing_panics_doc",
    "clippy::unused_async",
];

/// The attributes a root lacks, as one would write them.
pub(super) fn missing(root: &str, forbids_unsafe: bool) -> Vec<String> {
    let code = without_comments(root);
    let warned = named_in(&code, "warn");
    let not_warned = WARNED.into_iter().filter(|lint| !warned.contains(lint));
    let mut missing: Vec<String> = not_warned.map(|lint| format!("#![warn({lint})]")).collect();
    if forbids_unsafe && !named_in(&code, "forbid").contains("unsafe_code") {
        missing.push("#![forbid(unsafe_code)]".to_owned());
    }
    missing
}

/// The lints named in every `#![LEVEL(..)]` of `code`.
fn named_in<'a>(code: &'a str, level: &str) -> BTreeSet<&'a str> {
    let start = format!("#![{level}(");
    let lists = code.split(start.as_str()).skip(1).filter_map(|rest| rest.split_once(")]"));
    lists.flat_map(|(list, _)| list.split(',')).map(str::trim).collect()
}

fn without_comments(text: &str) -> String {
    let code = text.lines().filter_map(|line| line.split("//").next());
    code.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_with_all() -> String {
        format!(
            "//! Doc.\n#![forbid(unsafe_code)]\n#![warn(\n    {},\n)]\n",
            WARNED.join(",\n    ")
        )
    }

    #[test]
    fn a_root_with_all_lints_lacks_none() {
        assert!(missing(&root_with_all(), true).is_empty());
    }

    #[test]
    fn lints_may_stand_in_several_attributes() {
        let each = WARNED.map(|lint| format!("#![warn({lint})]\n")).concat();
        assert!(missing(&each, false).is_empty());
    }

    #[test]
    fn a_lint_that_is_absent_or_only_mentioned_is_missing() {
        let root = root_with_all().replace("    unreachable_pub,\n", "    // unreachable_pub,\n");
        assert_eq!(missing(&root, true), ["#![warn(unreachable_pub)]"]);
    }

    #[test]
    fn unsafe_is_forbidden_only_where_it_must_be() {
        let root = root_with_all().replace("forbid(unsafe_code)", "deny(unsafe_code)");
        assert_eq!(missing(&root, true), ["#![forbid(unsafe_code)]"]);
        assert!(missing(&root, false).is_empty());
    }
}
