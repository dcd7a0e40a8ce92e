//! `biplane doctor`: is parallel send and receive on one UDP socket sound on this system, and what
//! does it cost?
//!
//! `biplane-net` examines its own sockets; here it is asked, and what it found is told.

mod bar;
mod document;
mod findings;
pub(crate) mod flags;
mod saved;
mod table;
mod words;

use std::ops::ControlFlow;

use anyhow::Result;
use biplane_net::doctor::{self, DoctorConfig, Soundness};

use crate::{
    output,
    reserved::Reserved,
    system::{self, Stop},
};
use bar::Bar;
use document::Document;
use findings::Findings;
use flags::Doctor;

/// Runs the command; what did not hold.
pub(crate) fn run(flags: &Doctor) -> Result<Vec<String>> {
    let save = flags.save.as_deref().map(|path| Reserved::open("--save", path)).transpose()?;
    system::raise_open_files();
    let stop = Stop::on_signals()?;
    let findings = examine(flags, &stop)?;
    if flags.json {
        output::json(&Document::from(&findings))?;
    } else {
        output::say(words::told(&findings))?;
    }
    let saved = save.map_or(Ok(()), |file| saved::save(&findings, file));
    let unsaved = saved.err().map(|error| error.to_string());
    Ok(broken(&findings).into_iter().chain(unsaved).collect())
}

fn examine(flags: &Doctor, stop: &Stop) -> Result<Findings> {
    let config = DoctorConfig {
        quick: flags.quick,
        interfaces: flags.interface.clone(),
        trick: flags.fault.map(Into::into),
    };
    let bar = Bar::on_terminal();
    let found = doctor::examine(&config, &mut |progress| {
        bar.show(&progress);
        if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.last("seals");
    let seals = if stop.is_raised() { Vec::new() } else { findings::seal_costs() };
    bar.end();
    Ok(Findings::of(found, seals))
}

/// What a sound system does not do, or was not seen. What UDP may do is told and no breach.
fn broken(findings: &Findings) -> Vec<String> {
    let totals = findings.found.totals();
    match findings.found.soundness() {
        Soundness::Sound => Vec::new(),
        Soundness::Unsound => {
            vec![format!("soundness ({} torn, {} duplicated)", totals.torn, totals.duplicated)]
        }
        _ => vec!["soundness (not shown)".to_owned()],
    }
}
