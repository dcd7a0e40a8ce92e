//! A6.5 and G11: the server is killed and started again on the same port; its players come back.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::scene::{self, Link};
use super::super::{Gate, Needs, Run, Seeds, Wanted, document};
use super::timeline::Timeline;
use crate::child::{Exit, Running};
use crate::place;

pub(super) const GATE: Gate = Gate {
    id: "A6.5",
    title: "the server is killed and started again: 200 bots are back within 10 s",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::LOBBY],
    timeout: Duration::from_secs(120),
    measure: once,
};

pub(super) const PROMISE: Gate = Gate {
    id: "G11",
    title: "a server that is restarted ten times gets its players back each time",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::LOBBY],
    timeout: Duration::from_secs(300),
    measure: ten_times,
};

/// How long players may take to come back, in seconds.
const BACK: u64 = 10;
/// How long the server is away each time.
const AWAY: Duration = Duration::from_secs(1);

/// How often, with how many bots, and how long each server lives, in seconds.
#[derive(Clone, Copy, Debug)]
struct Plan {
    restarts: u64,
    bots: u64,
    lives: u64,
}

/// A6.5.
fn once(run: &mut Run) -> Result<()> {
    let plan = run.form(
        Plan { restarts: 1, bots: 200, lives: 13 },
        Plan { restarts: 1, bots: 100, lives: 5 },
    );
    restarted(run, plan, "a6.5")
}

/// G11.
fn ten_times(run: &mut Run) -> Result<()> {
    let plan = run.form(
        Plan { restarts: 10, bots: 200, lives: 12 },
        Plan { restarts: 2, bots: 50, lives: 4 },
    );
    restarted(run, plan, "g11")
}

fn restarted(run: &mut Run, plan: Plan, name: &str) -> Result<()> {
    let identity = new_identity(name)?;
    let (mut server, link) = serve(run, &identity, "127.0.0.1:0")?;
    let lasts = plan.restarts * (plan.lives + AWAY.as_secs()) + plan.lives;
    let mut bots = run.start(&scene::bots(&link, plan.bots, lasts))?;
    run.stderr_line(&mut bots, "joined: ")?;
    for _ in 0..plan.restarts {
        thread::sleep(Duration::from_secs(plan.lives));
        // That is `kill -9`.
        drop(server);
        thread::sleep(AWAY);
        (server, _) = serve(run, &identity, &link.address)?;
    }
    let finished = run.wait(bots)?;
    let server = run.terminate(server)?;
    let told = finished.document().context("bots")?;
    let status = Exit::Status(1).to_value();
    run.judge("bots: exit status", Wanted::Exactly(status), finished.exit.to_value());
    let server = run.document("the last server", &server)?;
    judge_server(run, &server);
    judge_bots(run, plan, &told)
}

fn serve(run: &Run, identity: &str, address: &str) -> Result<(Running, Link)> {
    scene::serve(run, &format!("--listen {address} --identity {identity}"))
}

/// A folder in which no server has been.
fn new_identity(name: &str) -> Result<String> {
    let folder = place::scratch(&format!("identity-{name}"))?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(format!("target/xtask/identity-{name}"))
}

/// It refused nobody for want of room, and took nothing in of what was meant for the one before.
fn judge_server(run: &mut Run, server: &Value) {
    for path in ["panics", "commands.duplicated", "sessions.left.violation"] {
        run.judge_at(server, path, Wanted::Exactly(0.into()));
    }
    let unaccounted = document::unaccounted(server, "datagrams.dropped");
    run.judge("server's datagrams unaccounted for", Wanted::Exactly(0.into()), unaccounted);
    for reason in ["forged", "replayed"] {
        let path = format!("datagrams.dropped.{reason}");
        run.judge_at(server, &path, Wanted::Exactly(0.into()));
    }
}

/// 99 in a hundred are back each time.
fn judge_bots(run: &mut Run, plan: Plan, told: &Value) -> Result<()> {
    let Plan { restarts, bots, .. } = plan;
    run.judge_at(told, "joined", Wanted::Exactly(bots.into()));
    run.judge_at(told, "disconnected", Wanted::Exactly((bots * restarts).into()));
    let least = (bots * restarts * 99).div_ceil(100);
    run.judge_at(told, "rejoined", Wanted::AtLeast(least as f64));
    run.judge_at(told, "rejoin_ms.p99", Wanted::AtMost(BACK as f64 * 1000.0));
    let timeline = Timeline::of(told).context("a timeline")?;
    let enough = (bots * 99).div_ceil(100);
    let outages = timeline.outages(enough);
    run.judge("outages", Wanted::Exactly(restarts.into()), outages.len());
    // The first and the last second of an outage were not all of it.
    let most = AWAY.as_secs() + BACK;
    let longest = outages.into_iter().max();
    run.judge("seconds of the longest", Wanted::AtMost(most as f64), longest);
    run.judge("both in the last second", Wanted::AtLeast(enough as f64), timeline.last_both());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    fn told(rejoined: u64, away: std::ops::Range<u64>) -> Value {
        let entry = |t: u64| {
            let both = if away.contains(&t) { 0 } else { 200 };
            json!({
                "t": t, "both": both, "control_only": 0, "data_only": 0, "lost": 200 - both,
                "snapshots_hz": 20.0,
            })
        };
        json!({
            "joined": 200, "disconnected": 200, "rejoined": rejoined, "rejoin_ms": {"p99": 900.0},
            "timeline": (1..=27).map(entry).collect::<Vec<_>>(),
        })
    }

    fn judged(told: &Value) -> Vec<bool> {
        let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
        judge_bots(&mut run, Plan { restarts: 1, bots: 200, lives: 13 }, told).unwrap();
        run.into_parts().0.iter().map(Figure::is_met).collect()
    }

    #[test]
    fn two_of_two_hundred_may_stay_away_and_no_more() {
        assert_eq!(judged(&told(198, 14..17)), [true; 7]);
        assert_eq!(judged(&told(197, 14..17)), [true, true, false, true, true, true, true]);
    }

    #[test]
    fn a_server_that_nobody_missed_was_not_killed_and_a_long_outage_is_too_long() {
        let never = judged(&told(198, 0..0));
        assert_eq!(never, [true, true, true, true, false, false, true]);
        let long = judged(&told(198, 14..26));
        assert_eq!(long, [true, true, true, true, true, false, true]);
        let end = judged(&told(198, 20..28));
        assert_eq!(end, [true, true, true, true, true, true, false]);
    }
}
