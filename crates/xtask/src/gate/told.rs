//! What the simulator says of its seeds, judged.
//!
//! One run of the same words serves every gate that judges it: 10,000 seeds take ten minutes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use super::{Run, Wanted, document};
use crate::child::{Exit, Finished};

/// Builds the simulator.
pub(super) const SIM: &str = "cargo build --release --locked -p biplane-sim";

/// What was said, by the words that asked.
static TOLD: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new());

/// How much of what a run said that came to nothing is kept.
const LAST_WORDS: usize = 20;

/// What the simulator says to these words, now or before in this process.
pub(super) fn sim(run: &mut Run, words: &str) -> Result<Value> {
    let known = TOLD.lock().map_err(|_| anyhow!("a gate panicked"))?.get(words).cloned();
    if let Some(told) = known {
        return Ok(told);
    }
    let finished = run.finish(&format!("target/release/biplane-sim {words} --json"))?;
    let told = said(&finished).with_context(|| words.to_owned())?;
    TOLD.lock().map_err(|_| anyhow!("a gate panicked"))?.insert(words.to_owned(), told.clone());
    Ok(told)
}

/// The document of one that ran to its end. Status 1 says what the document says better.
fn said(finished: &Finished) -> Result<Value> {
    let ran = matches!(finished.exit, Exit::Status(0 | 1));
    ensure!(ran, "{}\n{}", finished.exit, finished.tail(LAST_WORDS));
    finished.document().with_context(|| finished.tail(LAST_WORDS))
}

/// What the simulator says to a question of so many seeds: every seed was run, nothing was broken,
/// none of `promises` by name, and each of `canaries` was found.
pub(super) fn seeds(
    run: &mut Run,
    question: &str,
    seeds: u64,
    promises: &[&str],
    planted: &[&str],
) -> Result<Value> {
    let told = sim(run, &format!("{question} --seeds {seeds}"))?;
    judge(run, &told, seeds);
    none(run, &told, promises);
    canaries(run, &told, planted);
    Ok(told)
}

/// Every seed was run, and no promise of whatever kind was broken.
pub(super) fn judge(run: &mut Run, told: &Value, seeds: u64) {
    run.judge_at(told, "seeds", Wanted::Exactly(seeds.into()));
    run.judge_at(told, "violations", Wanted::Exactly(0.into()));
    note_failures(run, told);
}

/// Keeps which seeds failed, and how.
pub(super) fn note_failures(run: &mut Run, told: &Value) {
    let failures = document::at(told, "failures");
    for failure in failures.as_array().into_iter().flatten() {
        run.note(format!("{failure}"));
    }
}

/// None of these was broken, by name.
pub(super) fn none(run: &mut Run, told: &Value, names: &[&str]) {
    for name in names {
        run.judge_at(told, &format!("broken.{name}"), Wanted::Exactly(0.into()));
    }
}

/// Each of these planted faults was found.
pub(super) fn canaries(run: &mut Run, told: &Value, names: &[&str]) {
    for name in names {
        let caught = document::at(&document::named(told, "canaries", name), "caught");
        run.judge(format!("canary that {name}: caught"), Wanted::Exactly(true.into()), caught);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    fn judged(judge: impl FnOnce(&mut Run)) -> Vec<bool> {
        let mut run = Run::new(true, 8, deadline_in(Duration::from_secs(20)));
        judge(&mut run);
        run.into_parts().0.iter().map(Figure::is_met).collect()
    }

    #[test]
    fn one_that_did_not_end_by_itself_has_said_nothing() {
        let ended = |exit| {
            let stdout = "{\"seeds\": 8}".to_owned();
            said(&Finished { exit, stdout, stderr: "no memory".to_owned() })
        };
        assert_eq!(ended(Exit::Status(1)).unwrap(), json!({"seeds": 8}));
        for exit in [Exit::Status(101), Exit::Signal, Exit::TimedOut] {
            assert!(ended(exit).unwrap_err().to_string().contains("no memory"));
        }
    }

    #[test]
    fn a_promise_that_is_not_named_is_not_kept() {
        let told = json!({"broken": {"message_stuck": 0, "message_missing": 2}});
        let names = ["message_stuck", "message_missing", "message_mistyped"];
        assert_eq!(judged(|run| none(run, &told, &names)), [true, false, false]);
    }

    #[test]
    fn every_canary_must_be_caught() {
        let told = json!({"canaries": [
            {"name": "stalls", "caught": true}, {"name": "swaps", "caught": false},
        ]});
        let names = ["stalls", "swaps", "wavers"];
        assert_eq!(judged(|run| canaries(run, &told, &names)), [true, false, false]);
    }

    #[test]
    fn all_seeds_and_no_violation_and_what_failed_is_told() {
        let told = json!({
            "seeds": 8, "violations": 1, "failures": [{"seed": 3, "what": "message 7 came twice"}],
        });
        let mut run = Run::new(true, 8, deadline_in(Duration::from_secs(20)));
        judge(&mut run, &told, 8);
        let (figures, notes) = run.into_parts();
        assert_eq!(figures.iter().map(Figure::is_met).collect::<Vec<_>>(), [true, false]);
        assert!(notes[0].contains("message 7 came twice"), "{notes:?}");
    }
}
