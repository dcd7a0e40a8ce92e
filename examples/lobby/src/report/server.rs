//! What a server tells at its end.

use std::fmt;

use serde::Serialize;

use super::{ByReason, Datagrams, Resident, figure, reasons};

/// `serve --json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ServerReport {
    /// From the start to the end.
    pub(crate) seconds: f64,
    pub(crate) sessions: Sessions,
    pub(crate) datagrams: Dropped,
    pub(crate) receivers: Vec<Worker>,
    pub(crate) senders: Vec<Worker>,
    pub(crate) commands: ServerCommands,
    pub(crate) tick: Tick,
    #[serde(flatten)]
    pub(crate) process: Process,
    /// One entry a second, or fewer after a long run.
    pub(crate) timeline: Vec<Moment>,
}

/// How a server was at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Moment {
    /// Seconds since the start.
    pub(crate) t: f64,
    /// Sessions then.
    pub(crate) sessions: u64,
    /// Rooms then.
    pub(crate) rooms: usize,
    /// Bytes resident then.
    pub(crate) rss_bytes: Option<u64>,
    /// Bytes resident at the most until then.
    pub(crate) rss_peak_bytes: Option<u64>,
}

/// Sessions since the start.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Sessions {
    /// At once.
    pub(crate) peak: u64,
    pub(crate) admitted: u64,
    pub(crate) refused: u64,
    pub(crate) timed_out: u64,
    /// Control connections that took the place of another.
    pub(crate) resumed: u64,
    pub(crate) left: ByReason,
}

/// Datagrams, with those dropped by reason.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Dropped {
    #[serde(flatten)]
    pub(crate) all: Datagrams,
    pub(crate) dropped: ByReason,
}

/// One thread that receives or sends.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Worker {
    pub(crate) datagrams: u64,
    pub(crate) batches: u64,
    pub(crate) wakeups: u64,
}

/// As the application saw them, by the numbers in their payloads.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct ServerCommands {
    pub(crate) received: u64,
    pub(crate) duplicated: u64,
}

/// The match's loop.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Tick {
    pub(crate) rate_hz: Option<f64>,
    /// Of a tick's work.
    pub(crate) p99_ms: Option<f64>,
    /// Ticks whose work took longer than a tick may.
    pub(crate) over_budget: u32,
}

/// The process; in a demo, of the bots too.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Process {
    pub(crate) cpu_seconds: f64,
    pub(crate) rss_bytes: Resident,
    pub(crate) panics: u64,
}

impl ServerReport {
    /// What was promised and did not hold, in words. Commands that came twice are told and break no
    /// promise: any client may give two the same number. Bots, who do not, tell of their own.
    pub(crate) fn broken_promises(&self) -> Vec<String> {
        let panics = self.process.panics;
        (panics > 0).then(|| format!("{panics} panics")).into_iter().collect()
    }
}

impl fmt::Display for ServerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, sessions, datagrams, commands, tick, process, .. } = self;
        let Sessions { peak, admitted, refused, timed_out, resumed, left } = sessions;
        writeln!(
            f,
            "server      {seconds:.1} s; {admitted} sessions admitted, {peak} at once, \
             {refused} refused, {timed_out} timed out; {resumed} resumes",
        )?;
        writeln!(f, "left        {}", reasons(left))?;
        writeln!(
            f,
            "ticks       {}, work p99 {}, {} over budget",
            figure(tick.rate_hz, " Hz"),
            figure(tick.p99_ms, " ms"),
            tick.over_budget,
        )?;
        writeln!(f, "commands    {} received, {} twice", commands.received, commands.duplicated)?;
        let Datagrams { sent, received, delivered, .. } = datagrams.all;
        writeln!(
            f,
            "datagrams   {sent} sent, {received} received, {delivered} delivered; dropped: {}",
            reasons(&datagrams.dropped),
        )?;
        process.fmt(f)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu_seconds, rss_bytes, panics } = self;
        let mebibytes = rss_bytes.peak.map_or(0, |bytes| bytes >> 20);
        write!(
            f,
            "process     {cpu_seconds:.1} s of processor time, {mebibytes} MiB at the most, \
             {panics} panics",
        )
    }
}
