//! G9: a client comes to be at another address, and its session with it; and whoever forges one moves
//! nothing.

use anyhow::Result;
use serde_json::Value;

use super::super::{Run, Wanted, document, issue6::moving, told};

/// G9: in virtual time, and 100 bots over real sockets.
pub(super) fn moves(run: &mut Run) -> Result<()> {
    const PROMISES: [&str; 10] = [
        "session_ended",
        "session_lame",
        "session_paused",
        "amplified",
        "pestered",
        "misaddressed",
        "message_repeated",
        "message_missing",
        "message_out_of_order",
        "message_backwards",
    ];
    let seeds = run.seeds();
    let told = told::seeds(run, "moves", seeds, &PROMISES, &["gushes", "stays", "trusts"])?;
    run.judge_at(&told, "longest_pause", Wanted::AtMost(1.0));
    followed(run, &told, seeds as f64);
    moving::for_a_minute(run)
}

/// Clients moved, servers followed them, and somebody forged: else the rest would say little.
fn followed(run: &mut Run, told: &Value, seeds: f64) {
    let number = |name| document::at(told, name).as_f64().unwrap_or_default();
    // 25 seconds of moves 3 to 10 s apart, in most seeds. Those of which somebody forges the
    // source may be found late, and moved on before.
    run.judge_at(told, "moves", Wanted::AtLeast(2.0 * seeds));
    run.judge_at(told, "moves_followed", Wanted::AtLeast(0.9 * number("moves")));
    run.judge_at(told, "forged", Wanted::AtLeast(50.0 * seeds));
    run.judge_at(told, "questions_to_forged", Wanted::AtLeast(seeds));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    #[test]
    fn moves_that_nobody_followed_show_nothing() {
        let met = |moved: u64| {
            let mut run = Run::new(true, 10, deadline_in(Duration::from_secs(20)));
            let told = json!({
                "moves": 30, "moves_followed": moved, "forged": 900, "questions_to_forged": 40,
            });
            followed(&mut run, &told, 10.0);
            run.into_parts().0.iter().all(Figure::is_met)
        };
        assert!(met(29));
        assert!(!met(20));
    }
}
