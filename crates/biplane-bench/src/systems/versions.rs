//! Which version of a crate was built in: what the lock file says.

const LOCK: &str = include_str!("../../Cargo.lock");

/// The version of the package `name`, the newest where there are several; "unknown" if the lock file
/// has no such package.
pub(super) fn of(name: &str) -> &'static str {
    let begin = format!("name = \"{name}\"\nversion = \"");
    LOCK.rsplit_once(&begin)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("unknown", |(version, _)| version)
}

#[test]
fn a_version_is_that_of_the_lock_file_and_nothing_else_has_one() {
    assert_eq!(of("biplane-bench"), env!("CARGO_PKG_VERSION"));
    assert_eq!(of("biplane-benc"), "unknown");
}
