//! G20: half of the bots are killed in mid-flight, and the others do not notice.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::scene;
use super::super::{Gate, Needs, Run, Seeds, Wanted, document};
use super::timeline::Timeline;
use crate::child::Finished;

pub(super) const PROMISE: Gate = Gate {
    id: "G20",
    title: "100 of 200 bots are killed: the others lose nothing",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::LOBBY],
    timeout: Duration::from_secs(120),
    measure: killed,
};

/// Snapshots a second that a bot gets.
const LEAST_HZ: f64 = 19.0;
/// Of a processor: a thread that spins takes one whole, beside what the others take.
const BUSY_MAX: f64 = 0.9;
/// Lines that a server may say of it.
const LINES_MAX: f64 = 10.0;

fn killed(run: &mut Run) -> Result<()> {
    let (each, lasts, mid) = run.form((100, 20, 8), (50, 9, 3));
    let (server, link) = scene::serve(run, "--listen 127.0.0.1:0 --receivers 2 --senders 2")?;
    let mut dying = run.start(&scene::bots(&link, each, 300))?;
    run.stderr_line(&mut dying, "joined: ")?;
    let mut living = run.start(&scene::bots(&link, each, lasts))?;
    run.stderr_line(&mut living, "joined: ")?;
    thread::sleep(Duration::from_secs(mid));
    // That is `kill -9`.
    drop(dying);
    let living = run.wait(living)?;
    let server = run.terminate(server)?;
    judge(run, each, &living, &server)
}

fn judge(run: &mut Run, each: u64, living: &Finished, server: &Finished) -> Result<()> {
    let lines = server.stderr.lines().filter(|line| !line.starts_with("join: ")).count();
    let told = run.document("the others", living)?;
    let server = run.document("server", server)?;
    let zero = || Wanted::Exactly(0.into());
    run.judge_at(&told, "joined", Wanted::Exactly(each.into()));
    for path in ["disconnected", "commands.lost", "commands.duplicated", "snapshots.lost"] {
        run.judge_at(&told, path, zero());
    }
    let applied = document::share(&told, "inputs.applied", "inputs.sent");
    run.judge("inputs applied / sent", Wanted::AtLeast(0.999), applied);
    let timeline = Timeline::of(&told).context("a timeline")?;
    let least = timeline.least_hz(|t| t > 1);
    run.judge("snapshots_hz, at the least", Wanted::AtLeast(LEAST_HZ), least);
    for path in ["panics", "datagrams.unsent", "datagrams.kernel_dropped"] {
        run.judge(format!("server's {path}"), zero(), document::at(&server, path));
    }
    let busy = document::share(&server, "cpu_seconds", "seconds");
    run.judge("server's share of a processor", Wanted::AtMost(BUSY_MAX), busy);
    run.judge("lines that the server said", Wanted::AtMost(LINES_MAX), lines);
    let peak = document::at(&server, "sessions.peak");
    run.judge("server's sessions.peak", Wanted::Exactly((2 * each).into()), peak);
    judge_workers(run, &server);
    Ok(())
}

/// None has ended: each has worked.
fn judge_workers(run: &mut Run, server: &Value) {
    for kind in ["receivers", "senders"] {
        let all = document::at(server, kind);
        let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
        let worked = all.iter().filter(|worker| {
            document::at(worker, "datagrams").as_u64().is_some_and(|datagrams| datagrams > 0)
        });
        run.judge(
            format!("server's {kind} that worked"),
            Wanted::Exactly(2.into()),
            worked.count(),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::{Exit, deadline_in};

    fn finished(told: &Value, stderr: &str) -> Finished {
        Finished { exit: Exit::Status(0), stdout: told.to_string(), stderr: stderr.to_owned() }
    }

    fn judged(living: &Value, server: &Value, stderr: &str) -> Vec<bool> {
        let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
        judge(&mut run, 5, &finished(living, ""), &finished(server, stderr)).unwrap();
        run.into_parts().0.iter().map(Figure::is_met).collect()
    }

    #[test]
    fn nobody_may_have_noticed() {
        let entry = |t: u64| {
            json!({
                "t": t, "both": 5, "control_only": 0, "data_only": 0, "lost": 0,
                "snapshots_hz": if t == 1 { 3.0 } else { 20.0 },
            })
        };
        let mut living = json!({
            "joined": 5, "disconnected": 0, "commands": {"lost": 0, "duplicated": 0},
            "snapshots": {"lost": 0}, "inputs": {"sent": 1000, "applied": 999},
            "timeline": (1..=9).map(entry).collect::<Vec<_>>(),
        });
        let worker = json!({"datagrams": 9});
        let server = json!({
            "panics": 0, "datagrams": {"unsent": 0, "kernel_dropped": 0}, "sessions": {"peak": 10},
            "cpu_seconds": 9.0, "seconds": 10.0,
            "receivers": [worker, worker], "senders": [worker, worker],
        });
        assert_eq!(judged(&living, &server, "join: x\nhm\n"), [true; 17]);
        living["timeline"][5]["snapshots_hz"] = json!(18.0);
        let verdict = judged(&living, &server, &"hm\n".repeat(11));
        assert_eq!(verdict.iter().filter(|met| !**met).count(), 2, "{verdict:?}");
    }
}
