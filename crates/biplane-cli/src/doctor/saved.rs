//! The recommended configuration as a file, which `ServerConfig::recommended_from` reads.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow};

use super::findings::{Findings, THREADING, name_of};

/// Whether a file can be there at all: told before the examination and not after it.
pub(super) fn check(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let is_there = folder.is_none_or(Path::is_dir);
    if path.is_dir() || !is_there {
        return Err(anyhow!("--save {}: no such folder, or a folder itself", path.display()));
    }
    Ok(())
}

/// Writes what is recommended; nothing if not all is known.
pub(super) fn save(findings: &Findings, path: &Path) -> Result<()> {
    let Some(text) = text(findings) else {
        eprintln!("biplane: {} is not written: the examination was ended early", path.display());
        return Ok(());
    };
    let written = fs::write(path, text).with_context(|| format!("--save {}", path.display()));
    written.map_err(|error| anyhow!("{error:#}"))
}

fn text(findings: &Findings) -> Option<String> {
    let cheapest = findings.cheapest().filter(|_| findings.is_complete())?;
    let workers = &findings.workers;
    Some(format!(
        "# What `biplane doctor` recommends for the machine it ran on.\n\
         threading = \"{THREADING}\"\n\
         receivers = {}\n\
         senders = {}\n\
         aead = \"{}\"\n",
        workers.receivers,
        workers.senders,
        name_of(cheapest.aead)
    ))
}
