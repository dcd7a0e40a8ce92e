//! Builds the C library ENet from the sources in the crate `enet-sys`, with a C compiler alone.
//!
//! That crate's own build wants cmake and libclang, so it is no dependency of any target: it only
//! stands in the lock file, and cargo says where its sources are. Where they cannot be had, the
//! system `enet` says so when it is asked for.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// What ENet's cmake finds on Linux.
const FOUND: [&str; 8] = [
    "HAS_FCNTL",
    "HAS_POLL",
    "HAS_GETADDRINFO",
    "HAS_GETNAMEINFO",
    "HAS_INET_PTON",
    "HAS_INET_NTOP",
    "HAS_MSGHDR_FLAGS",
    "HAS_SOCKLEN_T",
];

const SOURCES: [&str; 7] =
    ["callbacks.c", "compress.c", "host.c", "list.c", "packet.c", "peer.c", "protocol.c"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rustc-check-cfg=cfg(has_enet)");
    let sources = [&["--offline"][..], &[]].iter().find_map(|network| sources(network));
    match sources {
        Some(folder) => compile(&folder),
        None => println!("cargo::warning=the sources of enet-sys are not here: no system `enet`"),
    }
}

/// Where ENet's sources are, as cargo has them.
fn sources(network: &[&str]) -> Option<PathBuf> {
    let cargo = env::var_os("CARGO")?;
    let metadata = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(network)
        .output()
        .ok()?;
    let metadata = String::from_utf8(metadata.stdout).ok()?;
    let manifests = metadata.split("\"manifest_path\":\"").skip(1);
    let mut folders = manifests.filter_map(|rest| Path::new(rest.split_once('"')?.0).parent());
    let is_it = |folder: &&Path| {
        folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("enet-sys"))
    };
    Some(folders.find(is_it)?.join("vendor/enet"))
}

fn compile(folder: &Path) {
    let mut build = cc::Build::new();
    build.include(folder.join("include")).file(folder.join("unix.c")).warnings(false);
    build.files(SOURCES.map(|source| folder.join(source)));
    for found in FOUND {
        build.define(found, "1");
    }
    build.compile("enet");
    println!("cargo::rustc-cfg=has_enet");
}
