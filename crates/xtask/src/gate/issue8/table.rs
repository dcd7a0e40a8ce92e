//! A8.1: the table of targets, each a ratio within one run.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::super::comparison::{self, BENCH, BUILD, comparisons};
use super::super::{Gate, Needs, Run, Seeds, Wanted, document, scene};

pub(super) const GATE: Gate = Gate {
    id: "A8.1",
    title: "Biplane beside its peers: the table of targets",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[BUILD, scene::CLI],
    timeout: Duration::from_secs(2400),
    measure: table,
};

/// Both forms of ENet: who compares takes the better.
const ENET: &[&str] = &["enet", "rusty_enet"];
/// All that have sessions.
const PEERS: &[&str] = &["enet", "rusty_enet", "renet", "quinn", "laminar"];

/// A figure of one system as a multiple of the best one of others.
struct Target {
    workload: &'static str,
    of: &'static str,
    figure: &'static str,
    beside: &'static [&'static str],
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    /// More is better, and so many times as much is wanted.
    Times(f64),
    /// Less is better, and no more than so many times as much is wanted.
    Within(f64),
}

use Bound::{Times, Within};

const fn row(
    workload: &'static str,
    of: &'static str,
    beside: &'static [&'static str],
    bound: Bound,
) -> Target {
    Target { workload, of, figure: "median", beside, bound }
}

const fn tail(workload: &'static str, of: &'static str, beside: &'static [&'static str]) -> Target {
    Target { workload, of, figure: "latency_us.p99", beside, bound: Within(1.0) }
}

/// Biplane encrypts, and has its defaults; its peers are tuned.
const TARGETS: &[Target] = &[
    row("unreliable-64", "biplane", ENET, Times(2.0)),
    row("unreliable-64", "biplane", &["quinn"], Times(2.5)),
    row("unreliable-64", "biplane", &["renet"], Times(4.0)),
    row("unreliable-64", "biplane", &["bare"], Times(0.45)),
    row("unreliable-64", "bare", &["raw_gso_coalesced"], Times(0.6)),
    row("unreliable-1100", "biplane", ENET, Times(2.0)),
    row("unreliable-1100", "biplane", &["quinn"], Times(3.0)),
    row("unreliable-1100", "biplane", &["renet"], Times(6.0)),
    row("unreliable-1100", "biplane", &["bare"], Times(0.45)),
    row("reliable-64", "biplane", ENET, Times(1.5)),
    row("reliable-64", "biplane", &["quinn"], Times(4.0)),
    row("reliable-64", "biplane", &["renet"], Times(2.5)),
    row("reliable-16k", "biplane", ENET, Times(1.3)),
    row("reliable-16k", "biplane", &["quinn"], Times(1.5)),
    row("reliable-16k", "biplane", &["renet"], Times(5.0)),
    row("command-16k", "biplane", &["tls"], Times(0.7)),
    row("echo", "biplane inline", &["raw"], Within(1.6)),
    row("echo", "biplane", &["raw"], Within(2.5)),
    tail("echo", "biplane inline", PEERS),
    row("game", "biplane", &["raw"], Within(1.6)),
    row("game", "biplane inline", &["raw"], Within(1.6)),
    row("game", "biplane inline", ENET, Within(1.0)),
    row("game", "biplane", &["renet"], Within(1.0 / 3.0)),
    row("game", "biplane", &["quinn"], Within(1.0 / 3.0)),
    tail("game", "biplane", &["renet", "quinn"]),
    row("receivers", "biplane 2", &["biplane 1"], Times(0.95)),
    row("connect", "biplane", &["quinn"], Times(2.0)),
];

/// The short form looks that nothing is far off, on a machine that does other things too.
const SHORT: &[Target] = &[row("unreliable-64", "biplane", ENET, Times(0.25))];

/// What is sent of what a match has due: less is another work.
const OFFERED: f64 = 0.99;
/// What arrives of that, both ways.
const DELIVERED: f64 = 0.999;
/// Of a flow that two receivers share, what comes behind what left after it.
const OVERTAKEN: f64 = 0.001;
/// What is held for lost there and had come.
const SPURIOUS: f64 = 0.001;
/// Memory of an idle session.
const SESSION_KIB: f64 = 20.0;
/// Idle sessions at once, their memory, and the processors they take.
const IDLE: f64 = 10_000.0;
const IDLE_BYTES: f64 = 250e6;
const IDLE_BUSY: f64 = 0.02;
/// From the first packet of a join to a session over both planes, alone, in microseconds.
const JOIN_US: f64 = 3_000.0;

fn table(run: &mut Run) -> Result<()> {
    let line =
        run.form("all --rounds 3 --seconds 1", "unreliable-64 --quick --against enet,rusty_enet");
    let told = run.finish(&format!("{BENCH} {line} --json"))?;
    let told = run.document("biplane-bench", &told)?;
    let all = comparisons(&told);
    run.form(TARGETS, SHORT).iter().for_each(|target| judge(run, &all, target));
    if run.form(true, false) {
        judge_shares(run, &all);
        alone(run)?;
    }
    Ok(())
}

fn judge(run: &mut Run, all: &[&Value], target: &Target) {
    let Target { workload, of, figure, beside, bound } = *target;
    let own = figure_of(all, workload, of, figure);
    let others = beside.iter().filter_map(|other| figure_of(all, workload, other, figure));
    let (best, wanted) = match bound {
        Times(times) => (others.reduce(f64::max), Wanted::AtLeast(times)),
        Within(times) => (others.reduce(f64::min), Wanted::AtMost(times)),
    };
    let ratio = own.zip(best).map(|(own, best)| own / best);
    let what = if figure == "median" { "" } else { ", p99" };
    let beside = beside.join("|");
    run.judge(format!("{workload}: {of} ÷ {beside}{what}"), wanted, ratio);
}

fn judge_shares(run: &mut Run, all: &[&Value]) {
    for (workload, of, figure, wanted) in [
        ("game", "biplane", "offered_share", Wanted::AtLeast(OFFERED)),
        ("game", "biplane inline", "offered_share", Wanted::AtLeast(OFFERED)),
        ("game", "biplane", "delivered_share", Wanted::AtLeast(DELIVERED)),
        ("game", "biplane inline", "delivered_share", Wanted::AtLeast(DELIVERED)),
        ("receivers", "biplane 2", "overtaken_share", Wanted::AtMost(OVERTAKEN)),
        ("receivers", "biplane 2", "spurious_share", Wanted::AtMost(SPURIOUS)),
        ("idle", "biplane", "median", Wanted::AtMost(SESSION_KIB)),
    ] {
        let got = figure_of(all, workload, of, figure);
        run.judge(format!("{workload}: {of}: {figure}"), wanted, got);
    }
}

/// What is asked of Biplane beside nobody.
fn alone(run: &mut Run) -> Result<()> {
    let bench = "target/release/biplane bench";
    let join = run.finish(&format!("{bench} connect --clients 1 --json"))?;
    let join = run.document("connect", &join)?;
    let micros = document::at(&join, "latency_us.p50");
    run.judge("a join by itself, µs", Wanted::AtMost(JOIN_US), micros);
    let idle = run.finish(&format!("{bench} idle --clients {IDLE} --seconds 10 --json"))?;
    let idle = run.document("idle", &idle)?;
    let bytes = document::at(&idle, "rss_bytes_per_client").as_f64().map(|bytes| bytes * IDLE);
    run.judge("10,000 idle: bytes", Wanted::AtMost(IDLE_BYTES), bytes);
    let busy = document::at(&idle, "busy.server");
    run.judge("10,000 idle: busy", Wanted::AtMost(IDLE_BUSY), busy);
    Ok(())
}

/// What `system` has at `figure` in `workload`.
fn figure_of(all: &[&Value], workload: &str, system: &str, figure: &str) -> Option<f64> {
    let comparison = all.iter().find(|one| document::at(one, "workload") == workload)?;
    document::at(comparison::row(comparison, system)?, figure).as_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    fn judged(target: &Target, rows: &Value) -> (bool, Value) {
        let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
        judge(&mut run, &[&json!({"workload": target.workload, "rows": rows})], target);
        let figures = run.into_parts().0;
        let [figure] = figures.as_slice() else { panic!("{figures:?}") };
        (Figure::is_met(figure), figure.got().clone())
    }

    #[test]
    fn a_ratio_is_to_the_best_of_the_others() {
        let rows = |own: f64| {
            json!([
                {"system": "biplane", "median": own},
                {"system": "enet", "median": 1.0},
                {"system": "rusty_enet", "median": 2.0},
            ])
        };
        let flow = row("unreliable-64", "biplane", ENET, Times(2.0));
        assert_eq!(judged(&flow, &rows(4.0)), (true, json!(2.0)));
        assert_eq!(judged(&flow, &rows(3.0)), (false, json!(1.5)));
        let echo = row("echo", "biplane", ENET, Within(2.5));
        assert_eq!(judged(&echo, &rows(2.5)), (true, json!(2.5)));
        assert_eq!(judged(&echo, &rows(3.0)), (false, json!(3.0)));
    }

    #[test]
    fn a_row_that_is_missing_meets_nothing() {
        let flow = row("unreliable-64", "biplane", ENET, Times(2.0));
        assert_eq!(
            judged(&flow, &json!([{"system": "biplane", "median": 9.0}])),
            (false, Value::Null)
        );
        assert_eq!(
            judged(&flow, &json!([{"system": "enet", "median": 9.0}])),
            (false, Value::Null)
        );
    }
}
