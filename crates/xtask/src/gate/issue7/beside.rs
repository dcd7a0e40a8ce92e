//! A7.3: a game beside bulk on a phone's link, over UDP and over a second TCP connection.

use std::time::Duration;

use anyhow::Result;

use super::super::promises::rate::updates;
use super::super::{Gate, Needs, Run, Seeds, Wanted, document, scene, told};

pub(super) const GATE: Gate = Gate {
    id: "A7.3",
    title: "on 4g a game beside bulk is at most 60 ms later, and a transfer of 50 MB ends whole",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[told::SIM, scene::CLI],
    timeout: Duration::from_secs(600),
    measure: beside,
};

/// What the issue names.
const TRANSFER: &str =
    "target/release/biplane bench transfer --size 50MB --link profile=4g,kill-tcp-every=10s --json";
const SHORT: &str =
    "target/release/biplane bench transfer --size 5MB --link profile=4g,kill-tcp-every=2s --json";
/// The game alone.
const IDLE: &str =
    "target/release/biplane bench transfer --size 0 --seconds 10 --link profile=4g --json";
const LATER_MS: f64 = 60.0;
/// Updates that come at least. One that has to wait beside bulk is superseded by the next: nine in
/// ten are not. The game alone loses what the link does.
const UPDATES: f64 = 0.8;
const UPDATES_IDLE: f64 = 0.98;
/// The same over real sockets, where a transfer has a connection of its own.
const DELIVERED: f64 = 0.95;

fn beside(run: &mut Run) -> Result<()> {
    channel(run)?;
    transfer(run)
}

/// In virtual time, bulk on a channel of the same session.
fn channel(run: &mut Run) -> Result<()> {
    let seconds = run.form(60, 20);
    let mut p95 = |name: &str, least: f64| -> Result<Option<f64>> {
        let words = format!("rate --link 4g --flows {name} --seconds {seconds} --settled 5");
        let told = told::sim(run, &words)?;
        let flow = document::named(&told, "flows", name);
        let share = format!("{name}: updates taken / sent");
        run.judge(share, Wanted::AtLeast(least), updates(&flow));
        Ok(document::at(&flow, "game_ms.p95").as_f64())
    };
    let idle = p95("delay-aware+game-only", UPDATES_IDLE)?;
    let loaded = p95("delay-aware+game", UPDATES)?;
    let later = loaded.zip(idle).map(|(loaded, idle)| loaded - idle);
    run.judge("beside bulk: game p95 later by ms", Wanted::AtMost(LATER_MS), later);
    Ok(())
}

/// Over real sockets, behind the relay, which kills TCP meanwhile.
fn transfer(run: &mut Run) -> Result<()> {
    let idle = run.finish(IDLE)?;
    let idle = run.document("the game alone", &idle)?;
    let (line, bytes) = run.form((TRANSFER, 50e6), (SHORT, 5e6));
    let moved = run.finish(line)?;
    let moved = run.document("beside a transfer", &moved)?;
    run.judge_at(&moved, "transfer.bytes", Wanted::AtLeast(bytes));
    for (name, told) in [("the game alone", &idle), ("beside a transfer", &moved)] {
        let share = document::at(told, "delivered_share");
        run.judge(format!("{name}: delivered_share"), Wanted::AtLeast(DELIVERED), share);
    }
    let p95 = |told| document::at(told, "latency_us.p95").as_f64();
    let later = p95(&moved).zip(p95(&idle)).map(|(loaded, idle)| (loaded - idle) / 1e3);
    let most = run.form(LATER_MS, LATER_MS * 2.0);
    run.judge("beside a transfer: game p95 later by ms", Wanted::AtMost(most), later);
    Ok(())
}
