//! G27: a sender that wants ten times what its link carries is told so, and what is urgent goes on.

use anyhow::Result;
use serde_json::Value;

use super::super::{Run, Wanted, document, told};

/// How long a seed is overloaded, in seconds.
const LOAD: (u64, u64) = (20, 5);
/// What each must refuse, and drop, in a second: far less than it is offered too much.
const REFUSED: f64 = 100.0;

/// G27: in virtual time, and full queues over real sockets.
pub(super) fn overload(run: &mut Run) -> Result<()> {
    let (seeds, load) = (run.seeds(), run.form(LOAD.0, LOAD.1));
    let told = told::sim(run, &format!("overload --seeds {seeds} --load {load}"))?;
    told::judge(run, &told, seeds);
    figures(run, &told, (seeds * load) as f64);
    let net = "cargo test --release --locked -p biplane --test face";
    run.tests(&format!("{net} queue_is_writable_once"), 2).map(drop)
}

fn figures(run: &mut Run, told: &Value, seconds: f64) {
    const PROMISES: [&str; 10] = [
        "session_ended",
        "reliable_missing",
        "back_pressure_hidden",
        "never_writable",
        "oldest_kept",
        "drops_uncounted",
        "urgent_late",
        "urgent_missing",
        "recovers_late",
        "stays_slow",
    ];
    told::none(run, told, &PROMISES);
    told::canaries(run, told, &["inverts", "withholds"]);
    run.judge_at(told, "urgent_slower", Wanted::AtMost(2.0));
    run.judge_at(told, "recovery_ms", Wanted::AtMost(2_000.0));
    // It was overloaded, or the rest would say little.
    run.judge_at(told, "refused", Wanted::AtLeast(REFUSED * seconds));
    let count = |name| document::at(told, name).as_f64().unwrap_or_default();
    let dropped = count("overflowed") + count("expired");
    run.judge("overflowed and expired", Wanted::AtLeast(REFUSED * seconds), dropped);
    run.judge_at(told, "arrived", Wanted::AtLeast(REFUSED * seconds));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::child::deadline_in;

    #[test]
    fn a_sender_that_was_not_overloaded_shows_nothing() {
        let unmet = |refused: u64, slower: f64| {
            let mut run = Run::new(true, 2, deadline_in(Duration::from_secs(20)));
            let told = json!({
                "urgent_slower": slower, "recovery_ms": 900.0, "refused": refused,
                "overflowed": 3_000, "expired": 10, "arrived": 4_000,
            });
            figures(&mut run, &told, 10.0);
            // Neither promises nor canaries are in there.
            run.into_parts().0.iter().filter(|figure| !figure.is_met()).count() - 12
        };
        assert_eq!(unmet(5_000, 1.5), 0);
        assert_eq!(unmet(500, 1.5), 1);
        assert_eq!(unmet(500, 2.5), 2);
    }
}
