//! A thousand bots of one process on one server of another: how they come, play, and are killed.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::super::{Run, Wanted, document};
use super::history::Turn;
use crate::child::{Exit, Finished, Running, deadline_in};
use crate::place;

/// Decimal megabytes, as the issue has it.
const MEMORY_MAX: f64 = 250_000_000.0;
/// How long a session may last that has lost its peer: 15 s, and the 30 s for which it waits for
/// another connection.
const GRACE: Duration = Duration::from_secs(45);
/// How long bots may take to notice that they fly on neither plane.
const NOTICED: Duration = Duration::from_secs(15);
/// How long bots whose server was killed may take to end, far beyond what they were told.
const LOSS_TIMEOUT: Duration = Duration::from_secs(120);
/// Raises nothing by itself: what it runs begins with a soft limit as low as it says.
const LIMIT_SCRIPT: &str = "ulimit -Sn \"$1\" && shift && exec \"$@\"\n";
/// Files a server for 2,000 sessions needs.
const FILES: u64 = 2064;

/// One server and one process of bots.
#[derive(Clone, Copy, Debug, Default)]
struct Setting<'a> {
    label: &'a str,
    /// Leads both commands.
    through: &'a str,
    /// Ends the server's.
    workers: &'a str,
}

/// A3.1: with the defaults, and where few files may be open at first.
pub(super) fn thousand(run: &mut Run) -> Result<()> {
    let count = crowd_size(run);
    let (bots, server) = play(run, Setting { label: "as it is", ..Setting::default() })?;
    judge(run, "as it is", count, &bots, &server);
    if hard_limit().is_some_and(|hard| hard < FILES) {
        eprintln!("the hard limit of open files is below {FILES}: no run under `ulimit -Sn 1024`");
        return Ok(());
    }
    fs::write(place::scratch("ulimit.sh")?, LIMIT_SCRIPT)?;
    let (label, through) = ("ulimit -Sn 1024", "sh target/xtask/ulimit.sh 1024 ");
    let (bots, server) = play(run, Setting { label, through, ..Setting::default() })?;
    judge(run, label, count, &bots, &server);
    Ok(())
}

/// A3.2, without the saturating flow: each worker's counters are shown.
pub(super) fn workers(run: &mut Run) -> Result<()> {
    let count = crowd_size(run);
    for each in [2, 1] {
        let label = format!("{each}+{each} workers");
        let workers = format!(" --receivers {each} --senders {each}");
        let setting = Setting { label: &label, workers: &workers, ..Setting::default() };
        let (bots, server) = play(run, setting)?;
        judge(run, &label, count, &bots, &server);
        judge_workers(run, &label, &server, each);
    }
    Ok(())
}

/// A3.3: bots are killed and others come; then a server is killed.
pub(super) fn killed(run: &mut Run) -> Result<()> {
    killed_bots(run)?;
    killed_server(run)
}

fn crowd_size(run: &Run) -> u64 {
    run.form(1000, 250)
}

fn serve(run: &Run, through: &str, workers: &str) -> Result<(Running, String)> {
    let serve_for = run.form("3m", "30s");
    let mut server = run.start(&format!(
        "{through}target/release/lobby serve --listen 127.0.0.1:0 --for {serve_for} --json{workers}"
    ))?;
    let link = run.stderr_line(&mut server, "join: ")?;
    Ok((server, link))
}

fn play(run: &mut Run, setting: Setting<'_>) -> Result<(Value, Value)> {
    let Setting { label, through, workers } = setting;
    let (count, bots_for) = (crowd_size(run), run.form("20s", "4s"));
    let (server, link) = serve(run, through, workers)?;
    let bots = run.finish(&format!(
        "{through}target/release/lobby bots --join {link} --count {count} --for {bots_for} --json"
    ))?;
    let server = run.terminate(server)?;
    let bots = run.document(&format!("{label}: bots"), &bots)?;
    let server = run.document(&format!("{label}: server"), &server)?;
    Ok((bots, server))
}

fn judge(run: &mut Run, label: &str, count: u64, bots: &Value, server: &Value) {
    let at = document::at;
    let mut judge = |name: &str, wanted, got| run.judge(format!("{label}: {name}"), wanted, got);
    let zero = || Wanted::Exactly(0.into());
    judge("joined", Wanted::Exactly(count.into()), at(bots, "joined"));
    judge("joined_after_ms", Wanted::AtMost(10_000.0), at(bots, "joined_after_ms"));
    judge("disconnected", zero(), at(bots, "disconnected"));
    let applied = document::share(bots, "inputs.applied", "inputs.sent");
    judge("inputs applied / sent", Wanted::AtLeast(0.999), applied);
    judge("commands.lost", zero(), at(bots, "commands.lost"));
    let unaccounted = document::unaccounted(server, "datagrams.dropped");
    judge("server's datagrams unaccounted for", zero(), unaccounted);
    judge("server's kernel_dropped", zero(), at(server, "datagrams.kernel_dropped"));
    judge("server's rss_bytes.peak", Wanted::AtMost(MEMORY_MAX), at(server, "rss_bytes.peak"));
    judge("server's panics", zero(), at(server, "panics"));
}

/// As many workers as asked for; what each did is shown, and none may have idled.
fn judge_workers(run: &mut Run, label: &str, server: &Value, each: usize) {
    for kind in ["receivers", "senders"] {
        let all = document::at(server, kind);
        let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
        run.judge(format!("{label}: {kind}"), Wanted::Exactly(each.into()), all.len());
        for (number, worker) in all.iter().enumerate() {
            for counter in ["datagrams", "batches", "wakeups"] {
                let name = format!("{label}: {kind}[{number}].{counter}");
                run.judge(name, Wanted::AtLeast(1.0), document::at(worker, counter));
            }
        }
    }
}

fn killed_bots(run: &mut Run) -> Result<()> {
    let count = crowd_size(run);
    let (server, link) = serve(run, "", "")?;
    let bots = format!("target/release/lobby bots --join {link} --count {count} --json");
    let mut first = run.start(&format!("{bots} --for 5m"))?;
    run.stderr_line(&mut first, "joined: ")?;
    // As long as the others will play, or their memory could not be compared.
    thread::sleep(run.form(Duration::from_secs(15), Duration::from_secs(2)));
    // That is `kill -9`.
    drop(first);
    // The timeline has an entry a second: one of them must find nobody. The short form is over
    // before the sessions are.
    thread::sleep(run.form(GRACE, Duration::from_secs(1)));
    let second = run.finish(&format!("{bots} --for {}", run.form("20s", "3s")))?;
    let server = run.terminate(server)?;

    let second = run.document("second crowd", &second)?;
    let server = run.document("server", &server)?;
    run.judge(
        "second crowd: joined",
        Wanted::Exactly(count.into()),
        document::at(&second, "joined"),
    );
    let disconnected = document::at(&second, "disconnected");
    run.judge("second crowd: disconnected", Wanted::Exactly(0.into()), disconnected);
    if run.form(true, false) {
        judge_departure(run, &server, count);
    }
    Ok(())
}

fn judge_departure(run: &mut Run, server: &Value, count: u64) {
    let left = |reason: &str| document::at(server, &format!("sessions.left.{reason}")).as_u64();
    let lost = left("connection_lost").zip(left("timed_out")).map(|(lost, late)| lost + late);
    let name = "sessions left by connection_lost or timed_out";
    run.judge(name, Wanted::Exactly(count.into()), lost);
    let turn = Turn::find(server, "sessions", count, 0);
    let seconds = turn.and_then(Turn::seconds);
    run.judge("seconds until the last had left", Wanted::AtMost(GRACE.as_secs_f64()), seconds);
    let peak = document::at(server, "rss_bytes.peak").as_f64();
    let first = turn.and_then(|turn| document::at(turn.after, "rss_peak_bytes").as_f64());
    let growth = peak.zip(first).map(|(peak, first)| peak / first);
    run.judge("rss_bytes.peak with the second crowd / before", Wanted::AtMost(1.05), growth);
}

fn killed_server(run: &mut Run) -> Result<()> {
    let count = crowd_size(run);
    let (server, link) = serve(run, "", "")?;
    // In full, all of them are to have given up by then; in short, to have noticed.
    let bots_for = run.form("50s", "10s");
    let mut bots = run.start(&format!(
        "target/release/lobby bots --join {link} --count {count} --for {bots_for} --json"
    ))?;
    run.stderr_line(&mut bots, "joined: ")?;
    // The timeline has an entry a second: one of them must find all of them there.
    thread::sleep(run.form(Duration::from_secs(5), Duration::from_secs(2)));
    drop(server);
    let bots = bots.finish_by(deadline_in(LOSS_TIMEOUT))?;
    judge_loss(run, &bots, count)
}

fn judge_loss(run: &mut Run, bots: &Finished, count: u64) -> Result<()> {
    let status = Exit::Status(1).to_value();
    run.judge(
        "bots of a killed server: exit status",
        Wanted::Exactly(status),
        bots.exit.to_value(),
    );
    let told = bots.document()?;
    if run.form(true, false) {
        let disconnected = document::at(&told, "disconnected");
        let name = "bots of a killed server: disconnected";
        run.judge(name, Wanted::Exactly(count.into()), disconnected);
    }
    let seconds = Turn::find(&told, "lost", 0, count).and_then(Turn::seconds);
    let name = "seconds until every bot knew";
    run.judge(name, Wanted::AtMost(NOTICED.as_secs_f64()), seconds);
    Ok(())
}

/// The hard limit of open files; `None` where the system does not say, or sets none.
fn hard_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests;
