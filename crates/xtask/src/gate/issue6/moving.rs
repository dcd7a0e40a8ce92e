//! A6.4, and of G9 what real sockets show: the way through a NAT changes every 3 s, its port or its
//! address too; nobody notices.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::scene::{self, Link, Played};
use super::super::{Gate, Needs, Run, Seeds, Wanted, document};
use super::timeline::{LEAST_HZ, Timeline};

pub(super) const GATE: Gate = Gate {
    id: "A6.4",
    title: "100 bots play on while a NAT gives them other ports and addresses every 3 s",
    seeds: Seeds::NONE,
    needs: Needs::NONE,
    builds: &[scene::LOBBY, scene::CLI],
    timeout: Duration::from_secs(240),
    measure: forms,
};

/// How often the relay sends from elsewhere, in seconds.
const EVERY: u64 = 3;
/// Between two snapshots when nothing is in the way, in milliseconds.
const INTERVAL_MS: f64 = 50.0;

/// How many bots play, and for how many seconds.
type Length = (u64, u64);
/// In full and in short.
const LENGTH: Length = (100, 30);
const LENGTH_QUICK: Length = (15, 10);

/// How bots are made to move.
#[derive(Clone, Copy, Debug)]
struct Form {
    name: &'static str,
    flags: &'static str,
    /// The relay's delay each way, in milliseconds.
    delay_ms: u64,
}

/// As the issue has it, and over a link on which a round trip is longer than a send interval.
const FORMS: [Form; 4] = [
    Form { name: "port", flags: "", delay_ms: 0 },
    Form { name: "address", flags: " --rebind-address", delay_ms: 0 },
    Form { name: "port, RTT 60 ms", flags: "", delay_ms: 30 },
    Form { name: "address, RTT 60 ms", flags: " --rebind-address", delay_ms: 30 },
];

impl Form {
    fn relay(self) -> String {
        let Self { flags, delay_ms, .. } = self;
        format!("--rebind-udp-every {EVERY}s{flags} --delay {delay_ms}ms")
    }

    /// The longest gap between two snapshots, in milliseconds: the usual one, and on top three round
    /// trips and one validation, which is a round trip, or three send intervals.
    fn longest_gap_ms(self) -> f64 {
        let rtt = 2.0 * self.delay_ms as f64;
        INTERVAL_MS + f64::max(3.0 * rtt + rtt, 3.0 * INTERVAL_MS)
    }

    /// What such a gap leaves of a second's snapshots.
    fn least_hz(self) -> f64 {
        LEAST_HZ * (1.0 - self.longest_gap_ms() / 1_000.0)
    }
}

/// G9's: a minute of other addresses.
pub(in super::super) fn for_a_minute(run: &mut Run) -> Result<()> {
    let [_, address, ..] = FORMS;
    let length = run.form((100, 60), (15, 8));
    moved(run, |run, link| {
        let played = begin(run, link, address, length)?;
        end(run, address, length, played)
    })
}

/// Each form by itself, or all beside each other and shorter.
fn forms(run: &mut Run) -> Result<()> {
    moved(run, all_forms)
}

fn all_forms(run: &mut Run, link: &Link) -> Result<()> {
    if run.form(true, false) {
        for form in FORMS {
            let played = begin(run, link, form, LENGTH)?;
            end(run, form, LENGTH, played)?;
        }
    } else {
        let all = FORMS.map(|form| (form, begin(run, link, form, LENGTH_QUICK)));
        for (form, played) in all {
            end(run, form, LENGTH_QUICK, played?)?;
        }
    }
    Ok(())
}

/// Lets bots play on a server of their own, and asks it how it went.
fn moved(run: &mut Run, play: impl FnOnce(&mut Run, &Link) -> Result<()>) -> Result<()> {
    let (server, link) = scene::serve(run, "--listen 127.0.0.1:0 --max-sessions 1000")?;
    play(run, &link)?;
    let server = run.terminate(server)?;
    let told = run.document("server", &server)?;
    run.judge_at(&told, "panics", Wanted::Exactly(0.into()));
    Ok(())
}

fn begin(run: &Run, link: &Link, form: Form, length: Length) -> Result<Played> {
    scene::play(run, link, &form.relay(), length)
}

fn end(run: &mut Run, form: Form, length: Length, played: Played) -> Result<()> {
    let (relay, bots) = played.end(run, form.name)?;
    let told = run.document(form.name, &bots)?;
    judge(run, form, length, &told, &relay)
}

fn judge(
    run: &mut Run,
    form: Form,
    (bots, lasts): Length,
    told: &Value,
    relay: &Value,
) -> Result<()> {
    let mut judge = |what: &str, wanted, from: &Value, path| {
        run.judge(format!("{}: {what}", form.name), wanted, document::at(from, path));
    };
    // Bots of one process send from one socket, and so move all at once.
    let least = (lasts - 1) / EVERY;
    judge("relay's rebinds", Wanted::AtLeast(least as f64), relay, "rebinds");
    judge("joined", Wanted::Exactly(bots.into()), told, "joined");
    for path in ["disconnected", "commands.lost", "commands.duplicated"] {
        judge(path, Wanted::Exactly(0.into()), told, path);
    }
    let longest = Wanted::AtMost(form.longest_gap_ms());
    judge("snapshots.gap_ms.max", longest, told, "snapshots.gap_ms.max");
    // A stream that ends for good leaves no gap.
    let timeline = Timeline::of(told).with_context(|| format!("{}: a timeline", form.name))?;
    let mut judge = |what: &str, wanted, got: Value| {
        run.judge(format!("{}: {what}", form.name), wanted, got);
    };
    let least = timeline.least_hz(|t| t > 1);
    judge("snapshots_hz, at the least", Wanted::AtLeast(form.least_hz()), least.into());
    let between = between_moves(&timeline);
    judge("snapshots_hz between moves", Wanted::AtLeast(LEAST_HZ), between.into());
    let both = timeline.last_both();
    judge("both in the last second", Wanted::Exactly(bots.into()), both.into());
    Ok(())
}

/// The least snapshots a second in those seconds in which nobody moves: of so many in a row, one
/// has the move and the next its end, wherever in a second bots began.
fn between_moves(timeline: &Timeline) -> Option<f64> {
    let least = |turn| timeline.least_hz(|t| t > 1 && t % EVERY == turn);
    (0..EVERY).filter_map(least).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Figure;
    use super::*;
    use crate::child::deadline_in;

    #[test]
    fn a_gap_is_a_snapshots_interval_and_what_finding_a_player_again_may_take() {
        let longest = FORMS.map(Form::longest_gap_ms);
        assert_eq!(longest, [200.0, 200.0, 290.0, 290.0]);
    }

    #[test]
    fn what_a_relay_is_told_is_what_the_issue_says() {
        assert_eq!(FORMS[1].relay(), "--rebind-udp-every 3s --rebind-address --delay 0ms");
    }

    #[test]
    fn a_long_gap_is_seen_and_so_is_a_nat_that_stood_still() {
        let judged = |gap: f64, rebinds: u64| {
            told(gap, rebinds, |_| 20.0).iter().map(Figure::is_met).collect::<Vec<_>>()
        };
        assert_eq!(judged(200.0, 9), [true; 9]);
        let unmet = judged(200.1, 8);
        assert_eq!(unmet, [false, true, true, true, true, false, true, true, true]);
    }

    /// What is judged of five bots that got so many snapshots in each second.
    fn told(gap: f64, rebinds: u64, hz: impl Fn(u64) -> f64) -> Vec<Figure> {
        let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
        let entry = |t: u64| {
            json!({
                "t": t, "both": 5, "control_only": 0, "data_only": 0, "snapshots_hz": hz(t),
            })
        };
        let told = json!({
            "joined": 5, "disconnected": 0, "commands": {"lost": 0, "duplicated": 0},
            "snapshots": {"gap_ms": {"max": gap}},
            "timeline": (1..=30).map(entry).collect::<Vec<_>>(),
        });
        judge(&mut run, FORMS[0], (5, 30), &told, &json!({"rebinds": rebinds})).unwrap();
        run.into_parts().0
    }

    #[test]
    fn a_stream_that_ends_for_good_leaves_no_gap_and_is_missed() {
        let unmet = |hz: &dyn Fn(u64) -> f64| {
            let figures = told(100.0, 9, hz);
            let unmet = figures.iter().filter(|figure| !figure.is_met());
            unmet.map(|figure| figure.name().to_owned()).collect::<Vec<_>>()
        };
        // A move costs some, wherever in a second it comes.
        assert!(unmet(&|t| if t % 3 == 0 { 17.0 } else { 20.0 }).is_empty());
        assert!(unmet(&|t| if t % 3 == 2 { 20.0 } else { 18.0 }).is_empty());
        // One of five hears no more from then on, or all.
        let between = "port: snapshots_hz between moves";
        assert_eq!(unmet(&|t| if t > 15 { 16.0 } else { 20.0 }), [between]);
        let least = "port: snapshots_hz, at the least";
        assert_eq!(unmet(&|t| if t > 15 { 0.0 } else { 20.0 }), [least, between]);
    }
}
