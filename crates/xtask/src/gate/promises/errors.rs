//! G21: calls on the socket err by plan, and players notice nothing.
//!
//! The errors are put in the kernel's place by `strace`, between the program and the system: the
//! program is the one that users run.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::issue6::timeline::{LEAST_HZ, Timeline};
use super::super::{Run, Wanted, document, scene};
use crate::place;

/// What a call to send may say instead of sending.
const SENDING: [&str; 9] = [
    "EIO",
    "EINVAL",
    "EAGAIN",
    "ENOBUFS",
    "EPERM",
    "ENETUNREACH",
    "EMSGSIZE",
    "ECONNREFUSED",
    "EINTR",
];
/// The same of one to receive.
const RECEIVING: [&str; 4] = ["EINTR", "EAGAIN", "ECONNREFUSED", "ENETUNREACH"];
/// Which calls of a thread err: the first, and then one of so many. Bots are no multiple of those,
/// or the same would suffer each time.
const WHEN: &str = "40+23";
const BOTS: u64 = 20;
/// Two intervals of snapshots, since one is lost with its datagram, and what recovery may take.
const GAP_MAX: f64 = 2.0 * 50.0 + 100.0;
/// One in so many is lost with its datagram, at the worst.
const HZ_MIN: f64 = LEAST_HZ * (1.0 - 1.0 / 23.0);
/// When a run of datagrams is refused, once.
const ONCE: &str = "1500";

/// G21.
pub(super) fn errors(run: &mut Run) -> Result<()> {
    for error in run.form(&SENDING[..], &["EIO", "EPERM"]) {
        played(run, "sendmsg", error)?;
    }
    for error in run.form(&RECEIVING[..], &["ECONNREFUSED"]) {
        played(run, "recvmmsg", error)?;
    }
    for error in run.form(&["EIO", "EINVAL"][..], &["EIO"]) {
        refused(run, error)?;
    }
    Ok(())
}

/// Calls that `strace` meddles with, and its log of them.
pub(super) struct Meddling {
    /// The command under it.
    pub(super) line: String,
    log: PathBuf,
}

impl Meddling {
    /// `line` with calls that go by `plan`, as `strace` reads it.
    pub(super) fn with(line: &str, call: &str, plan: &str) -> Result<Self> {
        let log = place::scratch("meddled.strace")?;
        let file = log.display();
        let calls = format!("-e trace={call} -e raw={call} -e inject={call}:{plan}");
        Ok(Self { line: format!("strace -f -qq -o {file} {calls} {line}"), log })
    }

    /// How many calls it did something to, once the command has ended. `None` without a log.
    pub(super) fn count(&self) -> Option<usize> {
        let log = File::open(&self.log).ok()?;
        let lines = BufReader::new(log).lines().map_while(io::Result::ok);
        Some(lines.filter(|line| is_meddled_with(line)).count())
    }
}

/// Whether a line of `strace`'s is of a call that did not go as the system would have it.
fn is_meddled_with(line: &str) -> bool {
    line.ends_with("(INJECTED)") || line.ends_with("(DELAYED)")
}

/// How many a comparison says were dropped for `reason`: it names what there was.
pub(super) fn dropped(told: &Value, reason: &str) -> Value {
    let drops = document::at(told, "drops");
    let none = if drops.is_object() { Value::from(0) } else { Value::Null };
    drops.get(reason).cloned().unwrap_or(none)
}

fn erring(line: &str, call: &str, error: &str, when: &str) -> Result<Meddling> {
    Meddling::with(line, call, &format!("error={error}:when={when}"))
}

/// Bots on a server whose calls err.
fn played(run: &mut Run, call: &str, error: &str) -> Result<()> {
    let lasts = run.form(6, 3);
    let line = scene::line(&format!("--listen 127.0.0.1:0 --for {}s", lasts + 4));
    let erring = erring(&line, call, error, WHEN)?;
    let (server, link) = scene::serve_by(run, &erring.line)?;
    let bots = run.finish(&scene::bots(&link, BOTS, lasts))?;
    let server = run.wait(server)?;
    let name = |what: &str| format!("{call}, {error}: {what}");
    let bots = run.document(&name("bots"), &bots)?;
    let server = run.document(&name("server"), &server)?;
    run.judge(name("calls that erred"), Wanted::AtLeast(1.0), erring.count());
    for path in ["disconnected", "commands.lost", "commands.duplicated"] {
        run.judge(name(path), Wanted::Exactly(0.into()), document::at(&bots, path));
    }
    let applied = document::share(&bots, "inputs.applied", "inputs.sent");
    run.judge(name("inputs applied / sent"), Wanted::AtLeast(0.999), applied);
    let gap = document::at(&bots, "snapshots.gap_ms.max");
    run.judge(name("snapshots.gap_ms.max"), Wanted::AtMost(GAP_MAX), gap);
    // A stream that ends for good leaves no gap.
    let timeline = Timeline::of(&bots).with_context(|| name("a timeline"))?;
    let least = timeline.least_hz(|t| t > 1);
    run.judge(name("snapshots_hz, at the least"), Wanted::AtLeast(HZ_MIN), least);
    let both = timeline.last_both();
    run.judge(name("both in the last second"), Wanted::Exactly(BOTS.into()), both);
    let unaccounted = document::unaccounted(&server, "datagrams.dropped");
    run.judge(name("server's datagrams unaccounted for"), Wanted::Exactly(0.into()), unaccounted);
    let panics = document::at(&server, "panics");
    run.judge(name("server's panics"), Wanted::Exactly(0.into()), panics);
    Ok(())
}

/// A flow in runs of datagrams, one of which is refused: they go singly, and none is missing.
fn refused(run: &mut Run, error: &str) -> Result<()> {
    let seconds = run.form(3, 1);
    let line =
        format!("target/release/biplane bench reliable --size 1000 --seconds {seconds} --json");
    let erring = erring(&line, "sendmsg", error, ONCE)?;
    let told = run.finish(&erring.line)?;
    let name = |what: &str| format!("a run, {error}: {what}");
    let told = run.document(&name("flow"), &told)?;
    run.judge(name("calls that erred"), Wanted::AtLeast(1.0), erring.count());
    let rate = document::at(&told, "messages_per_second");
    run.judge(name("messages_per_second"), Wanted::AtLeast(1.0), rate);
    let share = document::at(&told, "delivered_share");
    run.judge(name("delivered_share"), Wanted::Exactly(1.into()), share);
    // The other side's may have been one datagram, which has nothing to fall back to.
    let unsent = dropped(&told, "unsent");
    run.judge(name("datagrams not sent"), Wanted::AtMost(1.0), unsent);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_named_did_not_happen_and_what_is_not_told_is_not_known() {
        assert_eq!(dropped(&json!({"drops": {"unsent": 3}}), "unsent"), 3);
        assert_eq!(dropped(&json!({"drops": {}}), "unsent"), 0);
        assert_eq!(dropped(&json!({}), "unsent"), Value::Null);
    }

    #[test]
    fn a_line_is_meddled_with_by_its_call() {
        let Meddling { line, .. } = erring("lobby serve", "sendmsg", "EIO", "1+2").unwrap();
        assert!(line.ends_with("inject=sendmsg:error=EIO:when=1+2 lobby serve"), "{line}");
    }

    #[test]
    fn a_call_that_nobody_meddled_with_does_not_count() {
        assert!(is_meddled_with(
            "7 sendmsg(0x4, 0x7f, 0) = -1 EIO (Input/output error) (INJECTED)"
        ));
        assert!(is_meddled_with("7 recvmmsg(0x4, 0x7f, 0x20, 0, 0) = 0x1 (DELAYED)"));
        assert!(!is_meddled_with("7 sendmsg(0x4, 0x7f, 0) = -1 EAGAIN (Resource busy)"));
        assert!(!is_meddled_with("7 sendmsg(0x4, 0x7f, 0) = 0x3e8"));
    }
}
