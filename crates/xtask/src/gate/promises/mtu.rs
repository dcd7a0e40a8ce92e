//! G23: a session finds out how long its datagrams may be, notices when they may not any more, and
//! loses no message for it; and the kernel cuts none in pieces.

use anyhow::Result;
use serde_json::Value;

use super::super::{
    Run, Wanted, document,
    scene::{self, Link},
    told,
};
use super::figure;

/// What the relay lets pass, in bytes of an IP packet, and of a datagram in it.
const RELAYED: [(u64, f64); 4] =
    [(1_280, 1_252.0), (1_400, 1_372.0), (1_500, 1_452.0), (9_000, 1_452.0)];
/// Lengths that are not told apart.
const STEP: f64 = 4.0;
/// The longest that anything may take after a path has come to carry less, in seconds.
const RECOVERY: f64 = 5.0;

/// G23: in virtual time, behind a relay, and over interfaces of the kernel's.
pub(super) fn lengths(run: &mut Run) -> Result<()> {
    const PROMISES: [&str; 7] = [
        "session_misjudged",
        "session_slow_to_narrow",
        "session_ended",
        "message_missing",
        "message_repeated",
        "message_altered",
        "packet_length",
    ];
    let seeds = run.seeds();
    let told = told::seeds(run, "mtu", seeds, &PROMISES, &["vouches"])?;
    noticed(run, &told, seeds as f64);
    relayed(run)?;
    interfaces(run)
}

/// Paths came to carry less, and whoever sent over them noticed: else the rest would say little.
fn noticed(run: &mut Run, told: &Value, seeds: f64) {
    run.judge_at(told, "slowest", Wanted::AtMost(RECOVERY));
    // Seven in ten do, and three in four of their ways carried more before.
    run.judge_at(told, "narrowed", Wanted::AtLeast(0.5 * seeds));
    let narrowed = document::at(told, "narrowed").as_f64().unwrap_or(f64::INFINITY);
    run.judge_at(told, "noticed", Wanted::AtLeast(narrowed));
}

/// A server behind relays of four widths, all at once: a probe waits more than it works.
fn relayed(run: &mut Run) -> Result<()> {
    let (server, link) = scene::serve(run, "--listen 127.0.0.1:0")?;
    let mut under_way = Vec::new();
    for (mtu, carries) in RELAYED {
        let (relay, here) = scene::relay(run, &link.address, &format!("--mtu {mtu}"))?;
        let link = link.at(&here);
        under_way.push((mtu, carries, relay, run.start(&probe(&link))?));
    }
    for (mtu, carries, relay, probing) in under_way {
        let finished = run.wait(probing)?;
        let told = run.document(&format!("--mtu {mtu}"), &finished)?;
        found(run, mtu, carries, &told);
        run.terminate(relay)?;
    }
    run.terminate(server).map(drop)
}

fn probe(link: &Link) -> String {
    format!("target/release/biplane probe --join {link} --for 3s --json")
}

/// What was found is what passes, or a few bytes less.
fn found(run: &mut Run, mtu: u64, carries: f64, told: &Value) {
    let name = |what: &str| format!("--mtu {mtu}: {what} datagram found to pass, in bytes");
    let found = document::at(told, "mtu");
    run.judge(name("longest"), Wanted::AtMost(carries), found.clone());
    run.judge(name("no shorter"), Wanted::AtLeast(carries - STEP + 1.0), found);
}

/// Interfaces of a network of the test's own, one of which comes to carry less.
fn interfaces(run: &mut Run) -> Result<()> {
    let line = "cargo test --release --locked -p biplane-net --test apart interface";
    let finished = run.tests(line, 2)?;
    let took = figure(&finished.stderr, "figure recovery in milliseconds: ");
    run.judge("an interface's, in ms", Wanted::AtMost(1_000.0 * RECOVERY), took);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    fn judged(judge: impl FnOnce(&mut Run)) -> Vec<bool> {
        let mut run = Run::new(true, 10, deadline_in(Duration::from_secs(20)));
        judge(&mut run);
        run.into_parts().0.iter().map(Figure::is_met).collect()
    }

    #[test]
    fn who_did_not_notice_is_seen() {
        let told = |noticed: u64| json!({"slowest": 1.5, "narrowed": 9, "noticed": noticed});
        assert_eq!(judged(|run| noticed(run, &told(9), 10.0)), [true; 3]);
        assert_eq!(judged(|run| noticed(run, &told(8), 10.0)), [true, true, false]);
        assert_eq!(judged(|run| noticed(run, &json!({}), 10.0)), [false; 3]);
    }

    #[test]
    fn what_does_not_pass_is_too_long_and_what_was_not_searched_for_too_short() {
        let found = |mtu: u64| judged(|run| found(run, 1_280, 1_252.0, &json!({"mtu": mtu})));
        assert_eq!(found(1_251), [true, true]);
        assert_eq!(found(1_253), [false, true]);
        assert_eq!(found(1_200), [true, false]);
    }
}
