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
use biplane_net::doctor::{self, DoctorConfig};

use crate::{
    output,
    system::{self, Stop},
};
use bar::Bar;
use document::Document;
use findings::Findings;
use flags::Doctor;

/// Runs the command; what did not hold.
pub(crate) fn run(flags: &Doctor) -> Result<Vec<String>> {
    flags.save.as_deref().map_or(Ok(()), saved::check)?;
    system::raise_open_files();
    let stop = Stop::on_signals()?;
    let findings = examine(flags, &stop)?;
    if flags.json {
        output::json(&Document::from(&findings))?;
    } else {
        output::say(words::told(&findings))?;
    }
    if let Some(path) = &flags.save {
        saved::save(&findings, path)?;
    }
    Ok(broken(&findings))
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

/// What a sound system does not do. What UDP may do is told and no breach.
fn broken(findings: &Findings) -> Vec<String> {
    let totals = findings.found.totals();
    let unsound = !findings.found.is_sound();
    let told = || format!("soundness ({} torn, {} duplicated)", totals.torn, totals.duplicated);
    unsound.then(told).into_iter().collect()
}
