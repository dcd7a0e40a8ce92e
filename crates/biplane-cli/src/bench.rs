//! `biplane bench`: what the library costs and how fast it is, on the system at hand.

mod bins;
mod document;
pub(crate) mod flags;
mod plot;
mod summary;
mod watcher;

use std::{fs::File, path::Path};

use anyhow::{Context, Result};
use biplane_load::{Biplane, Measured, Plan};

use self::{document::Document, flags::Bench, watcher::Watcher};
use crate::{
    output,
    system::{self, Stop},
};

/// Open files beside those of clients, generously.
const FILES_BESIDE: usize = 64;

/// One run, and what it was run over.
#[derive(Debug)]
pub(crate) struct Ran<'a> {
    bench: &'a Bench,
    plan: Plan,
    measured: Measured,
    /// What the relay between them carried.
    link: Option<biplane_link::RelayStats>,
}

/// Runs the command; what did not hold.
pub(crate) fn run(bench: &Bench) -> Result<Vec<String>> {
    let plan = bench.plan()?;
    let plot = bench.plot.as_deref().map(open).transpose()?;
    system::need_open_files(open_files(bench, &plan))?;
    let mut watcher = Watcher::new(&plan, bench.link.clone(), Stop::on_signals()?);
    let measured = biplane_load::measure(&Biplane, &plan, &mut watcher);
    let link = watcher.end();
    let measured = measured.map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let ran = Ran { bench, plan, measured, link };
    if bench.json {
        output::json(&Document::of(&ran))?;
    } else {
        output::say(summary::of(&ran))?;
    }
    if let Some(file) = plot {
        plot::draw(&ran, file)?;
    }
    Ok(ran.measured.broken)
}

/// What one of the processes holds open: a connection of each client, and the relay both ends of it.
fn open_files(bench: &Bench, plan: &Plan) -> usize {
    let each = if bench.link.is_some() { 2 } else { 1 };
    each * plan.clients + FILES_BESIDE
}

/// Opened before anything is measured, so that a wrong name costs nothing.
fn open(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("--plot {}", path.display()));
    file.map_err(|error| anyhow::anyhow!("{error:#}"))
}
