//! G1, G2, G4 and G28: one sweep, and what each of them asks of it.

use anyhow::Result;
use serde_json::Value;

use super::super::{Run, Wanted, document, told};

/// G1 asks for so many seeds more, at 90 % loss.
const HEAVY: (u64, u64) = (200, 4);
/// What a seed sends at least, over a minute: five kinds, both ways, twenty a second.
const MESSAGES: f64 = 11_000.0;

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
    let told = both(run, &["unaccounted", "miscounted"], &["swallows"])?;
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
    for (name, wanted) in [("seeds", heavy), ("violations", 0)] {
        let got = document::at(&lossy, name);
        run.judge(format!("at 90 % loss: {name}"), Wanted::Exactly(wanted.into()), got);
    }
    Ok(told)
}

/// The sweep counts for what it sent.
fn traffic(run: &mut Run, told: &Value) {
    let seeds = run.seeds() as f64;
    for (name, least) in [("messages_sent", MESSAGES), ("packets", 1_000.0)] {
        run.judge_at(told, name, Wanted::AtLeast(least * seeds));
    }
    run.judge_at(told, "messages", Wanted::AtLeast(0.5 * MESSAGES * seeds));
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
        let met = |sent: u64| {
            let mut run = Run::new(true, 10, deadline_in(Duration::from_secs(20)));
            let told = json!({
                "messages_sent": sent, "packets": 20_000, "messages": 80_000, "refused": 0,
                "virtual_seconds": 700.0,
            });
            traffic(&mut run, &told);
            run.into_parts().0.iter().all(Figure::is_met)
        };
        assert!(met(120_000));
        assert!(!met(100_000));
    }
}
