//! G24: programs stand still for up to 10 s, and in virtual time clocks falter too; no session is
//! lost.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::scene;
use super::super::told::SIM;
use super::super::{Gate, Needs, Run, Seeds, Wanted, document, promises};
use super::timeline::Timeline;
use crate::child::Running;

pub(super) const PROMISE: Gate = Gate {
    id: "G24",
    title: "server and clients stand still for 1 to 10 s: no session is lost",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::LOBBY, SIM],
    timeout: Duration::from_secs(240),
    measure: stopped,
};

/// For how long each program stands still, in seconds, and how long both run between.
const STOPS: &[u64] = &[1, 3, 5, 10];
const BETWEEN: u64 = 6;
/// The short form.
const STOPS_QUICK: &[u64] = &[2];
const BETWEEN_QUICK: u64 = 4;

fn stopped(run: &mut Run) -> Result<()> {
    promises::resumes::clocks(run)?;
    let (stops, between) = run.form((STOPS, BETWEEN), (STOPS_QUICK, BETWEEN_QUICK));
    let count = run.form(100, 50);
    let (server, link) = scene::serve(run, "--listen 127.0.0.1:0")?;
    let lasts = between + stops.iter().map(|stop| 2 * (stop + between)).sum::<u64>();
    let mut bots = run.start(&scene::bots(&link, count, lasts))?;
    run.stderr_line(&mut bots, "joined: ")?;
    for stop in stops {
        for program in [&bots, &server] {
            thread::sleep(Duration::from_secs(between));
            stand_still(program, *stop)?;
        }
    }
    let finished = run.wait(bots)?;
    let server = run.terminate(server)?;
    let told = run.document("bots", &finished)?;
    let server = run.document("server", &server)?;
    judge(run, count, &told, &server)
}

fn stand_still(program: &Running, seconds: u64) -> Result<()> {
    program.stop()?;
    thread::sleep(Duration::from_secs(seconds));
    program.go_on()
}

fn judge(run: &mut Run, bots: u64, told: &Value, server: &Value) -> Result<()> {
    let zero = || Wanted::Exactly(0.into());
    run.judge_at(told, "joined", Wanted::Exactly(bots.into()));
    for path in ["disconnected", "commands.lost", "commands.duplicated"] {
        run.judge_at(told, path, zero());
    }
    for path in ["panics", "sessions.timed_out", "sessions.left.violation"] {
        run.judge(format!("server's {path}"), zero(), document::at(server, path));
    }
    let timeline = Timeline::of(told).context("a timeline")?;
    run.judge("both in the last second", Wanted::Exactly(bots.into()), timeline.last_both());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    #[test]
    fn nobody_is_lost_and_all_fly_on_both_again() {
        let judged = |told: &Value, server: &Value| {
            let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
            judge(&mut run, 5, told, server).unwrap();
            run.into_parts().0.iter().map(Figure::is_met).collect::<Vec<_>>()
        };
        let entry = json!({
            "t": 1, "both": 5, "control_only": 0, "data_only": 0, "lost": 0, "snapshots_hz": 20.0,
        });
        let mut told = json!({
            "joined": 5, "disconnected": 0, "commands": {"lost": 0, "duplicated": 0},
            "timeline": [entry],
        });
        let server = json!({"panics": 0, "sessions": {"timed_out": 0, "left": {"violation": 0}}});
        assert_eq!(judged(&told, &server), [true; 8]);
        told["timeline"][0]["both"] = json!(4);
        assert_eq!(judged(&told, &json!({})), [true, true, true, true, false, false, false, false]);
    }
}
