//! What a system's rounds come to.

use biplane_load::{Measured, Plan, Sides, System, Way, Worker};
use serde::Serialize;

use crate::{
    limits,
    workload::{Unit, Workload},
};

/// One round's figures, or why there are none.
pub(crate) type Round = Result<Measured, String>;

/// A process with less of a processor than this has a limit other than that.
const BUSY: f64 = 0.9;

/// One system's row; what the work does not have, or no round brought, is null. Every figure is the
/// median of the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) who: Who,
    #[serde(flatten)]
    pub(crate) figure: Figure,
    #[serde(flatten)]
    pub(crate) cost: Cost,
    #[serde(flatten)]
    pub(crate) arrival: Arrival,
    /// What should have held and did not, over all rounds.
    pub(crate) broken: Vec<String>,
    /// Why rounds have no figures.
    pub(crate) failed: Vec<String>,
}

/// The system, and how it is driven.
#[derive(Debug, Serialize)]
pub(crate) struct Who {
    pub(crate) system: String,
    pub(crate) version: String,
    pub(crate) encrypted: bool,
    pub(crate) settings: String,
}

/// What is compared.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: Option<f64>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) unit: Unit,
    /// `more` or `less`.
    pub(crate) better: &'static str,
}

/// What it takes.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) cpu_ns_per_message: Option<Both>,
    pub(crate) rss_bytes_per_client: Option<f64>,
    /// Share of the time that each process had a processor.
    pub(crate) busy: Option<Both>,
    /// What limits it, where it goes as fast as it can and its processors do not.
    pub(crate) limit: Option<&'static str>,
}

/// How the messages came.
#[derive(Debug, Serialize)]
pub(crate) struct Arrival {
    /// Of the messages that were due, the share that was sent: the rest had no room, or the sending
    /// process was late.
    pub(crate) offered_share: Option<f64>,
    /// Share of those sent.
    pub(crate) delivered_share: Option<f64>,
    pub(crate) latency_us: Option<Latency>,
    /// Share of the messages that came after a later one, where no order is promised.
    pub(crate) overtaken_share: Option<f64>,
    /// Of the datagrams that came to the server, the share that the clients had held for lost, where
    /// the system says.
    pub(crate) spurious_share: Option<f64>,
    /// What the server's receiving threads did in the last round, where the system says.
    pub(crate) receivers: Vec<Worker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Both {
    pub(crate) client: f64,
    pub(crate) server: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Row {
    pub(crate) fn of(
        workload: Workload,
        system: &dyn System,
        plan: &Plan,
        name: String,
        rounds: Vec<Round>,
    ) -> Self {
        let (mut measured, mut failed) = (Vec::new(), Vec::new());
        for round in rounds {
            match round {
                Ok(round) => measured.push(round),
                Err(why) => failed.push(why),
            }
        }
        let all = Figures(&measured);
        Self {
            who: Who {
                system: name,
                version: system.version(),
                encrypted: system.is_encrypted(),
                settings: system.settings(&plan.means()),
            },
            figure: all.figure(workload),
            cost: all.cost(workload, system, plan),
            arrival: all.arrival(),
            broken: measured.iter().flat_map(|round| round.broken.iter().cloned()).collect(),
            failed,
        }
    }
}

/// Of the messages that were due, those that were sent; `None` where none were.
fn offered_share(ways: impl IntoIterator<Item = Way>) -> Option<f64> {
    let count =
        |(sent, due), way: Way| (sent + way.sent, due + way.sent + way.missed + way.refused);
    let (sent, due) = ways.into_iter().fold((0_u64, 0_u64), count);
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = sent as f64 / due as f64;
    (due > 0).then_some(share)
}

/// Of the messages that came at the side that most came to.
fn overtaken_share(round: &Measured) -> Option<f64> {
    let way = round.up?;
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = way.overtaken as f64 / way.arrived.max(1) as f64;
    Some(share)
}

/// Of the datagrams that came to the server, those that had been held for lost.
fn spurious_share(round: &Measured) -> Option<f64> {
    let Sides { client, server } = &round.workers;
    let came: u64 = server.receivers.iter().map(|receiver| receiver.datagrams).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = client.lost_spuriously? as f64 / came.max(1) as f64;
    Some(share)
}

/// The rounds that have figures.
struct Figures<'a>(&'a [Measured]);

impl Figures<'_> {
    fn figure(&self, workload: Workload) -> Figure {
        let figures = self.sorted(|round| workload.figure(round));
        let unit = workload.unit();
        Figure {
            median: median(&figures),
            min: figures.first().copied(),
            max: figures.last().copied(),
            unit,
            better: if unit.is_more_better() { "more" } else { "less" },
        }
    }

    fn cost(&self, workload: Workload, system: &dyn System, plan: &Plan) -> Cost {
        let busy = self.both(|round| Some(round.busy));
        let is_busy = busy.is_some_and(|busy| busy.client.max(busy.server) >= BUSY);
        let is_limited = workload.is_as_fast_as_it_goes() && !is_busy;
        let delivered = self.delivered();
        Cost {
            cpu_ns_per_message: self.both(|round| round.cpu_ns_per_message),
            rss_bytes_per_client: self.median(|round| round.rss_bytes_per_client),
            busy,
            limit: is_limited
                .then(|| limits::known(workload, system.name(), plan.tuning, delivered))
                .flatten(),
        }
    }

    fn arrival(&self) -> Arrival {
        let workers = self.0.last().map(|round| &round.workers.server.receivers);
        Arrival {
            offered_share: self
                .median(|round| offered_share(round.up.into_iter().chain(round.down))),
            delivered_share: self.delivered(),
            latency_us: self.latency(),
            overtaken_share: self.median(overtaken_share),
            spurious_share: self.median(spurious_share),
            receivers: workers.cloned().unwrap_or_default(),
        }
    }

    fn sorted(&self, figure: impl Fn(&Measured) -> Option<f64>) -> Vec<f64> {
        let mut figures: Vec<_> = self.0.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures
    }

    fn median(&self, figure: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        median(&self.sorted(figure))
    }

    fn both(&self, figure: impl Fn(&Measured) -> Option<Sides<f64>>) -> Option<Both> {
        let client = self.median(|round| figure(round).map(|both| both.client));
        let server = self.median(|round| figure(round).map(|both| both.server));
        Some(Both { client: client?, server: server? })
    }

    fn delivered(&self) -> Option<f64> {
        self.median(|round| Some(round.rates?.delivered_share))
    }

    fn latency(&self) -> Option<Latency> {
        let p50 = self.median(|round| Some(round.latency.as_ref()?.p50));
        let p99 = self.median(|round| Some(round.latency.as_ref()?.p99));
        Some(Latency { p50: p50?, p99: p99? })
    }
}

/// The middle of what is sorted, or between the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use biplane_load::{Biplane, Tuning};
    use serde_json::Value;
    use std::time::Duration;

    use super::*;

    /// The keys that scripts rely on.
    const KEYS: [&str; 15] = [
        "system",
        "version",
        "encrypted",
        "settings",
        "median",
        "min",
        "max",
        "unit",
        "cpu_ns_per_message",
        "offered_share",
        "delivered_share",
        "latency_us",
        "rss_bytes_per_client",
        "busy",
        "limit",
    ];

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
    }

    #[test]
    fn what_was_late_or_had_no_room_was_not_offered() {
        let up = Way { sent: 70, missed: 20, refused: 10, ..Way::default() };
        let down = Way { sent: 100, ..Way::default() };
        assert_eq!(offered_share([up, down]), Some(0.85));
        assert_eq!(offered_share([]), None);
    }

    #[test]
    fn a_row_without_figures_has_every_key_and_says_why() {
        let workload = Workload::Echo;
        let plan = workload.plan(Tuning::Documented, Duration::from_secs(1), true);
        let rounds = vec![Err("it does not start".to_owned())];
        let row = Row::of(workload, &Biplane, &plan, "biplane".to_owned(), rounds);
        let row = serde_json::to_value(row).unwrap();
        for key in KEYS {
            assert!(row.get(key).is_some(), "{key}");
        }
        assert_eq!((&row["median"], &row["busy"]), (&Value::Null, &Value::Null));
        assert_eq!((&row["unit"], &row["better"]), (&"µs".into(), &"less".into()));
        assert_eq!(row["failed"][0], "it does not start");
    }
}
