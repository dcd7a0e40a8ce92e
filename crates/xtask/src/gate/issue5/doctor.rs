//! A5.1: the doctor finds this system sound and every fault, in time, and as fast as plain sockets.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::super::{Gate, Needs, Run, Seeds, Wanted, document};
use crate::child::Finished;

pub(super) const GATE: Gate = Gate {
    id: "A5.1",
    title: "parallel calls on one socket: sound here, faults found, the cost of plain sockets",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[CLI],
    // The full form builds the benchmarks, a workspace of their own.
    timeout: Duration::from_secs(2_400),
    measure: examined,
};

const CLI: &str = "cargo build --release --locked -p biplane-cli";
const DOCTOR: &str = "target/release/biplane doctor --json";
/// The same work on plain sockets, in two processes.
const RAW: &str =
    "target/release/biplane-bench unreliable-64 --against raw --rounds 1 --seconds 2 --json";
/// Each fault, how it is named, and whether it is unsound.
const FAULTS: [(&str, &str, bool); 4] = [
    ("repeat", "duplicated", true),
    ("tear", "torn", true),
    ("lose", "lost", false),
    ("reorder", "reordered", false),
];
const FULL_SECONDS: f64 = 60.0;
const QUICK_SECONDS: f64 = 10.0;
/// How far the two figures may be apart, as the greater to the smaller.
const APART: f64 = 1.2;

fn examined(run: &mut Run) -> Result<()> {
    if run.form(false, true) {
        sound(run, "--quick", QUICK_SECONDS)?;
        return faults(run);
    }
    faults(run)?;
    super::super::build(&[super::super::comparison::BUILD])?;
    let mut rounds = Vec::new();
    for (flags, seconds) in
        [("--quick", QUICK_SECONDS), ("", FULL_SECONDS), ("--quick", QUICK_SECONDS)]
    {
        let doctor = sound(run, flags, seconds)?;
        let raw = run.finish(RAW)?;
        rounds.push((doctor, run.document("raw", &raw)?));
    }
    compare(run, &rounds);
    Ok(())
}

/// The system's own sockets, within `seconds`.
fn sound(run: &mut Run, flags: &str, seconds: f64) -> Result<Value> {
    let start = Instant::now();
    let told = run.finish(&format!("{DOCTOR} {flags}"))?;
    let took = start.elapsed().as_secs_f64();
    let told = run.document(flags, &told)?;
    run.judge(format!("doctor {flags}: seconds"), Wanted::AtMost(seconds), took);
    run.judge_at(&told, "sound", Wanted::Exactly(true.into()));
    run.judge_at(&told, "complete", Wanted::Exactly(true.into()));
    for count in ["torn", "duplicated", "lost"] {
        run.judge_at(&told, count, Wanted::Exactly(0.into()));
    }
    Ok(told)
}

/// Every fault is found. All at a time: what is found does not hang on how fast it is.
fn faults(run: &mut Run) -> Result<()> {
    let start =
        |(fault, ..): &(&str, _, _)| run.start(&format!("{DOCTOR} --quick --fault {fault}"));
    let children: Vec<_> = FAULTS.iter().map(start).collect::<Result<_>>()?;
    for ((fault, named, unsound), child) in FAULTS.into_iter().zip(children) {
        let child = run.wait(child)?;
        fault_is_named(run, (fault, named, unsound), &child)?;
    }
    Ok(())
}

fn fault_is_named(
    run: &mut Run,
    (fault, named, unsound): (&str, &str, bool),
    child: &Finished,
) -> Result<()> {
    let status = Wanted::Exactly(i32::from(unsound).into());
    run.judge(format!("{fault}: exit status"), status, child.exit.to_value());
    let told = child.document()?;
    let sound = Wanted::Exactly((!unsound).into());
    run.judge(format!("{fault}: sound"), sound, document::at(&told, "sound"));
    let is_named = is_named(&told, named);
    run.judge(format!("{fault}: named as {named}"), Wanted::Exactly(true.into()), is_named);
    Ok(())
}

/// Whether the fault is in the list, and in the verdict's words.
fn is_named(told: &Value, name: &str) -> bool {
    let has = |path: &str, is: &dyn Fn(&str) -> bool| {
        let list = document::at(told, path);
        list.as_array().is_some_and(|all| all.iter().filter_map(Value::as_str).any(is))
    };
    has("faults", &|fault| fault == name)
        && has("verdict", &|line| line.to_lowercase().starts_with(&format!("{name}: ")))
}

/// One receiver and one sender on one socket against the plain sockets of the same moment: the
/// median of rounds, since what else the machine does is in some of them.
fn compare(run: &mut Run, rounds: &[(Value, Value)]) {
    let figures: Vec<_> = rounds.iter().map(|(doctor, raw)| (single(doctor), plain(raw))).collect();
    run.note(format!("1 × 1 and raw, datagrams a second: {figures:?}"));
    let ratios: Option<Vec<f64>> =
        figures.into_iter().map(|(here, there)| Some(here? / there?)).collect();
    let ratio = ratios.and_then(|ratios| document::median(&ratios));
    let apart = ratio.map(|ratio| ratio.max(1.0 / ratio));
    run.judge("1 × 1 against raw, apart by a factor", Wanted::AtMost(APART), apart);
}

/// Datagrams a second of plain sockets.
fn plain(raw: &Value) -> Option<f64> {
    let rows = document::at(raw, "rows");
    let row =
        rows.as_array()?.iter().find(|row| row.get("system").is_some_and(|name| name == "raw"))?;
    row.get("median")?.as_f64()
}

/// Datagrams a second of one receiver and one sender on one socket.
fn single(doctor: &Value) -> Option<f64> {
    let matrix = document::at(doctor, "matrix");
    let row = matrix.as_array()?.iter().find(|row| {
        let is = |key: &str, value: Value| row.get(key) == Some(&value);
        is("receivers", 1.into()) && is("senders", 1.into()) && is("reuseport", false.into())
    })?;
    row.get("datagrams_per_second")?.as_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::child::deadline_in;

    fn apart(here: f64, raw: f64) -> Vec<bool> {
        let row = |reuseport, rate| {
            json!({"receivers": 1, "senders": 1, "reuseport": reuseport,
                   "datagrams_per_second": rate})
        };
        let doctor = json!({"matrix": [row(true, 1.0), row(false, here)]});
        let raw =
            json!({"rows": [{"system": "enet", "median": 9.0}, {"system": "raw", "median": raw}]});
        let mut run = Run::new(true, 0, deadline_in(Duration::from_secs(20)));
        // A round that something else disturbed.
        let disturbed = json!({"matrix": [row(false, 0.1 * here)]});
        compare(
            &mut run,
            &[(doctor.clone(), raw.clone()), (disturbed, raw.clone()), (doctor, raw)],
        );
        run.into_parts().0.iter().map(super::super::super::Figure::is_met).collect()
    }

    #[test]
    fn figures_may_be_a_fifth_apart_either_way_and_no_more() {
        assert_eq!(apart(119.0, 100.0), [true]);
        assert_eq!(apart(100.0, 119.0), [true]);
        assert_eq!(apart(121.0, 100.0), [false]);
        assert_eq!(apart(100.0, 121.0), [false]);
    }

    #[test]
    fn a_figure_that_is_missing_is_not_met() {
        let mut run = Run::new(true, 0, deadline_in(Duration::from_secs(20)));
        compare(&mut run, &[(json!({}), json!({}))]);
        assert!(!run.into_parts().0[0].is_met());
    }

    #[test]
    fn a_fault_is_named_in_the_list_and_in_words() {
        let told = json!({"faults": ["torn"], "verdict": ["Unsound: …", "Torn: 3 datagrams …"]});
        assert!(is_named(&told, "torn") && !is_named(&told, "lost"));
        assert!(!is_named(&json!({"faults": ["torn"], "verdict": ["Unsound: …"]}), "torn"));
    }
}
