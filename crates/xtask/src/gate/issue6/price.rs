//! A6.6: what resuming and falling back cost while both planes are up: the comparison's own work,
//! before this issue and now.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::{Gate, Needs, Run, Seeds, Wanted, document, document::median};
use crate::place;
use crate::tool;

pub(super) const GATE: Gate = Gate {
    id: "A6.6",
    title: "what works today costs no more than before this issue",
    seeds: Seeds::NONE,
    needs: Needs::both(&tool::BEFORE_ISSUE_6),
    builds: &[
        "mkdir -p target/xtask/before",
        // Its Rust code, as it was: nothing of the checkout or of git's own files changes.
        "git archive --format=tar -o target/xtask/before.tar \
         e07ddeecaaa4f4736132009c09938a2f3dff84a6 Cargo.toml Cargo.lock crates examples",
        "tar -xf target/xtask/before.tar -C target/xtask/before",
        // What comes from elsewhere is the same in both, and is built once.
        "cargo build --release --locked --manifest-path \
         target/xtask/before/crates/biplane-bench/Cargo.toml --target-dir target/",
        "cp target/release/biplane-bench target/xtask/biplane-bench-before",
        "cargo build --release --locked --manifest-path crates/biplane-bench/Cargo.toml \
         --target-dir target/",
        "cp target/release/biplane-bench target/xtask/biplane-bench-now",
    ],
    timeout: Duration::from_secs(1200),
    measure: price,
};

/// Before, and now.
const PROGRAMS: [&str; 2] = ["target/xtask/biplane-bench-before", "target/xtask/biplane-bench-now"];

/// The median over all workloads, each by its median.
const LEAST: f64 = 0.95;
/// The median of one workload, of which a few rounds say less; in the short form, with runs of
/// 0.3 s beside whatever else the machine does.
const LEAST_OF_ONE: f64 = 0.85;
const LEAST_QUICK: f64 = 0.5;

fn price(run: &mut Run) -> Result<()> {
    differ()?;
    let flags = run.form("--seconds 1", "--quick");
    // Where threads mostly sleep, a round says how soon they woke as much as what they did.
    let workloads: &[(&str, usize)] = run.form(
        &[
            ("unreliable-64", 7),
            ("unreliable-1100", 7),
            ("reliable-64", 7),
            ("command-16k", 7),
            ("echo", 15),
            ("game", 15),
        ],
        &[("echo", 3), ("command-16k", 3)],
    );
    let mut all = Vec::new();
    for (workload, rounds) in workloads {
        let ratios = ratios(run, workload, flags, *rounds)?;
        let least = run.form(LEAST_OF_ONE, LEAST_QUICK);
        let ratio = median(&ratios);
        run.judge(format!("{workload}: now ÷ before"), Wanted::AtLeast(least), ratio);
        run.note(format!("{workload}: now ÷ before, by round: {ratios:.2?}"));
        all.extend(ratio);
    }
    let least = run.form(LEAST, LEAST_QUICK);
    run.judge("now ÷ before, the median", Wanted::AtLeast(least), median(&all));
    Ok(())
}

/// A build that was not built anew would be as fast as itself.
fn differ() -> Result<()> {
    let read = |line: &str| {
        let path = place::target().join(line.trim_start_matches("target/"));
        fs::read(&path).with_context(|| path.display().to_string())
    };
    let [before, now] = PROGRAMS.map(read);
    ensure!(before? != now?, "the program before this issue is the program of now");
    Ok(())
}

/// How much better the program of now does in each round: above 1, it does better. Who goes first
/// changes from round to round, so that what drifts drifts for both.
fn ratios(run: &Run, workload: &str, flags: &str, rounds: usize) -> Result<Vec<f64>> {
    let one = |program: &str| -> Result<(f64, bool)> {
        let line = format!("{program} {workload} --against raw --rounds 1 {flags} --json");
        let told = run.finish(&line)?.document().with_context(|| line.clone())?;
        own(&told).with_context(|| format!("{line}: no figure"))
    };
    let [before, now] = PROGRAMS;
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let ((was, _), (is, is_more_better)) = if round % 2 == 0 {
            (one(before)?, one(now)?)
        } else {
            let is = one(now)?;
            (one(before)?, is)
        };
        ratios.push(if is_more_better { is / was } else { was / is });
    }
    Ok(ratios)
}

/// Biplane's median in a comparison, and whether more is better.
fn own(told: &Value) -> Option<(f64, bool)> {
    let rows = told.get("rows")?.as_array()?;
    let own = rows.iter().find(|row| document::at(row, "system") == "biplane")?;
    let median = document::at(own, "median").as_f64().filter(|median| *median > 0.0)?;
    Some((median, document::at(own, "better") == "more"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn the_own_row_is_read_with_what_is_better() {
        let row = |system: &str, median: Value, better: &str| {
            json!({"rows": [
                {"system": "raw", "median": 1.0, "better": "more"},
                {"system": system, "median": median, "better": better},
            ]})
        };
        assert_eq!(own(&row("biplane", json!(2.5), "less")), Some((2.5, false)));
        assert_eq!(own(&row("biplane", json!(2.5), "more")), Some((2.5, true)));
        assert_eq!(own(&row("biplane", json!(null), "more")), None);
        assert_eq!(own(&row("quinn", json!(2.5), "more")), None);
    }
}
