//! A6.1: UDP is blocked, in each direction, from the start, or TCP is killed again and again; bots
//! play on.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::scene::{self, Link, Played};
use super::super::{Gate, Needs, Run, Seeds, Wanted, document};
use super::timeline::{Flown, LEAST_HZ, Timeline};
use crate::child::Finished;

pub(super) const GATE: Gate = Gate {
    id: "A6.1",
    title: "100 bots play on while UDP is blocked, or TCP killed again and again",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::LOBBY, scene::CLI],
    timeout: Duration::from_secs(360),
    measure: forms,
};

/// How long after a change the planes may be finding themselves, in seconds.
const SETTLING: u64 = 3;

/// What is done to the network, and when, in seconds.
#[derive(Clone, Copy, Debug)]
struct Form {
    name: &'static str,
    fault: Fault,
    bots: u64,
    /// How long they play.
    lasts: u64,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Datagrams are blocked: the flag, from when, and for how long.
    Block { flag: &'static str, after: u64, lasts: u64 },
    /// Every connection is reset, so often.
    Kill { every: u64 },
}

/// Each form as the issue has it, or all of them beside each other and shorter.
fn forms(run: &mut Run) -> Result<()> {
    let (server, link) = scene::serve(run, "--listen 127.0.0.1:0 --max-sessions 1000")?;
    if run.form(true, false) {
        for form in all(100, 30, [5, 10, 15], 7) {
            let played = begin(run, &link, form)?;
            end(run, form, played)?;
        }
    } else {
        let all = all(20, 15, [3, 5, 5], 4).map(|form| (form, begin(run, &link, form)));
        for (form, played) in all {
            end(run, form, played?)?;
        }
    }
    let server = run.terminate(server)?;
    let told = run.document("server", &server)?;
    run.judge_at(&told, "panics", Wanted::Exactly(0.into()));
    run.judge_at(&told, "commands.duplicated", Wanted::Exactly(0.into()));
    Ok(())
}

/// The five forms; a block begins `after` seconds, `lasts` seconds long, or `from_start` seconds if
/// it is there from the start.
fn all(bots: u64, play: u64, [after, lasts, from_start]: [u64; 3], every: u64) -> [Form; 5] {
    let block =
        |name, flag| Form { name, fault: Fault::Block { flag, after, lasts }, bots, lasts: play };
    let from_start = Fault::Block { flag: "--block-udp", after: 0, lasts: from_start };
    [
        block("UDP blocked", "--block-udp"),
        block("UDP up blocked", "--block-udp=up"),
        block("UDP down blocked", "--block-udp=down"),
        Form { name: "UDP blocked from the start", fault: from_start, bots, lasts: play },
        Form { name: "TCP killed", fault: Fault::Kill { every }, bots, lasts: play },
    ]
}

fn begin(run: &Run, link: &Link, form: Form) -> Result<Played> {
    scene::play(run, link, &form.fault.flags(), (form.bots, form.lasts))
}

fn end(run: &mut Run, form: Form, played: Played) -> Result<()> {
    let (relay, bots) = played.end(run, form.name)?;
    judge_relay(run, form, &relay);
    judge_bots(run, form, &bots)
}

/// The fault was there.
fn judge_relay(run: &mut Run, form: Form, relay: &Value) {
    let (path, least) = match form.fault {
        Fault::Block { flag: "--block-udp=down", .. } => ("down.udp.blocked", form.bots),
        Fault::Block { .. } => ("up.udp.blocked", form.bots),
        Fault::Kill { every } => ("up.tcp.killed", form.bots * ((form.lasts - 1) / every)),
    };
    let name = format!("{}: relay's {path}", form.name);
    run.judge(name, Wanted::AtLeast(least as f64), document::at(relay, path));
}

fn judge_bots(run: &mut Run, form: Form, finished: &Finished) -> Result<()> {
    let Form { name, fault, bots, .. } = form;
    let told = run.document(name, finished)?;
    let mut judge = |what: &str, wanted, got: Value| {
        run.judge(format!("{name}: {what}"), wanted, got);
    };
    let all = || Wanted::Exactly(bots.into());
    judge("joined", all(), document::at(&told, "joined"));
    for path in ["disconnected", "commands.lost", "commands.duplicated"] {
        judge(path, Wanted::Exactly(0.into()), document::at(&told, path));
    }
    judge("commands.sent", Wanted::AtLeast(1.0), document::at(&told, "commands.sent"));
    let timeline = Timeline::of(&told).with_context(|| format!("{name}: a timeline"))?;
    let steady = timeline.least_hz(|t| fault.is_steady(t));
    judge("snapshots_hz, at the least", Wanted::AtLeast(LEAST_HZ), steady.into());
    judge("both in the last second", all(), timeline.last_both().into());
    let back = timeline.both_since(bots);
    let changed = fault.last_change(form.lasts);
    let most = (changed + SETTLING) as f64;
    judge("on both planes since second", Wanted::AtMost(most), back.into());
    let (flown, what, share) = fault.flown();
    let seen = timeline.most(flown, |t| fault.is_under(t));
    judge(
        &format!("bots on {what} in a second"),
        Wanted::AtLeast(bots as f64 * share),
        seen.into(),
    );
    if let Fault::Kill { .. } = fault {
        // Three kills at least lie within the time of every bot, in full.
        let least = run.form(3, 2) * bots;
        let resumes = document::at(&told, "resumes");
        run.judge(format!("{name}: resumes"), Wanted::AtLeast(least as f64), resumes);
    }
    Ok(())
}

impl Fault {
    fn flags(self) -> String {
        match self {
            Self::Block { flag, after: 0, lasts } => format!("{flag} --for {lasts}s"),
            Self::Block { flag, after, lasts } => format!("{flag} --after {after}s --for {lasts}s"),
            Self::Kill { every } => format!("--kill-tcp-every {every}s"),
        }
    }

    /// What bots fly on under it, its name, and which share of them do in one second: connections
    /// that are killed in one moment may be missed in two.
    const fn flown(self) -> (Flown, &'static str, f64) {
        match self {
            Self::Block { .. } => (Flown::ControlOnly, "TCP alone", 1.0),
            Self::Kill { .. } => (Flown::DataOnly, "UDP alone", 0.5),
        }
    }

    /// Whether the second that ends at `t` lies 3 s or more from the last change before it. The one
    /// in which bots join has no rate yet.
    fn is_steady(self, t: u64) -> bool {
        let begins = t.saturating_sub(1);
        let is_near = |change: u64| begins + 1 >= change && begins < change + SETTLING;
        t > 1 && !self.changes(t + 1).into_iter().any(is_near)
    }

    /// Whether the second that ends at `t` lies in it or on its edge.
    fn is_under(self, t: u64) -> bool {
        match self {
            Self::Block { after, lasts, .. } => t > after && t <= after + lasts,
            Self::Kill { .. } => true,
        }
    }

    /// When the network changes, before `until`.
    fn changes(self, until: u64) -> Vec<u64> {
        let changes = match self {
            Self::Block { after, lasts, .. } => vec![after, after + lasts],
            Self::Kill { every } => (1..=until / every).map(|number| number * every).collect(),
        };
        changes.into_iter().filter(|change| *change < until).collect()
    }

    /// When it changes for the last time.
    fn last_change(self, until: u64) -> u64 {
        self.changes(until).into_iter().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::{Exit, deadline_in};

    const BLOCK: Fault = Fault::Block { flag: "--block-udp", after: 5, lasts: 10 };
    const KILL: Fault = Fault::Kill { every: 7 };

    #[test]
    fn what_a_relay_is_told_is_what_the_issue_says() {
        let flags: Vec<String> =
            all(100, 30, [5, 10, 15], 7).iter().map(|form| form.fault.flags()).collect();
        let wanted = [
            "--block-udp --after 5s --for 10s",
            "--block-udp=up --after 5s --for 10s",
            "--block-udp=down --after 5s --for 10s",
            "--block-udp --for 15s",
            "--kill-tcp-every 7s",
        ];
        assert_eq!(flags, wanted);
    }

    #[test]
    fn seconds_are_steady_three_after_a_change() {
        let steady = |fault: Fault| (1..=30).filter(|t| fault.is_steady(*t)).collect::<Vec<u64>>();
        let wanted: Vec<u64> = (2..=4).chain(9..=14).chain(19..=30).collect();
        assert_eq!(steady(BLOCK), wanted);
        let wanted: Vec<u64> = (2..=6).chain(11..=13).chain(18..=20).chain(25..=27).collect();
        assert_eq!(steady(KILL), wanted);
    }

    #[test]
    fn the_last_change_is_the_blocks_end_or_the_last_kill() {
        assert_eq!((BLOCK.last_change(30), KILL.last_change(30)), (15, 28));
        assert_eq!(KILL.last_change(28), 21);
    }

    /// What five bots tell that played for 30 s, blocked from 5 to 15.
    fn told(back: u64) -> Value {
        let entry = |t: u64| {
            let blocked = t > 7 && t <= back;
            json!({
                "t": t, "both": if blocked { 0 } else { 5 },
                "control_only": if blocked { 5 } else { 0 }, "data_only": 0, "lost": 0,
                "snapshots_hz": if (6..9).contains(&t) { 3.0 } else { 20.0 },
            })
        };
        json!({
            "joined": 5, "disconnected": 0,
            "commands": {"sent": 9, "lost": 0, "duplicated": 0},
            "timeline": (1..=30).map(entry).collect::<Vec<_>>(),
        })
    }

    fn judged(told: &Value, fault: Fault) -> Vec<bool> {
        let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
        let finished =
            Finished { exit: Exit::Status(0), stdout: told.to_string(), stderr: String::new() };
        let form = Form { name: "x", fault, bots: 5, lasts: 30 };
        judge_bots(&mut run, form, &finished).unwrap();
        run.into_parts().0.iter().map(Figure::is_met).collect()
    }

    #[test]
    fn bots_that_were_back_in_time_are_enough_and_later_ones_are_not() {
        assert_eq!(judged(&told(18), BLOCK), [true; 10]);
        let late = judged(&told(19), BLOCK);
        assert_eq!(late.iter().filter(|met| !**met).count(), 1);
        assert!(!late[8], "{late:?}");
    }

    #[test]
    fn a_block_that_nobody_noticed_was_none_and_killed_connections_are_counted() {
        let unnoticed = judged(&told(7), BLOCK);
        assert_eq!(unnoticed.iter().filter(|met| !**met).count(), 1);
        assert!(!unnoticed[9], "{unnoticed:?}");
        let killed = judged(&told(18), KILL);
        assert_eq!((killed.len(), killed[9], killed[10]), (11, false, false));
    }

    #[test]
    fn a_slow_second_is_seen() {
        let mut told = told(18);
        told["timeline"][11]["snapshots_hz"] = json!(18.9);
        let verdict = judged(&told, BLOCK);
        assert_eq!(verdict.iter().filter(|met| !**met).count(), 1);
        assert!(!verdict[6], "{verdict:?}");
    }
}
