//! What the parent and its parts say to each other, a line at a time.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Handed, Plan, Workers, books::Counts, latency::Bucket, meter::Spent};

/// The environment variable that makes a process a part, and says which.
pub(crate) const PART: &str = "BIPLANE_LOAD_PART";
/// Its value in the process of the server.
pub(crate) const SERVER: &str = "server";
/// Its value in the process of the clients.
pub(crate) const CLIENTS: &str = "clients";

/// The first line to a part.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    pub(crate) system: String,
    pub(crate) plan: Plan,
    /// The file of the counters.
    pub(crate) shared: PathBuf,
    /// Where the server is; none for the server itself.
    pub(crate) address: Option<String>,
}

/// What a part is told later, each at most once and in this order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Order {
    /// The time counts from now.
    Go,
    /// No new work from now on.
    Stop,
    /// To the server: the clients have had what was under way. To them: the server has reported.
    End,
}

/// What a part tells.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Told {
    /// The server is there, at this address.
    Serving(String),
    /// The clients can begin.
    Ready,
    /// The clients have nothing more to do.
    Done,
    /// All that came of it; the last line.
    Report(Box<Report>),
    /// Why it cannot go on; the last line.
    Failed(String),
}

/// What one side has seen.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// From go to stop.
    pub(crate) spent: Spent,
    /// Messages that the system took.
    pub(crate) sent: u64,
    /// Messages that it had no room for, and that were not offered again.
    pub(crate) refused: u64,
    /// Messages that were due and that it was never offered.
    pub(crate) missed: u64,
    /// What came until the stop.
    pub(crate) in_time: u64,
    /// What came at all.
    pub(crate) counts: Counts,
    pub(crate) latencies: Vec<Bucket>,
    pub(crate) sessions: Sessions,
    /// Memory before any client joined and at the stop, in bytes.
    pub(crate) resident: Option<(u64, u64)>,
    /// From go to stop.
    pub(crate) workers: Workers,
    pub(crate) drops: BTreeMap<String, u64>,
    /// The client's alone.
    pub(crate) flow: Option<Flow>,
}

/// Who was there.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Sessions {
    pub(crate) joined: u64,
    /// Left after they had joined.
    pub(crate) left: u64,
    /// Could not join.
    pub(crate) failed: u64,
    /// Why the first of those could not.
    pub(crate) why_not: Option<String>,
    /// From the first call to the last that joined.
    pub(crate) joined_after: Duration,
}

/// What the clients say of their flow.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Flow {
    /// Messages under way at the most, at the end.
    pub(crate) window: Option<u64>,
    /// Something was still under way when the last message had come long ago.
    pub(crate) is_stalled: bool,
    /// What came in bulk, once that has ended.
    pub(crate) handed: Option<Handed>,
}
