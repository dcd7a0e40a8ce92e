//! A5.3 and A5.4, the comparison with others: whether they are driven well, and whether its figures
//! can be had again.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::comparison::{BENCH, BUILD, comparisons, row, rows};
use super::super::{Gate, Needs, Run, Seeds, Wanted, document};
use crate::place;

pub(super) const REACH: Gate = Gate {
    id: "A5.3",
    title: "what Biplane is compared with reaches what it is known to reach",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[BUILD],
    timeout: Duration::from_secs(1800),
    measure: reach,
};

pub(super) const COMPARISON: Gate = Gate {
    id: "A5.4",
    title: "the comparison: quick within 5 minutes, every key in every row, twice the same",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[BUILD],
    timeout: Duration::from_secs(1200),
    measure: comparison,
};

/// What all workloads may take in their short form.
const QUICK_SECONDS: f64 = 300.0;
/// How far apart two medians of the same may be; in the short form, with runs of 0.3 s, on machines
/// that do other things meanwhile.
const APART: f64 = 1.2;
const APART_QUICK: f64 = 3.0;
/// How far below what is known of it a peer may stay; in the short form, on any machine.
const SHORT_OF: f64 = 1.5;
const SHORT_OF_QUICK: f64 = 10.0;
/// A process with so much of a processor has no more to give.
const BUSY: f64 = 0.9;

/// Keys of every comparison, and of every row in it.
const KEYS: [&str; 3] = ["workload", "rows", "ratios"];
const ROW_KEYS: [&str; 16] = [
    "system",
    "version",
    "encrypted",
    "settings",
    "median",
    "min",
    "max",
    "unit",
    "cpu_ns_per_message.client",
    "cpu_ns_per_message.server",
    "offered_share",
    "delivered_share",
    "latency_us.p50",
    "latency_us.p99",
    "rss_bytes_per_client",
    "busy",
];

/// What plain sockets carry is the yardstick of the system of the moment: what is known was seen
/// where they carried [`YARDSTICK`], and where they carry less, so may everybody.
const YARDSTICK_OF: [&str; 2] = ["unreliable-64", "raw"];
const YARDSTICK: f64 = 470_000.0;

/// What a peer was seen to reach in a workload, in the workload's unit: the least where more is
/// better, else the most.
struct Known(&'static str, &'static str, f64);

/// Tuned, on two cores with Linux 6.18, November 2026. Rows whose difference `docs/peers.md`
/// explains are not here.
const KNOWN: &[Known] = &[
    Known("unreliable-64", "raw_gso", 10_200_000.0),
    Known("unreliable-64", "enet", 3_000_000.0),
    Known("unreliable-64", "rusty_enet", 3_000_000.0),
    Known("unreliable-64", "renet", 1_400_000.0),
    Known("unreliable-64", "quinn", 2_100_000.0),
    Known("unreliable-1100", "raw", 425.0),
    Known("unreliable-1100", "raw_gso", 2_000.0),
    Known("unreliable-1100", "enet", 390.0),
    Known("unreliable-1100", "rusty_enet", 325.0),
    Known("unreliable-1100", "renet", 112.0),
    Known("unreliable-1100", "quinn", 250.0),
    Known("reliable-64", "enet", 1_400_000.0),
    Known("reliable-64", "rusty_enet", 600_000.0),
    Known("reliable-64", "renet", 50_000.0),
    Known("reliable-64", "quinn", 650_000.0),
    Known("reliable-16k", "enet", 420.0),
    Known("reliable-16k", "rusty_enet", 50.0),
    Known("reliable-16k", "renet", 3.0),
    Known("reliable-16k", "quinn", 290.0),
    Known("echo", "raw", 39.0),
    Known("echo", "enet", 41.0),
    Known("echo", "quinn", 900.0),
    Known("game", "raw", 1.5),
    Known("game", "raw_gso", 1.9),
    Known("game", "enet", 2.3),
    Known("game", "rusty_enet", 2.2),
    Known("game", "renet", 10.8),
    Known("game", "quinn", 10.7),
    Known("connect", "enet", 34_600.0),
    Known("connect", "rusty_enet", 980.0),
    Known("connect", "renet", 490.0),
    Known("connect", "quinn", 380.0),
    Known("idle", "raw", 4.0),
    Known("idle", "enet", 5.0),
    Known("idle", "rusty_enet", 6.0),
    Known("idle", "renet", 15.0),
    Known("idle", "quinn", 60.0),
];

/// A5.3
fn reach(run: &mut Run) -> Result<()> {
    let line = run.form("all --rounds 3 --seconds 1", "unreliable-64 --quick --rounds 3");
    let told = run.finish(&format!("{BENCH} {line} --json"))?;
    // It takes long, and says more than is judged here.
    fs::write(place::scratch("comparison.json")?, &told.stdout)?;
    let told = run.document("biplane-bench", &told)?;
    let comparisons = comparisons(&told);
    let carried = yardstick(&comparisons);
    run.judge("plain sockets: messages/s", Wanted::AtLeast(1.0), carried);
    let slower = (YARDSTICK / carried).max(1.0);
    for comparison in &comparisons {
        judge_reached(run, comparison, slower);
    }
    let unexplained: Vec<String> = comparisons.iter().flat_map(|one| unexplained(one)).collect();
    // In the short form others may have had the processors.
    if run.form(true, false) {
        run.judge("rows that nothing limits", Wanted::Exactly(0.into()), unexplained.len());
        unexplained.into_iter().for_each(|line| run.note(line));
    }
    Ok(())
}

/// What plain sockets carried in this run; 0 if they did not run.
fn yardstick(comparisons: &[&Value]) -> f64 {
    let [workload, system] = YARDSTICK_OF;
    let mut flows = comparisons.iter().filter(|one| document::at(one, "workload") == workload);
    let row = flows.next().and_then(|flow| row(flow, system));
    row.and_then(|row| document::at(row, "median").as_f64()).unwrap_or_default()
}

/// What is known of this workload holds again, on a system so many times slower; for others than
/// plain sockets, where those did the same work in the same rounds, as many times as they were.
/// Memory is no matter of speed.
fn judge_reached(run: &mut Run, comparison: &Value, slower: f64) {
    let workload = document::at(comparison, "workload");
    let slower = if workload == "idle" { 1.0 } else { slower };
    let slower_here = if workload == "idle" { 1.0 } else { slower.max(slower_here(comparison)) };
    for Known(_, system, figure) in KNOWN.iter().filter(|Known(name, ..)| workload == *name) {
        let is_yardstick = *system == YARDSTICK_OF[1];
        let slower = if is_yardstick { slower } else { slower_here };
        let short_of = run.form(SHORT_OF, SHORT_OF_QUICK) * slower;
        let row = row(comparison, system).cloned().unwrap_or_default();
        let wanted = match document::at(&row, "better").as_str() {
            Some("less") => Wanted::AtMost(figure * short_of),
            _ => Wanted::AtLeast(figure / short_of),
        };
        let name = format!("{}: {system}", workload.as_str().unwrap_or_default());
        run.judge(name, wanted, document::at(&row, "median"));
    }
}

/// How many times slower plain sockets were in this workload than they are known to be.
fn slower_here(comparison: &Value) -> f64 {
    let [_, system] = YARDSTICK_OF;
    let workload = document::at(comparison, "workload");
    let known = KNOWN.iter().find(|Known(name, of, _)| workload == *name && *of == system);
    let row = row(comparison, system);
    let (Some(Known(_, _, figure)), Some(row)) = (known, row) else { return 1.0 };
    let got = document::at(row, "median").as_f64().filter(|got| *got > 0.0);
    let slower = got.map(|got| match document::at(row, "better").as_str() {
        Some("less") => got / figure,
        _ => figure / got,
    });
    slower.unwrap_or(1.0)
}

/// Peers in work as fast as it goes of which neither process was busy, and nobody says why.
fn unexplained(comparison: &Value) -> Vec<String> {
    let is_flow = |row: &&Value| {
        let unit = document::at(row, "unit");
        unit == "messages/s" || unit == "MB/s"
    };
    let is_unexplained = |row: &&Value| {
        let system = document::at(row, "system");
        let is_peer = system.as_str().is_none_or(|name| !name.starts_with("biplane"));
        let busy = ["busy.client", "busy.server"].map(|side| document::at(row, side).as_f64());
        let is_busy = busy.into_iter().flatten().any(|share| share >= BUSY);
        is_peer && !is_busy && document::at(row, "limit").is_null()
    };
    let named = |row: &Value| {
        let [workload, system] =
            [document::at(comparison, "workload"), document::at(row, "system")];
        format!("{workload}: {system}: busy {}", document::at(row, "busy"))
    };
    rows(comparison).filter(is_flow).filter(is_unexplained).map(named).collect()
}

/// A5.4
fn comparison(run: &mut Run) -> Result<()> {
    let line = run.form("all --quick", "echo --quick --against raw,tls");
    let start = Instant::now();
    let told = run.finish(&format!("{BENCH} {line} --json"))?;
    let seconds = start.elapsed().as_secs_f64();
    let told = run.document("quick", &told)?;
    run.judge("quick: seconds", Wanted::AtMost(QUICK_SECONDS), seconds);
    let comparisons = comparisons(&told);
    run.judge("quick: workloads", Wanted::Exactly(run.form(10, 1).into()), comparisons.len());
    let missing: Vec<String> = comparisons.iter().flat_map(|one| missing(one)).collect();
    run.judge("keys that are missing", Wanted::Exactly(0.into()), missing.len());
    missing.into_iter().for_each(|line| run.note(line));
    let rows: usize = comparisons.iter().map(|one| rows(one).count()).sum();
    run.judge("rows", Wanted::AtLeast(run.form(100.0, 2.0)), rows);
    twice(run)
}

/// The keys that a comparison lacks, or one of its rows.
fn missing(comparison: &Value) -> Vec<String> {
    let lacks = |value: &Value, key: &str| {
        let steps: Vec<&str> = key.split('.').collect();
        // What a work does not have is null as a whole.
        steps
            .iter()
            .try_fold(value, |value, step| match value {
                Value::Null => Some(value),
                _ => value.get(step),
            })
            .is_none()
    };
    let own = KEYS.iter().filter(|key| lacks(comparison, key)).map(|key| (*key).to_owned());
    let of_rows = rows(comparison).flat_map(|row| {
        let system = document::at(row, "system");
        let keys = ROW_KEYS.iter().filter(move |key| lacks(row, key));
        keys.map(move |key| format!("{system}: {key}"))
    });
    own.chain(of_rows).collect()
}

/// The same workload twice brings the same medians: the one that is most like what users do. A
/// GSO run's throughput follows the memory's mood more than any program's: up to 2 from one round
/// to the next.
fn twice(run: &mut Run) -> Result<()> {
    let line = run.form(
        "game --rounds 5 --seconds 4 --against raw,enet,quinn",
        "unreliable-64 --quick --rounds 5 --against raw",
    );
    let mut medians = Vec::new();
    for turn in ["first", "second"] {
        let told = run.finish(&format!("{BENCH} {line} --json"))?;
        let told = run.document(turn, &told)?;
        let median = |row: &Value| {
            let name = document::at(row, "system");
            Some((name.as_str()?.to_owned(), document::at(row, "median").as_f64()?))
        };
        medians.push(rows(&told).filter_map(median).collect::<Vec<_>>());
    }
    let apart_max = run.form(APART, APART_QUICK);
    let (first, second) = (medians.first().context("first")?, medians.get(1).context("second")?);
    run.judge("rows with a median", Wanted::AtLeast(2.0), first.len().min(second.len()));
    for ((name, first), (_, second)) in first.iter().zip(second) {
        let apart = (first / second).max(second / first);
        run.judge(format!("{name}: the larger ÷ the smaller"), Wanted::AtMost(apart_max), apart);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    fn reached(system: &str, median: f64, slower: f64) -> Vec<bool> {
        let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
        let row = json!({"system": system, "median": median, "better": "less"});
        judge_reached(&mut run, &json!({"workload": "echo", "rows": [row]}), slower);
        run.into_parts().0.iter().map(Figure::is_met).collect()
    }

    #[test]
    fn a_peer_may_be_better_than_known_but_not_much_worse() {
        assert_eq!(reached("raw", 58.5, 1.0), [true, false, false]);
        assert_eq!(reached("raw", 58.6, 1.0), [false, false, false]);
        assert_eq!(reached("enet", 1.0, 1.0), [false, true, false]);
        assert_eq!(reached("raw", 117.0, 2.0), [true, false, false]);
    }

    #[test]
    fn where_plain_sockets_are_slow_everybody_may_be() {
        let row = |system: &str, median: f64| json!({"system": system, "median": median, "better": "less"});
        let comparison =
            |raw: f64| json!({"workload": "echo", "rows": [row("raw", raw), row("enet", 123.0)]});
        for (raw, is_met) in [(78.0, true), (39.0, false), (20.0, false)] {
            let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
            judge_reached(&mut run, &comparison(raw), 1.0);
            let figures = run.into_parts().0;
            let enet = figures.iter().find(|figure| figure.name() == "echo: enet").unwrap();
            assert_eq!(enet.is_met(), is_met, "{raw}");
        }
        let fast = json!({"system": "raw", "median": 850.0, "better": "more"});
        assert_eq!(slower_here(&json!({"workload": "unreliable-1100", "rows": [fast]})), 0.5);
    }

    #[test]
    fn the_yardstick_is_what_plain_sockets_carry() {
        let rows = json!([{"system": "bare", "median": 2.0}, {"system": "raw", "median": 1.0}]);
        let [echo, flow] =
            ["echo", "unreliable-64"].map(|name| json!({"workload": name, "rows": rows}));
        assert_eq!(yardstick(&[&echo, &flow]), 1.0);
        assert_eq!(yardstick(&[&echo]), 0.0);
    }

    #[test]
    fn an_idle_row_needs_a_reason() {
        let row = |busy: f64, limit: Value| {
            let busy = json!({"client": 0.1, "server": busy});
            json!({"system": "x", "unit": "MB/s", "busy": busy, "limit": limit})
        };
        let count = |row: Value| unexplained(&json!({"workload": "y", "rows": [row]})).len();
        assert_eq!(count(row(0.9, Value::Null)), 0);
        assert_eq!(count(row(0.89, json!("a tick of 16 ms"))), 0);
        assert_eq!(count(row(0.89, Value::Null)), 1);
        assert_eq!(count(json!({"system": "x", "unit": "µs"})), 0);
    }

    #[test]
    fn a_null_has_all_its_keys_and_a_gap_is_seen() {
        let mut row = serde_json::Map::new();
        ROW_KEYS.iter().for_each(|key| {
            row.insert(key.split('.').next().unwrap().to_owned(), Value::Null);
        });
        let comparison = |row| json!({"workload": "x", "rows": [row], "ratios": {}});
        assert!(missing(&comparison(row.clone())).is_empty());
        row.remove("busy");
        row.insert("latency_us".to_owned(), json!({"p50": 1.0}));
        assert_eq!(missing(&comparison(row)).len(), 2);
        assert_eq!(missing(&json!({})), KEYS);
    }
}
