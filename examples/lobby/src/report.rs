//! What the commands tell at their end: one JSON document, or words for a person. The keys are
//! fixed by the command-line contract; a key whose feature does not exist yet is null.

mod bots;
mod server;

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, Write},
};

use anyhow::anyhow;
use serde::Serialize;

use crate::system::Memory;

pub(crate) use bots::{
    BotsReport, Commands, Inputs, Joins, Network, PlaneCounts, PlanesReport, Play, Second,
    Snapshots, Times, Traffic,
};
pub(crate) use server::{
    Dropped, Moment, Process, ServerCommands, ServerReport, Sessions, Tick, Worker,
};

/// A figure whose feature does not exist yet: null.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct NotYet;

/// Datagrams of one endpoint. `received` = `delivered` + all that were dropped.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Datagrams {
    /// Handed to the kernel.
    pub(crate) sent: u64,
    /// Taken from the kernel.
    pub(crate) received: u64,
    /// Taken in by a session.
    pub(crate) delivered: u64,
    /// Dropped by the kernel for want of room, where it tells.
    pub(crate) kernel_dropped: Option<u64>,
    /// Refused by the kernel on the way out.
    pub(crate) unsent: u64,
}

/// Things by the name of their reason; every reason there is, most of them 0.
pub(crate) type ByReason = BTreeMap<&'static str, u64>;

/// `demo --json`.
#[derive(Debug, Serialize)]
pub(crate) struct DemoReport {
    /// As `bots --json`.
    pub(crate) bots: BotsReport,
    /// As `serve --json`.
    pub(crate) server: ServerReport,
}

/// Memory at the start, at the most, and at the end of a run, in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Resident {
    /// When the work began.
    pub(crate) start: Option<u64>,
    /// At the most.
    pub(crate) peak: Option<u64>,
    /// When the work was over.
    pub(crate) end: Option<u64>,
}

impl Resident {
    /// From the memory then and now.
    pub(crate) const fn between(then: Memory, now: Memory) -> Self {
        Self { start: then.resident, peak: now.peak, end: now.resident }
    }
}

/// Prints a document as the only thing on standard output.
///
/// # Errors
///
/// If standard output does not take it.
pub(crate) fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(document)?)
}

/// Prints a line, or many, on standard output.
///
/// # Errors
///
/// If standard output does not take it.
pub(crate) fn print(text: &impl Display) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").map_err(|error| anyhow!("standard output: {error}"))
}

/// A figure in words, with a dash where there is none.
fn figure(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}{unit}"))
}

/// The reasons that are not 0, in words.
fn reasons(counts: &ByReason) -> String {
    let told: Vec<_> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests;
