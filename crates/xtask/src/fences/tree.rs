//! Reads `cargo tree --prefix none`.

use std::collections::BTreeMap;

/// A package as the tree names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Package {
    pub(super) name: String,
    /// Whether it comes from this checkout.
    pub(super) is_ours: bool,
}

/// Every package of the tree once; two versions of one name are two.
pub(super) fn packages(tree: &str) -> Vec<Package> {
    let lines = tree.lines().filter_map(package);
    let unique: BTreeMap<(String, String), Package> = lines.collect();
    unique.into_values().collect()
}

/// `name v1.2.3 (proc-macro) (/path of ours) (*)`, all after the version where it applies.
fn package(line: &str) -> Option<((String, String), Package)> {
    let mut words = line.splitn(3, ' ');
    let (name, version) = (words.next()?.to_owned(), words.next()?.to_owned());
    let is_ours = words.next().is_some_and(|rest| rest.contains("(/"));
    Some(((name.clone(), version), Package { name, is_ours }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_seen_twice_counts_once_and_two_versions_twice() {
        let tree = "\
biplane-proto v0.1.0 (/home/user/biplane/crates/biplane-proto)
thiserror-impl v2.0.21 (proc-macro)
cfg-if v1.0.5
cfg-if v1.0.5 (*)
syn v2.0.0
syn v3.0.10

";
        let all = packages(tree);
        let names: Vec<&str> = all.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["biplane-proto", "cfg-if", "syn", "syn", "thiserror-impl"]);
    }

    #[test]
    fn what_has_a_path_is_ours() {
        let ours = |line| packages(line)[0].is_ours;
        assert!(ours("biplane v0.1.0 (/home/user/biplane/crates/biplane)"));
        assert!(ours("derive v0.1.0 (proc-macro) (/home/user/biplane/crates/derive) (*)"));
        assert!(!ours("thiserror-impl v2.0.21 (proc-macro) (*)"));
        assert!(!ours("bytes v1.12.2"));
    }
}
