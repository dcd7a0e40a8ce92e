//! G19: workers that share a socket, in every order a model can find and over real sockets.

use anyhow::Result;

use super::super::{Run, Wanted, document};
use super::errors::{self, Meddling};
use super::figure;

/// How many workers a side has.
const WORKERS: [u64; 4] = [1, 2, 4, 8];
/// Datagrams for each of them, in full and in short.
const DATAGRAMS: (u64, u64) = (5_000_000, 100_000);
/// Datagrams that come after a silence.
const ISOLATED: (u64, u64) = (10_000, 500);
/// How long one in a thousand of them may take, in microseconds; in the short form others may have
/// the processors.
const SLOW_MAX: (f64, f64) = (20_000.0, 200_000.0);
/// Of a processor, in parts of a million, while nobody says anything.
const IDLE_MAX: f64 = 10_000.0;
/// One call to receive in so many takes 100 ms longer, between what it read and what is done with
/// that.
const STALLS: &str = "delay_exit=100000:when=500+2000";
/// All but one in a hundred take half of that at the most, in microseconds: those behind a receiver
/// that stands still are fewer, if no other waits for it.
const LATE_MAX: f64 = 50_000.0;
/// Of all messages.
const DELIVERED_MIN: f64 = 0.999;

/// G19.
pub(super) fn workers(run: &mut Run) -> Result<()> {
    run.tests(run.form("cargo models", "LOOM_MAX_PREEMPTIONS=2 cargo models"), 48)?;
    counted(run)?;
    stalled(run)
}

/// Tests that count and measure what they are told to.
fn counted(run: &mut Run) -> Result<()> {
    let (datagrams, isolated) =
        (run.form(DATAGRAMS.0, DATAGRAMS.1), run.form(ISOLATED.0, ISOLATED.1));
    let told =
        format!("BIPLANE_DATAGRAMS={datagrams} BIPLANE_ISOLATED={isolated} BIPLANE_IDLE_SECONDS=5");
    let line = "cargo test --release --locked -p biplane-net --test net parallel";
    let tests = run.tests(&format!("{told} {line} -- --nocapture --test-threads 1"), 3)?;
    for workers in WORKERS {
        let came = figure(&tests.stderr, &format!("figure datagrams_{workers} "));
        let name = format!("datagrams, {workers} workers");
        run.judge(name, Wanted::AtLeast(datagrams as f64), came);
    }
    let of = |name| figure(&tests.stderr, name);
    let (came, slow, idle) =
        (of("figure isolated "), of("figure slow_us "), of("figure idle_ppm "));
    run.judge("datagrams after a silence", Wanted::Exactly(isolated.into()), came);
    let most = Wanted::AtMost(run.form(SLOW_MAX.0, SLOW_MAX.1));
    run.judge("one in a thousand of them takes, in µs", most, slow);
    run.judge("idle, in millionths of a processor", Wanted::AtMost(IDLE_MAX), idle);
    Ok(())
}

/// A receiver stands still for 100 ms now and then, in the middle of its work: the other goes on with
/// the same flow, of which nothing is lost for it, taken for a replay, or late but what the one holds.
/// Other sessions, channels that keep an order, and what is held for lost meanwhile are not looked at.
fn stalled(run: &mut Run) -> Result<()> {
    let seconds = run.form(8, 2);
    let line = format!(
        "target/release/biplane bench unreliable --size 64 --receivers 2 --seconds {seconds} --json"
    );
    let stalls = Meddling::with(&line, "recvmmsg", STALLS)?;
    let told = run.finish(&stalls.line)?;
    let told = run.document("stalled", &told)?;
    run.judge("stalled: calls that took longer", Wanted::AtLeast(1.0), stalls.count());
    let rate = document::at(&told, "messages_per_second");
    run.judge("stalled: messages_per_second", Wanted::AtLeast(1.0), rate);
    let share = document::at(&told, "delivered_share");
    run.judge("stalled: delivered_share", Wanted::AtLeast(DELIVERED_MIN), share);
    let late = document::at(&told, "latency_us.p99");
    run.judge("stalled: latency_us.p99", Wanted::AtMost(LATE_MAX), late);
    let replayed = errors::dropped(&told, "replayed");
    run.judge("stalled: taken for replays", Wanted::Exactly(0.into()), replayed);
    Ok(())
}
