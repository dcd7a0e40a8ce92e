//! The gates of issue 2: the first session over both planes, shown by the lobby.
//!
//! A2.6 names `cargo xtask ci` and is checked by hand.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Gate, Needs, Run, Seeds, Wanted, document, system_calls, told};
use crate::child::Finished;
use crate::place;
use crate::test_output::TestCounts;
use crate::tool;

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[
    Gate {
        id: "A2.1",
        title: "the demo: 20 bots in a match, nothing lost",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &["cargo build --release --locked -p lobby"],
        timeout: Duration::from_secs(60),
        measure: demo,
    },
    Gate {
        id: "A2.2",
        title: "200 bots in a second process, every datagram accounted for",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &["cargo build --release --locked -p lobby"],
        timeout: Duration::from_secs(120),
        measure: crowds,
    },
    Gate {
        id: "A2.3",
        title: "seeded sweep: promises kept, runs replay, canaries caught",
        seeds: Seeds { full: 50, quick: 8 },
        needs: Needs::NONE,
        builds: &[told::SIM],
        timeout: Duration::from_secs(600),
        measure: sweep,
    },
    Gate {
        id: "A2.4",
        title: "bad inputs against a running server",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &["cargo test --release --locked -p lobby --test strangers --no-run"],
        timeout: Duration::from_secs(180),
        measure: strangers,
    },
    Gate {
        id: "A2.5",
        title: "an idle tick costs at most one system call",
        seeds: Seeds::NONE,
        needs: Needs::both(&tool::STRACE),
        builds: &["cargo build --release --locked -p biplane --example idle_tick"],
        timeout: Duration::from_secs(120),
        measure: idle_ticks,
    },
    Gate {
        id: "A2.7",
        title: "the README is short and the design records exist",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[],
        timeout: Duration::from_secs(10),
        measure: records,
    },
];

fn demo(run: &mut Run) -> Result<()> {
    let length = run.form("10s", "5s");
    let demo = run
        .finish(&format!("cargo run --release --locked -p lobby -- demo --for {length} --json"))?;
    let told = run.document("demo", &demo)?;
    run.judge_at(&told, "bots.joined", Wanted::Exactly(20.into()));
    run.judge_at(&told, "bots.disconnected", Wanted::Exactly(0.into()));
    run.judge_at(&told, "bots.commands.lost", Wanted::Exactly(0.into()));
    run.judge_at(&told, "bots.commands.duplicated", Wanted::Exactly(0.into()));
    run.judge_at(&told, "bots.snapshots.rate_hz", Wanted::AtLeast(19.0));
    Ok(())
}

fn crowds(run: &mut Run) -> Result<()> {
    crowd(run, "default workers", "")?;
    crowd(run, "2+2 workers", " --receivers 2 --senders 2")
}

/// One server and one process of bots; `label` leads the names of its figures.
fn crowd(run: &mut Run, label: &str, workers: &str) -> Result<()> {
    let count = run.form(200, 50);
    let (serve_for, bots_for) = run.form(("40s", "20s"), ("12s", "4s"));
    let mut server = run.start(&format!(
        "target/release/lobby serve --listen 127.0.0.1:0 --for {serve_for} --json{workers}"
    ))?;
    let link = run.stderr_line(&mut server, "join: ")?;
    let bots = run.finish(&format!(
        "target/release/lobby bots --join {link} --count {count} --for {bots_for} --json"
    ))?;
    let server = run.terminate(server)?;

    let bots = run.document(&format!("{label}: bots"), &bots)?;
    let server = run.document(&format!("{label}: server"), &server)?;
    judge_bots(run, label, &bots, count);
    judge_server(run, label, &server);
    Ok(())
}

fn judge_bots(run: &mut Run, label: &str, bots: &Value, count: u64) {
    let mut judge = |name: &str, wanted, got| run.judge(format!("{label}: {name}"), wanted, got);
    judge("joined", Wanted::Exactly(count.into()), document::at(bots, "joined"));
    judge("disconnected", Wanted::Exactly(0.into()), document::at(bots, "disconnected"));
    let applied = document::share(bots, "inputs.applied", "inputs.sent");
    judge("inputs applied / sent", Wanted::AtLeast(0.999), applied);
    let unaccounted = document::unaccounted(bots, "drops");
    judge("bots' datagrams unaccounted for", Wanted::Exactly(0.into()), unaccounted);
}

fn judge_server(run: &mut Run, label: &str, server: &Value) {
    let mut judge = |name: &str, got| {
        run.judge(format!("{label}: {name}"), Wanted::Exactly(0.into()), got);
    };
    let unaccounted = document::unaccounted(server, "datagrams.dropped");
    judge("server's datagrams unaccounted for", unaccounted);
    judge("server's panics", document::at(server, "panics"));
}

fn sweep(run: &mut Run) -> Result<()> {
    let seeds = run.seeds();
    let sweep = run.finish(&format!(
        "cargo run --release --locked -p biplane-sim -- sweep --seeds {seeds} --json"
    ))?;
    let told = run.document("sweep", &sweep)?;
    told::judge(run, &told, seeds);
    run.judge_at(&told, "replayed_identically", Wanted::Exactly(true.into()));
    told::canaries(run, &told, &["withholds", "swaps", "repeats"]);
    Ok(())
}

fn strangers(run: &mut Run) -> Result<()> {
    let tests = run.finish("cargo test --release --locked -p lobby --test strangers")?;
    run.exit("strangers", &tests);
    judge_tests(run, &tests);
    Ok(())
}

fn judge_tests(run: &mut Run, tests: &Finished) {
    let counts = TestCounts::read(&tests.stdout);
    run.judge("bad inputs tried", Wanted::AtLeast(8.0), counts.ran());
    run.judge("bad inputs that got through", Wanted::Exactly(0.into()), counts.failed);
}

fn idle_ticks(run: &mut Run) -> Result<()> {
    let trace = place::scratch("idle_tick.strace")?;
    let ticks =
        run.finish("strace -f -o target/xtask/idle_tick.strace target/release/examples/idle_tick")?;
    run.exit("idle_tick", &ticks);
    let trace = fs::read(trace).context("strace wrote nothing")?;
    let calls = system_calls::between(&String::from_utf8_lossy(&trace), "ticks begin", "ticks end");
    run.judge("system calls in 1,000 idle ticks", Wanted::AtMost(1000.0), calls);
    Ok(())
}

fn records(run: &mut Run) -> Result<()> {
    run.judge("README.md: lines", Wanted::AtMost(150.0), lines_of("README.md"));
    for record in ["ARCHITECTURE", "PROTOCOL", "STATE-MACHINE", "GLOSSARY", "DECISIONS"] {
        let path = format!("docs/{record}.md");
        let lines = lines_of(&path);
        run.judge(format!("{path}: lines"), Wanted::AtLeast(31.0), lines);
    }
    Ok(())
}

/// `None` if the file cannot be read.
fn lines_of(path: &str) -> Option<usize> {
    fs::read_to_string(place::root().join(path)).ok().map(|text| text.lines().count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::child::{Exit, deadline_in};

    fn judged(judge: impl FnOnce(&mut Run)) -> Vec<bool> {
        let mut run = Run::new(true, 8, deadline_in(Duration::from_secs(20)));
        judge(&mut run);
        run.into_parts().0.iter().map(super::super::Figure::is_met).collect()
    }

    #[test]
    fn bots_of_the_contract_are_judged_by_four_figures() {
        let mut bots = json!({
            "joined": 50, "disconnected": 0, "inputs": {"sent": 1000, "applied": 999},
            "datagrams": {"sent": 9, "received": 12, "delivered": 10, "kernel_dropped": 0},
            "drops": {"replayed": 2},
        });
        assert_eq!(judged(|run| judge_bots(run, "x", &bots, 50)), [true; 4]);
        bots["inputs"]["applied"] = json!(998);
        bots["drops"]["replayed"] = json!(1);
        assert_eq!(judged(|run| judge_bots(run, "x", &bots, 50)), [true, true, false, false]);
    }

    #[test]
    fn a_server_of_the_contract_is_judged_by_two_figures() {
        let server = json!({
            "datagrams": {"received": 12, "delivered": 10, "dropped": {"malformed": 2}},
            "panics": 0,
        });
        assert_eq!(judged(|run| judge_server(run, "x", &server)), [true; 2]);
        assert_eq!(judged(|run| judge_server(run, "x", &json!({}))), [false; 2]);
    }

    #[test]
    fn eight_bad_inputs_are_enough_and_seven_are_not() {
        let tests = |passed| Finished {
            exit: Exit::Status(0),
            stdout: format!("test result: ok. {passed} passed; 0 failed; 0 ignored;"),
            stderr: String::new(),
        };
        assert_eq!(judged(|run| judge_tests(run, &tests(8))), [true, true]);
        assert_eq!(judged(|run| judge_tests(run, &tests(7))), [false, true]);
    }
}
