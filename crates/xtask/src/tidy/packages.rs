//! What we depend on, whatever the system: licences, bans, sources and duplicate versions.
//!
//! Judged by what `cargo metadata` says of the lock file, development dependencies included. How
//! many crates each of ours may need is a matter of `fences`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::exceptions::{DUPLICATES, Duplicate};
use super::licence;
use crate::child::{Invocation, deadline_in};

const METADATA: &str = "cargo metadata --locked --format-version 1";
const METADATA_TIMEOUT: Duration = Duration::from_secs(300);
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Packages that must not come in, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "rustls is our TLS"),
    ("openssl-sys", "rustls is our TLS"),
    ("native-tls", "rustls is our TLS"),
    ("aws-lc-sys", "needs cmake; ring is our cryptography"),
    ("bincode", "abandoned; postcard is our format"),
    ("figment", "abandoned; toml and serde are enough"),
    ("async-std", "abandoned; tokio is the control plane's runtime"),
    ("failure", "abandoned; thiserror is ours"),
    ("structopt", "abandoned; clap has it"),
    ("serde_yaml", "abandoned"),
];

/// What is judged of one package.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// Where it comes from; `None` if it is ours.
    pub(super) source: Option<String>,
    pub(super) licence: Option<String>,
    /// Names of the packages of others that its manifest asks for.
    pub(super) asks_for: Vec<String>,
}

/// Every breach, one sentence each.
///
/// # Errors
///
/// If cargo cannot say what we depend on.
pub(super) fn violations() -> Result<Vec<String>> {
    let all = all()?;
    let mut found: Vec<String> = all.iter().flat_map(breaches).collect();
    found.extend(duplicates(&all, DUPLICATES));
    Ok(found)
}

/// Every package of the lock file.
///
/// # Errors
///
/// If cargo cannot say.
pub(super) fn all() -> Result<Vec<Package>> {
    let finished = Invocation::new(METADATA).finish_by(deadline_in(METADATA_TIMEOUT))?;
    ensure!(finished.succeeded(), "`{METADATA}`: {}\n{}", finished.exit, finished.stderr);
    let document = finished.document()?;
    let packages = document.get("packages").and_then(Value::as_array);
    Ok(packages.context("no packages")?.iter().map(package).collect())
}

fn package(value: &Value) -> Package {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let dependencies = value.get("dependencies").and_then(Value::as_array);
    let foreign = dependencies.into_iter().flatten().filter(|one| text(one, "source").is_some());
    Package {
        name: text(value, "name").unwrap_or_default(),
        version: text(value, "version").unwrap_or_default(),
        source: text(value, "source"),
        licence: text(value, "license"),
        asks_for: foreign.filter_map(|one| text(one, "name")).collect(),
    }
}

fn breaches(package: &Package) -> Vec<String> {
    let Package { name, version, source, licence, .. } = package;
    let mut found = Vec::new();
    if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| banned == name) {
        found.push(format!("{name} is banned: {reason}"));
    }
    let licence = licence.as_deref().unwrap_or_default();
    if !licence::is_permissive(licence) {
        found.push(format!("{name} {version}: licence `{licence}` is not permissive"));
    }
    if let Some(source) = source.as_deref().filter(|source| *source != CRATES_IO) {
        found.push(format!("{name} {version} comes from {source}, not from crates.io"));
    }
    found
}

fn duplicates(all: &[Package], exceptions: &[Duplicate]) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in all {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    let count = |name: &str| versions.get(name).map_or(0, BTreeSet::len);
    let known = |name: &str| exceptions.iter().any(|exception| exception.package == name);
    let new = versions.iter().filter(|(name, versions)| versions.len() > 1 && !known(name));
    let new = new.map(|(name, versions)| format!("{name} comes in several versions: {versions:?}"));
    let changed =
        exceptions.iter().filter(|exception| count(exception.package) != exception.versions);
    let changed = changed.map(|exception| {
        let Duplicate { package, versions, reason } = exception;
        format!("{package}: {} versions, its exception says {versions} ({reason})", count(package))
    });
    new.chain(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            source: Some(CRATES_IO.to_owned()),
            licence: Some("MIT".to_owned()),
            asks_for: Vec::new(),
        }
    }

    #[test]
    fn a_package_is_read_off_the_metadata() {
        let value = serde_json::json!({
            "name": "a", "version": "1.0.0", "source": null, "license": "MIT",
            "dependencies": [{"name": "b", "source": CRATES_IO}, {"name": "c", "source": null}],
        });
        let wanted =
            Package { source: None, asks_for: vec!["b".to_owned()], ..foreign("a", "1.0.0") };
        assert_eq!(package(&value), wanted);
    }

    #[test]
    fn a_decent_package_breaks_no_rule() {
        assert!(breaches(&foreign("bytes", "1.0.0")).is_empty());
        let ours = Package { source: None, ..foreign("biplane", "0.1.0") };
        assert!(breaches(&ours).is_empty());
    }

    #[test]
    fn bans_licences_and_sources_are_told_by_name() {
        let told = breaches(&foreign("bincode", "2.0.0"));
        assert_eq!(told, ["bincode is banned: abandoned; postcard is our format"]);
        for package in [
            Package { licence: Some("GPL-3.0-only".to_owned()), ..foreign("a", "1.0.0") },
            Package { licence: None, ..foreign("a", "1.0.0") },
            Package { source: Some("git+https://x".to_owned()), ..foreign("a", "1.0.0") },
        ] {
            assert_eq!(breaches(&package).len(), 1, "{package:?}");
        }
    }

    #[test]
    fn duplicates_are_listed_exactly() {
        let listed = |versions| [Duplicate { package: "a", versions, reason: "b is behind" }];
        let twice = [foreign("a", "1.0.0"), foreign("a", "2.0.0"), foreign("b", "1.0.0")];
        assert!(duplicates(&twice, &listed(2)).is_empty());
        assert_eq!(duplicates(&twice, &[]).len(), 1);
        assert_eq!(duplicates(&twice, &listed(3)).len(), 1);
        let told = duplicates(&twice[..1], &listed(2));
        assert_eq!(told, ["a: 1 versions, its exception says 2 (b is behind)"]);
    }
}
