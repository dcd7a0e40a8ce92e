//! Where things are: the checkout, the target folder, our own scratch folder in it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The top of the checkout this program was built from.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Path of a scratch file; its folder exists afterwards.
///
/// # Errors
///
/// If the folder cannot be made.
pub(crate) fn scratch(name: &str) -> io::Result<PathBuf> {
    let folder = target().join("xtask");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(name))
}
