//! G1, G2, G4 and G28: one sweep, and what each of them asks of it.

use anyhow::Result;
use serde_json::Value;

use super::super::{Run, Wanted, document, told};

/// G1 asks for so many seeds more, at 90 % loss.
const HEAVY: (u64, u64) = (200, 4);
/// What it loses at least: 90 %, and what chance leaves of that.
const HEAVY_LOSS: f64 = 0.85;
/// What a seed sends at least of each of five kinds, over a minute: both ways, twenty a second.
const MESSAGES: f64 = 2_200.0;
/// The share of them that is taken at least. The reliable kinds owe nearly all; of the others much
/// is lost or comes behind a newer one, and these are half of what comes.
const TAKEN: [(&str, f64); 5] = [
    ("command", 0.9),
    ("reliable_ordered", 0.9),
    ("reliable_unordered", 0.9),
    ("sequenced", 0.2),
    ("unreliable", 0.4),
];

/// G1: exactly once, byte-equal, in order.
pub(super) fn reliable(run: &mut Run) -> Result<()> {
    const PROMISES: [&str; 9] = [
        "message_invented",
        "message_altered",
        "message_repeated",
        "message_out_of_order",
        "message_overtaken",
        "message_missing",
        "request_wrong_answer",
        "session_vanished",
        "panicked",
    ];
    // The last three are what is asked of messages beside their channel's promise.
    let planted = ["withholds", "swaps", "repeats", "hastens", "boasts", "hushes"];
    let told = both(run, &PROMISES, &planted)?;
    run.judge_at(&told, "replayed_identically", Wanted::Exactly(true.into()));
    traffic(run, &told);
    Ok(())
}

/// G2: everything owed has come and every queue is empty within its time.
pub(super) fn live(run: &mut Run) -> Result<()> {
    const PROMISES: [&str; 7] = [
        "message_stuck",
        "session_never_empty",
        "session_never_writable",
        "session_lame",
        "session_ended",
        "request_never_answered",
        "spins",
    ];
    let told = both(run, &PROMISES, &["stalls"])?;
    run.judge_at(&told, "slowest_drain", Wanted::AtMost(1.0));
    Ok(())
}

/// G4: what sequenced, unreliable and unordered promise, and that an end is an end.
pub(super) fn fresh(run: &mut Run) -> Result<()> {
    const PROMISES: [&str; 6] = [
        "message_backwards",
        "message_repeated",
        "message_missing",
        "message_after_left",
        "session_event_after_left",
        "session_unannounced",
    ];
    both(run, &PROMISES, &["swaps", "repeats", "lingers"]).map(drop)
}

/// G28, its part in virtual time.
pub(super) fn accounted(run: &mut Run) -> Result<()> {
    let promises = ["unaccounted", "miscounted", "drops_miscounted"];
    let told = both(run, &promises, &["swallows"])?;
    run.judge_at(&told, "datagrams", Wanted::AtLeast(run.seeds() as f64 * 1_000.0));
    let drops = document::at(&told, "drops");
    let reasons = drops.as_object().map(serde_json::Map::len);
    run.judge("reasons for drops that were seen", Wanted::AtLeast(4.0), reasons);
    Ok(())
}

/// The sweep in the range that G1 states, and the one at 90 % loss: no promise is broken in either,
/// least of all these, and the first found what was planted. What that said.
fn both(run: &mut Run, promises: &[&str], planted: &[&str]) -> Result<Value> {
    let told = told::seeds(run, "sweep", run.seeds(), promises, planted)?;
    let heavy = run.form(HEAVY.0, HEAVY.1);
    let lossy = told::sim(run, &format!("sweep --seeds {heavy} --loss 90"))?;
    heavily(run, &lossy, heavy);
    Ok(told)
}

/// The one at 90 % loss: it lost that, and broke nothing.
fn heavily(run: &mut Run, told: &Value, seeds: u64) {
    for (name, wanted) in [
        ("seeds", Wanted::Exactly(seeds.into())),
        ("violations", Wanted::Exactly(0.into())),
        ("replayed_identically", Wanted::Exactly(true.into())),
        ("loss", Wanted::AtLeast(HEAVY_LOSS)),
    ] {
        run.judge(format!("at 90 % loss: {name}"), wanted, document::at(told, name));
    }
    told::note_failures(run, told);
}

/// The sweep counts for what it sent.
fn traffic(run: &mut Run, told: &Value) {
    let seeds = run.seeds() as f64;
    for (name, least) in [("messages_sent", 5.0 * MESSAGES), ("packets", 1_000.0)] {
        run.judge_at(told, name, Wanted::AtLeast(least * seeds));
    }
    for (kind, share) in TAKEN {
        let least = Wanted::AtLeast(share * MESSAGES * seeds);
        run.judge_at(told, &format!("messages_taken.{kind}"), least);
    }
    run.judge_at(told, "refused", Wanted::AtLeast(0.0));
    run.judge_at(told, "virtual_seconds", Wanted::AtLeast(60.0 * seeds));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    #[test]
    fn a_sweep_that_sent_too_little_shows_nothing() {
        let met = |sent: u64, sequenced: u64| {
            let mut run = Run::new(true, 10, deadline_in(Duration::from_secs(20)));
            let told = json!({
                "messages_sent": sent, "packets": 20_000, "refused": 0, "virtual_seconds": 700.0,
                "messages_taken": {
                    "command": 22_000, "reliable_ordered": 22_000, "reliable_unordered": 22_000,
                    "sequenced": sequenced, "unreliable": 12_000,
                },
            });
            traffic(&mut run, &told);
            run.into_parts().0.iter().all(Figure::is_met)
        };
        assert!(met(120_000, 6_000));
        assert!(!met(100_000, 6_000));
        assert!(!met(120_000, 0), "one kind is lost altogether");
    }

    #[test]
    fn what_is_to_lose_nearly_all_does_and_is_the_same_again() {
        let judged = |loss: f64, violations: u64, same: bool| {
            let mut run = Run::new(true, 4, deadline_in(Duration::from_secs(20)));
            let told = json!({
                "seeds": 4, "violations": violations, "replayed_identically": same, "loss": loss,
            });
            heavily(&mut run, &told, 4);
            run.into_parts().0.iter().map(Figure::is_met).collect::<Vec<_>>()
        };
        assert_eq!(judged(0.89, 0, true), [true; 4]);
        assert_eq!(judged(0.6, 1, false), [true, false, false, false]);
        assert_eq!(judged(0.84, 0, true), [true, true, true, false]);
    }
}
