//! The recommended configuration as a file, which `ServerConfig::recommended_from` reads.

use anyhow::Result;
use biplane_net::doctor::Soundness;

use super::findings::{Findings, THREADING, name_of};
use crate::{output, reserved::Reserved};

/// Writes what is recommended; nothing if not enough is known to recommend it.
pub(super) fn save(findings: &Findings, file: Reserved) -> Result<()> {
    match text(findings) {
        Some(text) => file.write(&text),
        None => {
            let path = file.path().display();
            output::tell(&format!("biplane: {path} is not written: too little is known"));
            Ok(())
        }
    }
}

fn text(findings: &Findings) -> Option<String> {
    let is_known = findings.is_complete() && findings.found.soundness() != Soundness::NotShown;
    let cheapest = findings.cheapest().filter(|_| is_known)?;
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
