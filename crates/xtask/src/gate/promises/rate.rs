//! G22: what a session does to the queue before a narrow place, and to others there.

use anyhow::Result;
use serde_json::Value;

use super::super::{Run, Wanted, capacity, document, told};

/// 1 mbit/s, a round trip of 50 ms, and a queue of half a second.
const NARROW: &str = "delay=25ms,rate=1mbit,queue=64KiB";
const RTT_MS: f64 = 50.0;
/// Of a game's updates so many come at least: one that has to wait is superseded by the next, which
/// is no older than that when it comes. Beside bulk two in three do.
const UPDATES: f64 = 0.5;
/// How long packets may wait, in ms.
const WAIT_MS: f64 = 100.0;
/// The rate falls to a tenth at so many seconds; so many later the queue is short again.
const FALLS: u64 = 10;
const SETTLES: u64 = 5;
/// Of the bulk that the path carries then, so much comes in every second, in mbit.
const FALLEN_MBIT: f64 = 0.3;

/// G22: in virtual time.
pub(super) fn rate(run: &mut Run) -> Result<()> {
    narrow(run)?;
    falls(run)?;
    rests(run)?;
    pair(run)?;
    collapses(run)
}

/// Bulk and a game's updates share a narrow place.
fn narrow(run: &mut Run) -> Result<()> {
    let seconds = run.form(60, 20);
    let told = ask(run, NARROW, "delay-aware+game", seconds)?;
    let flow = document::named(&told, "flows", "delay-aware+game");
    run.judge_at(&flow, "mbit_per_second", Wanted::AtLeast(0.8));
    run.judge_at(&told, "wait_ms.p95", Wanted::AtMost(WAIT_MS));
    run.judge_at(&flow, "game_ms.p95", Wanted::AtMost(RTT_MS + 50.0));
    run.judge("game updates taken / sent", Wanted::AtLeast(UPDATES), updates(&flow));
    let told = ask(run, NARROW, "new-reno+game", seconds)?;
    let waits = document::at(&told, "wait_ms.p95").as_f64();
    let caught = waits.is_some_and(|waits| waits > WAIT_MS);
    run.judge("canary of a window that goes by loss: caught", Wanted::Exactly(true.into()), caught);
    Ok(())
}

/// From 5 mbit/s to 0.5.
fn falls(run: &mut Run) -> Result<()> {
    let rate = |at: f64| if at < FALLS as f64 { 5.0 } else { 0.5 };
    let file = capacity::write("falls", 60, rate)?;
    let link = format!("delay=25ms,queue=64KiB,trace-up={file}");
    let told = ask(run, &link, "delay-aware+game", 30)?;
    settled(run, &told);
    Ok(())
}

/// In every second from then on packets pass and do not wait for long: one in which none passes is
/// no short queue.
fn settled(run: &mut Run, told: &Value) {
    let timeline = document::at(told, "timeline");
    let after =
        timeline.as_array().into_iter().flatten().filter(|second| {
            document::at(second, "t").as_u64().is_some_and(|t| t >= FALLS + SETTLES)
        });
    let of = |name| -> Vec<f64> {
        after.clone().filter_map(|second| document::at(second, name).as_f64()).collect()
    };
    let (waits, rates) = (of("wait_ms"), of("mbit_per_second"));
    run.judge("seconds after the fall", Wanted::AtLeast(10.0), waits.len());
    let longest = waits.into_iter().max_by(f64::total_cmp);
    run.judge("wait_ms once it has settled", Wanted::AtMost(WAIT_MS), longest);
    let least = rates.into_iter().min_by(f64::total_cmp);
    run.judge("mbit_per_second once it has settled", Wanted::AtLeast(FALLEN_MBIT), least);
}

/// The share of a flow's game updates that came.
pub(in crate::gate) fn updates(flow: &Value) -> Value {
    document::share(flow, "updates_taken", "updates_sent")
}

/// Who begins again after a pause does not send all at once.
fn rests(run: &mut Run) -> Result<()> {
    let told = ask(run, "delay=25ms,rate=20mbit,queue=1MB", "delay-aware+rest=8", 20)?;
    let flow = document::named(&told, "flows", "delay-aware+rest=8");
    run.judge_at(&flow, "burst_after_rest", Wanted::AtMost(10.0));
    run.judge_at(&flow, "burst_after_rest", Wanted::AtLeast(1.0));
    Ok(())
}

/// Two of our own.
fn pair(run: &mut Run) -> Result<()> {
    let told = ask(run, NARROW, "delay-aware,delay-aware+from=5", run.form(60, 30))?;
    run.judge_at(&told, "jain", Wanted::AtLeast(0.9));
    Ok(())
}

/// A path that carries nothing any more, and a peer that says it got what it did not.
fn collapses(run: &mut Run) -> Result<()> {
    let core = "cargo test --release --locked -p biplane-proto --lib";
    run.tests(&format!("{core} persistent"), 2)?;
    let net = "cargo test --release --locked -p biplane-net --test bad_input";
    run.tests(&format!("{net} bad_input_18"), 1).map(drop)
}

fn ask(run: &mut Run, link: &str, flows: &str, seconds: u64) -> Result<Value> {
    told::sim(run, &format!("rate --link {link} --flows {flows} --seconds {seconds} --settled 10"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    #[test]
    fn a_path_on_which_nothing_passes_any_more_has_not_settled() {
        let judged = |wait: Value, rate: f64| {
            let mut run = Run::new(true, 0, deadline_in(Duration::from_secs(20)));
            let second = |t: u64| {
                let (wait, rate) = if t < 28 { (json!(46.0), 0.4) } else { (wait.clone(), rate) };
                json!({"t": t, "wait_ms": wait, "mbit_per_second": rate})
            };
            settled(&mut run, &json!({"timeline": (0..30).map(second).collect::<Vec<_>>()}));
            run.into_parts().0.iter().map(Figure::is_met).collect::<Vec<_>>()
        };
        assert_eq!(judged(json!(90.0), 0.4), [true; 3]);
        assert_eq!(judged(json!(110.0), 0.4), [true, false, true]);
        assert_eq!(judged(Value::Null, 0.0), [true, true, false]);
    }

    #[test]
    fn updates_that_vanished_are_missed() {
        assert_eq!(updates(&json!({"updates_sent": 600, "updates_taken": 150})), 0.25);
        assert_eq!(updates(&json!({"updates_sent": 600})), Value::Null);
    }
}
