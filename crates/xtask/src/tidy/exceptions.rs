//! What breaks a rule and may, each with its reason.
//!
//! The list only shrinks: an entry that is not needed any more, or allows more than is needed, is
//! itself a breach.

/// Something larger than the rule allows.
#[derive(Debug)]
pub(super) struct Oversize {
    /// The file, or the file and the item in it, as the breach names it.
    pub(super) place: &'static str,
    /// Exactly what it measures today.
    pub(super) measures: usize,
    pub(super) reason: &'static str,
}

/// A package that is built in several versions.
#[derive(Debug)]
pub(super) struct Duplicate {
    pub(super) package: &'static str,
    /// How many versions there are today.
    pub(super) versions: usize,
    pub(super) reason: &'static str,
}

/// Files, functions and structs beyond their caps.
pub(super) const OVERSIZE: &[Oversize] = &[
    Oversize {
        place: "crates/biplane-proto/src/stats.rs struct SessionStats",
        measures: 31,
        reason: "a flat list of figures, each with its unit: groups would only lengthen its names",
    },
    Oversize {
        place: "crates/biplane-sim/src/sweep/outcome.rs struct Figures",
        measures: 13,
        reason: "a flat list of figures, added up over seeds field by field",
    },
    Oversize {
        place: "crates/biplane-wire/src/hello/parameters.rs struct Parameters",
        measures: 13,
        reason: "one field for each id of the wire, which is a flat list",
    },
];

/// Packages in several versions, on any system.
pub(super) const DUPLICATES: &[Duplicate] = &[
    Duplicate {
        package: "base64",
        versions: 2,
        reason: "rcgen's `pem` is one version ahead of ours",
    },
    Duplicate {
        package: "embedded-io",
        versions: 2,
        reason: "postcard names both as optional; neither is built",
    },
    Duplicate {
        package: "getrandom",
        versions: 2,
        reason: "ring is behind; proptest, for tests alone, is not",
    },
    Duplicate {
        package: "quinn-udp",
        versions: 2,
        reason: "quinn, a program that tests relay, is one version behind",
    },
    Duplicate {
        package: "syn",
        versions: 2,
        reason: "the derives of serde and clap move at different times; build time alone",
    },
    Duplicate { package: "windows-sys", versions: 2, reason: "ring is behind; Windows alone" },
];
