//! What bots tell at their end.

use std::fmt;

use biplane::Planes;
use serde::Serialize;

use super::{ByReason, Datagrams, NotYet, figure, reasons};
use crate::spread::{Percentiles, WithMax};

/// `bots --json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct BotsReport {
    /// Bots there were to be.
    pub(crate) count: u32,
    #[serde(flatten)]
    pub(crate) joins: Joins,
    /// From the first join to the end.
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) play: Play,
    #[serde(flatten)]
    pub(crate) times: Times,
    #[serde(flatten)]
    pub(crate) network: Network,
    /// One entry a second.
    pub(crate) timeline: Vec<Second>,
}

/// How bots came in, and back.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Joins {
    /// Bots that were admitted at least once.
    pub(crate) joined: u32,
    /// From the start to the last first join.
    pub(crate) joined_after_ms: Option<f64>,
    /// One bot's, from its first packet to admission.
    pub(crate) join_ms: WithMax,
    /// Joins refused by the server.
    pub(crate) rejected: u64,
    /// Sessions that ended otherwise than by the bot or the end of the run.
    pub(crate) disconnected: u64,
    /// Of these, those whose bot came back.
    pub(crate) rejoined: u64,
    /// From the end of a session to the next admission.
    pub(crate) rejoin_ms: WithMax,
}

/// What was played.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Play {
    /// Different rooms that bots sat in.
    pub(crate) rooms: usize,
    pub(crate) commands: Commands,
    pub(crate) inputs: Inputs,
    pub(crate) snapshots: Snapshots,
    /// Lines of chat that reached bots.
    pub(crate) chat_heard: u64,
}

/// By the numbers in their payloads, as the server's application saw them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Commands {
    pub(crate) sent: u64,
    /// Vouched for by the server's application.
    pub(crate) acknowledged: u64,
    /// Not vouched for, because missing or because there was nobody left to ask.
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
}

/// Intents of one tick, each counted once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Inputs {
    pub(crate) sent: u64,
    /// Used by the server in any tick.
    pub(crate) applied: u64,
}

/// Snapshots within stays in a match.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Snapshots {
    pub(crate) received: u64,
    /// Older than one already taken.
    pub(crate) late: u64,
    /// Missing numbers.
    pub(crate) lost: u64,
    /// Per second that a bot spent in a match.
    pub(crate) rate_hz: Option<f64>,
    /// Between two in arrival.
    pub(crate) gap_ms: WithMax,
    /// When taken, beyond what the fastest before it in the same stay took.
    pub(crate) age_ms: WithMax,
}

/// Round trips; the rest waits for its features.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Times {
    pub(crate) rtt_ms: Percentiles,
    pub(crate) snapshot_age_ms: NotYet,
    pub(crate) correction_px: NotYet,
    pub(crate) corrections_percent: NotYet,
    pub(crate) underrun_percent: NotYet,
}

/// Planes, bytes and datagrams.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Network {
    pub(crate) planes: PlanesReport,
    /// Control connections that took the place of another.
    pub(crate) resumes: u64,
    pub(crate) bytes_per_bot_per_second: Traffic,
    pub(crate) datagrams: Datagrams,
    pub(crate) drops: ByReason,
}

/// Bots by the worse of their two directions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct PlaneCounts {
    pub(crate) both: u32,
    pub(crate) control_only: u32,
    pub(crate) data_only: u32,
    /// Neither plane, or no session.
    pub(crate) lost: u32,
}

/// The planes at the end, and how often they changed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct PlanesReport {
    #[serde(flatten)]
    pub(crate) at_the_end: PlaneCounts,
    /// Events of all bots, without each session's first rise to both.
    pub(crate) changes: u64,
}

/// Bytes of both planes, without the headers of IP, UDP, TCP and TLS.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Traffic {
    pub(crate) up: Option<f64>,
    pub(crate) down: Option<f64>,
}

/// One second of the run: bots by the worst that they flew on at any time in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Second {
    /// Seconds since the first join, at the second's end.
    pub(crate) t: u64,
    #[serde(flatten)]
    pub(crate) planes: PlaneCounts,
    /// Received in it, per second that a bot spent in a match.
    pub(crate) snapshots_hz: Option<f64>,
}

impl PlaneCounts {
    /// Counts bots by what they fly on.
    pub(crate) fn of(all: impl Iterator<Item = Planes>) -> Self {
        let mut counts = Self::default();
        for planes in all {
            *match planes {
                Planes::Both => &mut counts.both,
                Planes::ControlOnly => &mut counts.control_only,
                Planes::DataOnly => &mut counts.data_only,
                _ => &mut counts.lost,
            } += 1;
        }
        counts
    }
}

impl fmt::Display for PlaneCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { both, control_only, data_only, lost } = self;
        write!(f, "{both} both, {control_only} control only, {data_only} data only, {lost} lost")
    }
}

impl Commands {
    /// Adds another bot's.
    pub(crate) const fn add(&mut self, other: Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.acknowledged = self.acknowledged.saturating_add(other.acknowledged);
        self.lost = self.lost.saturating_add(other.lost);
        self.duplicated = self.duplicated.saturating_add(other.duplicated);
    }
}

impl Inputs {
    /// Adds another bot's; what it was used is the server's word, who may say anything.
    pub(crate) const fn add(&mut self, other: Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.applied = self.applied.saturating_add(other.applied);
    }
}

impl BotsReport {
    /// What was promised and did not hold, in words.
    pub(crate) fn broken_promises(&self) -> Vec<String> {
        let commands = &self.play.commands;
        let missing = u64::from(self.count.saturating_sub(self.joins.joined));
        [
            (missing, "bots never joined"),
            (self.joins.rejected, "joins were refused"),
            (self.joins.disconnected, "sessions were disconnected"),
            (commands.lost, "commands were lost"),
            (commands.duplicated, "commands were duplicated"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
    }
}

impl fmt::Display for BotsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, joins, seconds, play, times, network, .. } = self;
        writeln!(f, "bots        {} of {count} joined, {seconds:.1} s", joins.joined)?;
        writeln!(f, "{joins}\n{play}")?;
        let (p50, p99) = (figure(times.rtt_ms.p50, " ms"), figure(times.rtt_ms.p99, " ms"));
        writeln!(f, "round trip  p50 {p50}, p99 {p99}")?;
        network.fmt(f)
    }
}

impl fmt::Display for Joins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "joins       p50 {}, p99 {}; {} refused, {} disconnected, {} came back",
            figure(self.join_ms.p50, " ms"),
            figure(self.join_ms.p99, " ms"),
            self.rejected,
            self.disconnected,
            self.rejoined,
        )
    }
}

impl fmt::Display for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rooms, commands, inputs, snapshots, chat_heard } = self;
        writeln!(
            f,
            "commands    {} sent, {} lost, {} duplicated; {chat_heard} lines heard in {rooms} rooms",
            commands.sent, commands.lost, commands.duplicated,
        )?;
        writeln!(f, "inputs      {} sent, {} applied", inputs.sent, inputs.applied)?;
        write!(
            f,
            "snapshots   {} received, {} late, {} lost; {}, gap p99 {}, max {}",
            snapshots.received,
            snapshots.late,
            snapshots.lost,
            figure(snapshots.rate_hz, " Hz"),
            figure(snapshots.gap_ms.p99, " ms"),
            figure(snapshots.gap_ms.max, " ms"),
        )
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PlanesReport { at_the_end, changes } = self.planes;
        writeln!(f, "planes      {at_the_end}; {changes} changes, {} resumes", self.resumes)?;
        writeln!(
            f,
            "traffic     {} up, {} down, per bot and second",
            figure(self.bytes_per_bot_per_second.up, " B"),
            figure(self.bytes_per_bot_per_second.down, " B"),
        )?;
        let Datagrams { sent, received, delivered, .. } = self.datagrams;
        write!(
            f,
            "datagrams   {sent} sent, {received} received, {delivered} delivered; dropped: {}",
            reasons(&self.drops),
        )
    }
}
