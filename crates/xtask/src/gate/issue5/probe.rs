//! A5.2: each step of `biplane probe` that can fail is made to fail, and named right.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::{
    Gate, Needs, Run, Seeds, Wanted, document,
    scene::{self, Link},
};
use crate::child::Finished;

pub(super) const GATE: Gate = Gate {
    id: "A5.2",
    title: "why can I not connect: every step that can fail does, and is named",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[
        scene::CLI,
        scene::LOBBY,
        "cargo test --release --locked -p biplane-cli --test command --no-run",
        "cargo test --release --locked -p biplane --test face --no-run",
    ],
    timeout: Duration::from_secs(180),
    measure: steps,
};

const LISTEN: &str = "--listen 127.0.0.1:0";

fn steps(run: &mut Run) -> Result<()> {
    let (server, link) = scene::serve(run, LISTEN)?;
    healthy(run, &link)?;
    badly_linked(run, &link)?;
    let nobody = free_port()?;
    fails(run, "a refused port", &link.at(&nobody), "TCP")?;
    fails(run, "an unknown name", &link.at("nowhere.invalid:7777"), "name")?;
    fails(run, "another pin", &Link { pin: "A".repeat(43), ..link.clone() }, "pin")?;
    run.terminate(server).map(drop)?;
    full(run)?;
    // What the lobby cannot be made to do: TLS that is none, another protocol, refused credentials.
    // They wait more than they work, so more of them than there are cores run at a time.
    let tests = "cargo test --release --locked -p biplane --test face diagnosis";
    run.tests(&format!("{tests} -- --test-threads 6"), 14)?;
    let tests = "cargo test --release --locked -p biplane-cli --test command probe";
    run.tests(&format!("{tests} -- --test-threads 6"), 10).map(drop)
}

/// Nothing is wrong, on both planes, and nothing is lost.
fn healthy(run: &mut Run, link: &Link) -> Result<()> {
    let told = run.finish(&probe(link, run.form("5s", "1s")))?;
    let told = run.document("healthy", &told)?;
    run.judge("healthy: steps that are not ok", Wanted::Exactly(json!([])), not_ok(&told));
    run.judge_at(&told, "planes", Wanted::Exactly("both".into()));
    run.judge_at(&told, "loss_percent.up", Wanted::Exactly(0.into()));
    run.judge_at(&told, "loss_percent.down", Wanted::Exactly(0.into()));
    run.judge_at(&told, "rtt_ms.p99", Wanted::AtMost(100.0));
    Ok(())
}

/// What `biplane link` does to datagrams, and the step that shows it.
const LINKS: [(&str, &str); 4] = [
    ("--block-udp=up", "UDP up"),
    ("--block-udp=down", "UDP down"),
    ("--mtu 600", "path MTU"),
    ("--down-mtu 600", "path MTU"),
];

/// The same server behind each of them, all at once: a probe waits more than it works.
fn badly_linked(run: &mut Run, link: &Link) -> Result<()> {
    let mut under_way = Vec::new();
    for (flags, step) in LINKS {
        let (relay, here) = scene::relay(run, &link.address, flags)?;
        let probing = run.start(&probe(&link.at(&here), "1s"))?;
        under_way.push((flags, step, relay, probing));
    }
    for (flags, step, relay, probing) in under_way {
        let finished = run.wait(probing)?;
        let told = failed_at(run, flags, &finished, step)?;
        let planes = document::at(&told, "planes");
        run.judge(format!("{flags}: planes"), Wanted::Exactly("control_only".into()), planes);
        run.terminate(relay)?;
    }
    Ok(())
}

/// A server with room for one refuses the next in its own words.
fn full(run: &mut Run) -> Result<()> {
    let (server, link) = scene::serve(run, &format!("{LISTEN} --max-sessions 1"))?;
    let mut first = run.start(&probe(&link, "60s"))?;
    run.stderr_line(&mut first, "ok     admission")?;
    let told = fails(run, "a full server", &link, "admission")?;
    let detail = document::at(&document::named(&told, "steps", "admission"), "detail");
    let wanted = Wanted::Exactly("refused with code 503: the server is full".into());
    run.judge("a full server: its words", wanted, detail);
    run.terminate(first)?;
    run.terminate(server).map(drop)
}

/// A probe of `link` that ends with status 1 and names `step`.
fn fails(run: &mut Run, what: &str, link: &Link, step: &str) -> Result<Value> {
    let finished = run.finish(&probe(link, "1s"))?;
    failed_at(run, what, &finished, step)
}

/// It ended with status 1 and names `step`; what it told.
fn failed_at(run: &mut Run, what: &str, finished: &Finished, step: &str) -> Result<Value> {
    run.judge(format!("{what}: exit status"), Wanted::Exactly(1.into()), finished.exit.to_value());
    let told = finished.document().with_context(|| what.to_owned())?;
    let name = format!("{what}: first step that failed");
    run.judge(name, Wanted::Exactly(step.into()), failed(&told));
    Ok(told)
}

fn probe(link: &Link, lasting: &str) -> String {
    format!("target/release/biplane probe --join {link} --for {lasting} --json")
}

/// The name of the first step that failed; null if none did.
fn failed(told: &Value) -> Value {
    let steps = document::at(told, "steps");
    let mut steps = steps.as_array().into_iter().flatten();
    let failed = steps.find(|step| document::at(step, "ok") == false);
    failed.map_or(Value::Null, |step| document::at(step, "name"))
}

/// The names of those that are not said to be ok; null if there are no steps at all.
fn not_ok(told: &Value) -> Value {
    let steps = document::at(told, "steps");
    let Some(steps) = steps.as_array().filter(|steps| !steps.is_empty()) else {
        return Value::Null;
    };
    let unwell = steps.iter().filter(|step| document::at(step, "ok") != true);
    unwell.map(|step| document::at(step, "name")).collect()
}

/// A port that refuses: it was free a moment ago.
fn free_port() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_that_failed_is_found_and_what_was_skipped_is_none() {
        let told = json!({"steps": [
            {"name": "name", "ok": true}, {"name": "TCP", "ok": null},
            {"name": "TLS", "ok": false}, {"name": "pin", "ok": false},
        ]});
        assert_eq!(failed(&told), "TLS");
        assert_eq!(failed(&json!({"steps": [{"name": "name", "ok": true}]})), Value::Null);
        assert_eq!(failed(&json!({})), Value::Null);
        assert_eq!(not_ok(&told), json!(["TCP", "TLS", "pin"]));
        assert_eq!(not_ok(&json!({"steps": [{"name": "name", "ok": true}]})), json!([]));
        assert_eq!(not_ok(&json!({})), Value::Null);
        assert_eq!(not_ok(&json!({"steps": []})), Value::Null);
    }
}
