//! What `biplane probe --json` prints. Keys are fixed by the command-line contract.

use std::time::Duration;

use biplane::{Diagnosis, Outcome, Planes, StepReport};
use serde::Serialize;

/// The JSON document.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    steps: Vec<Line>,
    planes: Option<&'static str>,
    rtt_ms: Percentiles,
    jitter_ms: Option<f64>,
    loss_percent: Ways,
    /// The longest datagram that was found to pass up, in bytes of UDP payload.
    mtu: Option<usize>,
}

/// One step.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) name: &'static str,
    /// Null for one that was not taken.
    pub(super) ok: Option<bool>,
    pub(super) detail: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Percentiles {
    p50: Option<f64>,
    p99: Option<f64>,
}

#[derive(Debug, Default, Serialize)]
struct Ways {
    up: Option<f64>,
    down: Option<f64>,
}

impl Document {
    pub(super) fn of(diagnosis: &Diagnosis) -> Self {
        let (trips, loss) = (diagnosis.round_trips, diagnosis.loss);
        Self {
            steps: diagnosis.steps.iter().map(Line::of).collect(),
            planes: diagnosis.planes.map(name),
            rtt_ms: Percentiles {
                p50: trips.map(|trips| milliseconds(trips.p50)),
                p99: trips.map(|trips| milliseconds(trips.p99)),
            },
            jitter_ms: diagnosis.jitter.map(milliseconds),
            loss_percent: Ways {
                up: loss.map(|loss| loss.up * 100.0),
                down: loss.map(|loss| loss.down * 100.0),
            },
            mtu: diagnosis.mtu,
        }
    }

    /// That of a probe which a signal ended after these steps.
    pub(super) fn cut_short(steps: Vec<Line>) -> Self {
        Self {
            steps,
            planes: None,
            rtt_ms: Percentiles::default(),
            jitter_ms: None,
            loss_percent: Ways::default(),
            mtu: None,
        }
    }
}

impl Line {
    pub(super) fn of(report: &StepReport) -> Self {
        let detail = match report.outcome {
            Outcome::Skipped => None,
            _ => Some(report.outcome.to_string()),
        };
        Self { name: report.step.name(), ok: report.outcome.held(), detail }
    }
}

const fn name(planes: Planes) -> &'static str {
    match planes {
        Planes::Both => "both",
        Planes::ControlOnly => "control_only",
        Planes::DataOnly => "data_only",
        _ => "lost",
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
