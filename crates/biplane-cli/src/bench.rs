//! `biplane bench`: what the library costs and how fast it is, on the system at hand.

mod bins;
mod document;
pub(crate) mod flags;
mod plot;
mod summary;
mod watcher;

use anyhow::{Result, anyhow};
use biplane_load::{Biplane, BrokeOff, Measured, Plan};

use self::{document::Document, flags::Bench, watcher::Watcher};
use crate::{
    output,
    reserved::Reserved,
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
    plan.check(&Biplane)?;
    let plot = bench.plot.as_deref().map(|path| Reserved::open("--plot", path)).transpose()?;
    system::need_open_files(open_files(bench, &plan))?;
    let mut watcher = Watcher::new(&plan, bench.link.clone(), Stop::on_signals()?);
    let measured = biplane_load::measure(&Biplane, &plan, &mut watcher);
    let link = watcher.end();
    let measured = measured.or_else(|error| Ok(*error.downcast::<BrokeOff>()?.measured));
    let measured = measured.map_err(|error: anyhow::Error| anyhow!("{error:#}"))?;
    let ran = Ran { bench, plan, measured, link };
    if bench.json {
        output::json(&Document::of(&ran))?;
    } else {
        output::say(summary::of(&ran))?;
    }
    let drawn = plot.map_or(Ok(()), |file| plot::draw(&ran, file));
    let undrawn = drawn.err().map(|error| error.to_string());
    Ok(ran.measured.broken.into_iter().chain(undrawn).collect())
}

/// What one of the processes holds open: the connections of each client, and the relay both ends of
/// them.
fn open_files(bench: &Bench, plan: &Plan) -> usize {
    let each = if bench.link.is_some() { 2 } else { 1 };
    each * bench.workload.connections() * plan.clients + FILES_BESIDE
}
