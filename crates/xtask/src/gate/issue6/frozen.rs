//! A6.3: TCP stands still for 3 s while there is no UDP; what then comes is not a museum.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::scene;
use super::super::{Gate, Needs, Run, Seeds, Wanted, document};
use super::timeline::{Flown, Timeline};

pub(super) const GATE: Gate = Gate {
    id: "A6.3",
    title: "TCP frozen for 3 s without UDP: no old snapshot is taken afterwards",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::LOBBY, scene::CLI],
    timeout: Duration::from_secs(120),
    measure: frozen,
};

/// The lifetime of the lobby's snapshots and 100 ms, in milliseconds.
const OLDEST_MS: f64 = 200.0;
/// When TCP freezes, and for how long, in seconds.
const FREEZES: u64 = 5;
const FROZEN: u64 = 3;
/// Snapshots a second that a bot gets when nothing is in the way.
const LEAST_HZ: f64 = 19.0;

fn frozen(run: &mut Run) -> Result<()> {
    let (bots, lasts) = run.form((100, 20), (30, 12));
    let (server, link) = scene::serve(run, "--listen 127.0.0.1:0")?;
    let (without_udp, there) = scene::relay(run, &link.address, "--block-udp")?;
    let block = format!("--block-tcp --after {FREEZES}s --for {FROZEN}s");
    let (freezing, here) = scene::relay(run, &there, &block)?;
    let finished = run.finish(&scene::bots(&link.at(&here), bots, lasts))?;
    for (who, relay) in [("freezing relay", freezing), ("relay without UDP", without_udp)] {
        let relay = run.terminate(relay)?;
        run.document(who, &relay)?;
    }
    let server = run.terminate(server)?;
    run.document("server", &server)?;
    let told = run.document("bots", &finished)?;
    judge(run, bots, &told)
}

fn judge(run: &mut Run, bots: u64, told: &Value) -> Result<()> {
    run.judge_at(told, "joined", Wanted::Exactly(bots.into()));
    for path in ["disconnected", "commands.lost", "commands.duplicated"] {
        run.judge_at(told, path, Wanted::Exactly(0.into()));
    }
    run.judge_at(told, "snapshots.age_ms.max", Wanted::AtMost(OLDEST_MS));
    let timeline = Timeline::of(told).context("a timeline")?;
    let frozen = timeline.least_hz(|t| (FREEZES + 2..=FREEZES + FROZEN).contains(&t));
    run.judge("snapshots_hz while frozen, at the least", Wanted::AtMost(1.0), frozen);
    let after = timeline.least_hz(|t| t > FREEZES + FROZEN + 3);
    run.judge("snapshots_hz 3 s later, at the least", Wanted::AtLeast(LEAST_HZ), after);
    let tunnelled = timeline.most(Flown::ControlOnly, |t| t > 2);
    run.judge("bots on TCP alone in a second", Wanted::Exactly(bots.into()), tunnelled);
    let at = document::at(told, "planes.both");
    run.judge("planes.both", Wanted::Exactly(0.into()), at);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    fn judged(told: &Value) -> Vec<bool> {
        let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
        judge(&mut run, 5, told).unwrap();
        run.into_parts().0.iter().map(Figure::is_met).collect()
    }

    fn told() -> Value {
        let entry = |t: u64| {
            json!({
                "t": t, "both": 0, "control_only": 5, "data_only": 0, "lost": 0,
                "snapshots_hz": if t == 7 { 0.0 } else { 20.0 },
            })
        };
        json!({
            "joined": 5, "disconnected": 0, "commands": {"lost": 0, "duplicated": 0},
            "snapshots": {"age_ms": {"max": 200.0}}, "planes": {"both": 0},
            "timeline": (1..=15).map(entry).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn what_froze_and_came_back_without_old_snapshots_is_enough() {
        assert_eq!(judged(&told()), [true; 9]);
    }

    #[test]
    fn an_old_snapshot_is_seen_and_so_is_a_network_that_did_not_freeze() {
        let mut told = told();
        told["snapshots"]["age_ms"]["max"] = json!(200.1);
        told["timeline"][6]["snapshots_hz"] = json!(20.0);
        let verdict = judged(&told);
        assert_eq!(verdict, [true, true, true, true, false, false, true, true, true]);
    }
}
