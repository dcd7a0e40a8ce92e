//! The JSON document of `biplane bench`. Its keys are fixed by the command-line contract; what a
//! workload does not have is null.

use std::collections::BTreeMap;

use biplane_load::{Biplane, Bulk, Latency, Measured, Sides, System, Way, Worker};
use serde::Serialize;

use super::Ran;
use crate::report;

#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    workload: &'static str,
    #[serde(flatten)]
    messages: Messages,
    #[serde(flatten)]
    cost: Cost,
    #[serde(flatten)]
    connects: Connects,
    latency_us: Option<&'a Latency>,
    /// The server's threads, and what each did while it was measured.
    receivers: &'a [Worker],
    senders: &'a [Worker],
    /// Of both sides.
    drops: &'a BTreeMap<String, u64>,
    up: Option<Way>,
    down: Option<Way>,
    broken: &'a [String],
    #[serde(flatten)]
    ran: How,
}

#[derive(Debug, Serialize)]
struct Messages {
    messages_per_second: Option<f64>,
    bytes_per_second: Option<f64>,
    delivered_share: Option<f64>,
    window_bytes: Option<u64>,
    transfer: Option<Bulk>,
}

#[derive(Debug, Serialize)]
struct Cost {
    cpu_ns_per_message: Option<Sides<f64>>,
    /// Share of one processor that each process used.
    busy: Sides<f64>,
    rss_bytes_per_client: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Connects {
    connects_per_second: Option<f64>,
    cpu_ns_per_connect: Option<Sides<f64>>,
}

/// How it was measured.
#[derive(Debug, Serialize)]
struct How {
    seconds: f64,
    clients: usize,
    version: String,
    settings: String,
    profile: Option<String>,
    link: Option<report::Document>,
}

impl<'a> Document<'a> {
    pub(super) fn of(ran: &'a Ran<'_>) -> Self {
        let measured = &ran.measured;
        Self {
            workload: ran.bench.workload.name(),
            messages: Messages::of(measured),
            cost: Cost {
                cpu_ns_per_message: measured.cpu_ns_per_message,
                busy: measured.busy,
                rss_bytes_per_client: measured.rss_bytes_per_client,
            },
            connects: Connects::of(measured),
            latency_us: measured.latency.as_ref(),
            receivers: &measured.workers.server.receivers,
            senders: &measured.workers.server.senders,
            drops: &measured.drops,
            up: measured.up,
            down: measured.down,
            broken: &measured.broken,
            ran: How {
                seconds: measured.seconds,
                clients: ran.plan.clients,
                version: Biplane.version(),
                settings: Biplane.settings(&ran.plan.means()),
                profile: ran.bench.link.as_ref().map(ToString::to_string),
                link: ran.link.as_ref().map(report::Document::from),
            },
        }
    }
}

impl Messages {
    fn of(measured: &Measured) -> Self {
        let rates = measured.rates;
        Self {
            messages_per_second: rates.map(|rates| rates.messages_per_second),
            bytes_per_second: rates.map(|rates| rates.bytes_per_second),
            delivered_share: rates.map(|rates| rates.delivered_share),
            window_bytes: rates.and_then(|rates| rates.window_bytes),
            transfer: rates.and_then(|rates| rates.bulk),
        }
    }
}

impl Connects {
    fn of(measured: &Measured) -> Self {
        let connects = measured.connects;
        Self {
            connects_per_second: connects.map(|connects| connects.per_second),
            cpu_ns_per_connect: connects.map(|connects| Sides {
                client: connects.client_cpu_ns,
                server: connects.server_cpu_ns,
            }),
        }
    }
}
