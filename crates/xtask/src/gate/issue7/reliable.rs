//! A7.5: what is reliable and in order is not late on a link that loses one datagram in twenty.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::super::{Gate, Needs, Run, Seeds, Wanted, document, document::median, scene};

pub(super) const GATE: Gate = Gate {
    id: "A7.5",
    title: "reliable messages over 40 ms, jitter and 5 % loss: 99 of 100 within 400 ms",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::CLI],
    timeout: Duration::from_secs(180),
    measure: reliable,
};

/// What the issue names.
const BENCH: &str =
    "target/release/biplane bench reliable --link delay=40ms,jitter=15ms,loss=5% --json";
/// A link that nothing could hold the promise on: one trip takes longer.
const CANARY: &str = "target/release/biplane bench reliable --link delay=410ms,jitter=15ms,loss=5% --seconds 3 --json";
const P99_US: f64 = 400_000.0;

/// The median of three runs, in the short form too: of the thousand messages of one the same packet
/// may be lost four times in a row, and ten come behind it.
fn reliable(run: &mut Run) -> Result<()> {
    let mut all = Vec::new();
    for turn in 1..=3 {
        let told = bench(run, &format!("run {turn}"), BENCH)?;
        run.judge_at(&told, "workload", Wanted::Exactly("reliable".into()));
        run.judge_at(&told, "delivered_share", Wanted::Exactly(1.into()));
        // 200 a second, over a link.
        run.judge_at(&told, "messages_per_second", Wanted::AtLeast(150.0));
        all.push(p99(&told));
    }
    run.judge("latency_us.p99, the median", Wanted::AtMost(P99_US), middle(all));
    let told = bench(run, "a link of 410 ms", CANARY)?;
    let exceeds = p99(&told).is_some_and(|late| late > P99_US);
    run.judge("canary of a long link: caught", Wanted::Exactly(true.into()), exceeds);
    Ok(())
}

fn bench(run: &mut Run, name: &str, line: &str) -> Result<Value> {
    let finished = run.finish(line)?;
    run.document(name, &finished)
}

fn p99(told: &Value) -> Option<f64> {
    document::at(told, "latency_us.p99").as_f64()
}

/// `None` if any of them is not there.
fn middle(all: Vec<Option<f64>>) -> Option<f64> {
    median(&all.into_iter().collect::<Option<Vec<_>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_figure_has_no_median() {
        assert_eq!(middle(vec![Some(3.0), Some(1.0), Some(2.0)]), Some(2.0));
        assert_eq!(middle(vec![Some(3.0), None, Some(2.0)]), None);
        assert_eq!(middle(vec![Some(5.0)]), Some(5.0));
    }
}
