//! The JSON document. Keys are fixed by the command-line contract.

use biplane_net::doctor::{Cell, Counts, Quantiles, Reach, Symptom, Trial};
use biplane_sim::SealCost;
use serde::Serialize;

use super::{
    findings::{Findings, THREADING, micros, name_of},
    words,
};

#[derive(Debug, Serialize)]
pub(super) struct Document {
    sound: bool,
    /// Whether every step was done.
    complete: bool,
    /// What the sockets did that perfect ones would not: torn, duplicated, lost, reordered.
    faults: Vec<&'static str>,
    /// The same in sentences.
    verdict: Vec<String>,
    #[serde(flatten)]
    totals: Tally,
    #[serde(flatten)]
    system: System,
    matrix: Vec<Row>,
    interfaces: Vec<Interface>,
    timer_jitter_us: Option<Spread>,
    wakeup_us: Option<Spread>,
    aead: Vec<Seal>,
    recommended: Recommended,
}

/// What became of datagrams: of one row's, or of all.
#[derive(Debug, Serialize)]
struct Tally {
    sent: u64,
    delivered_once: u64,
    torn: u64,
    duplicated: u64,
    lost: u64,
    reordered_percent: f64,
    reordered_within_reader: u64,
    worst_displacement: u64,
}

#[derive(Debug, Serialize)]
struct System {
    gso_segments: Option<usize>,
    gro_segments: Option<u64>,
    gso_refused: Option<u64>,
    gso_datagrams_per_second: Option<f64>,
    recv_buffer_bytes: Option<usize>,
    recv_buffer_asked_bytes: Option<usize>,
    send_buffer_bytes: Option<usize>,
    send_buffer_asked_bytes: Option<usize>,
    kernel_drop_counter: Option<DropCounter>,
}

#[derive(Debug, Serialize)]
struct DropCounter {
    dropped: u64,
    counted: Option<u64>,
    right: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    receivers: usize,
    senders: usize,
    reuseport: bool,
    datagrams_per_second: f64,
    cpu_ns_per_datagram: Option<f64>,
    #[serde(flatten)]
    tally: Tally,
    fairness: f64,
    kernel_dropped: Option<u64>,
    shares: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Interface {
    name: String,
    /// Null: the system did not let it be tried.
    multicast_v4: Option<bool>,
    multicast_v6: Option<bool>,
    broadcast: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Spread {
    p50: f64,
    p99: f64,
}

#[derive(Debug, Serialize)]
struct Seal {
    name: &'static str,
    size: usize,
    seal_ns: u128,
    open_ns: u128,
}

#[derive(Debug, Serialize)]
struct Recommended {
    threading: &'static str,
    receivers: usize,
    senders: usize,
    aead: Option<&'static str>,
}

impl From<&Findings> for Document {
    fn from(findings: &Findings) -> Self {
        let Findings { found, seals, workers } = findings;
        Self {
            sound: found.is_sound(),
            complete: findings.is_complete(),
            faults: found.symptoms().into_iter().map(name).collect(),
            verdict: words::verdict(findings),
            totals: Tally::from(&found.totals()),
            system: System::from(findings),
            matrix: found.matrix.iter().map(Row::from).collect(),
            interfaces: found.reach.iter().map(Interface::from).collect(),
            timer_jitter_us: found.timing.jitter.map(Spread::from),
            wakeup_us: found.timing.wakeup.map(Spread::from),
            aead: seals.iter().map(Seal::from).collect(),
            recommended: Recommended {
                threading: THREADING,
                receivers: workers.receivers,
                senders: workers.senders,
                aead: findings.cheapest().map(|cost| name_of(cost.aead)),
            },
        }
    }
}

/// A symptom in one word, as the contract's keys have it.
fn name(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::Torn => "torn",
        Symptom::Duplicated => "duplicated",
        Symptom::Lost => "lost",
        Symptom::Reordered => "reordered",
        // One that this program does not know of yet.
        _ => "other",
    }
}

impl From<&Counts> for Tally {
    fn from(counts: &Counts) -> Self {
        Self {
            sent: counts.sent,
            delivered_once: counts.delivered_once,
            torn: counts.torn,
            duplicated: counts.duplicated,
            lost: counts.lost,
            reordered_percent: counts.reordered_percent(),
            reordered_within_reader: counts.reordered_within_reader,
            worst_displacement: counts.worst_displacement,
        }
    }
}

impl From<&Findings> for System {
    fn from(Findings { found, .. }: &Findings) -> Self {
        let (offload, buffers) = (found.offload, found.buffers);
        Self {
            gso_segments: offload.map(|offload| offload.gso_segments),
            gro_segments: offload.map(|offload| offload.gro_segments),
            gso_refused: offload.map(|offload| offload.refused),
            gso_datagrams_per_second: offload.map(|offload| offload.datagrams_per_second),
            recv_buffer_bytes: buffers.map(|buffers| buffers.receive.granted),
            recv_buffer_asked_bytes: buffers.map(|buffers| buffers.receive.asked),
            send_buffer_bytes: buffers.map(|buffers| buffers.send.granted),
            send_buffer_asked_bytes: buffers.map(|buffers| buffers.send.asked),
            kernel_drop_counter: buffers.map(|buffers| DropCounter {
                dropped: buffers.drop_counter.dropped,
                counted: buffers.drop_counter.counted,
                right: buffers.drop_counter.is_right(),
            }),
        }
    }
}

impl From<&Cell> for Row {
    fn from(cell: &Cell) -> Self {
        Self {
            receivers: cell.receivers,
            senders: cell.senders,
            reuseport: cell.reuseport,
            datagrams_per_second: cell.datagrams_per_second,
            cpu_ns_per_datagram: cell.cpu_ns_per_datagram,
            tally: Tally::from(&cell.counts),
            fairness: cell.fairness(),
            kernel_dropped: cell.kernel_dropped,
            shares: cell.shares.clone(),
        }
    }
}

impl From<&Reach> for Interface {
    fn from(reach: &Reach) -> Self {
        Self {
            name: reach.name.clone(),
            multicast_v4: came(reach.multicast_v4),
            multicast_v6: came(reach.multicast_v6),
            broadcast: came(reach.broadcast),
        }
    }
}

const fn came(trial: Trial) -> Option<bool> {
    match trial {
        Trial::Came => Some(true),
        Trial::DidNotCome => Some(false),
        _ => None,
    }
}

impl From<Quantiles> for Spread {
    fn from(Quantiles { p50, p99 }: Quantiles) -> Self {
        Self { p50: micros(p50), p99: micros(p99) }
    }
}

impl From<&SealCost> for Seal {
    fn from(cost: &SealCost) -> Self {
        Self {
            name: name_of(cost.aead),
            size: cost.size,
            seal_ns: cost.seal.as_nanos(),
            open_ns: cost.open.as_nanos(),
        }
    }
}
