//! The gates of issue 4: a network in a box.

mod relay;

use std::time::Duration;

use anyhow::Result;

use super::{
    Gate, Needs, Run, Seeds, Wanted, document, promises,
    scene::{CLI, LOBBY},
    told::SIM,
};
use crate::tool;

const TUN: &str = "cargo test --release --locked -p biplane-link --test tun --no-run";
const COMMAND: &str = "cargo test --release --locked -p biplane-cli --test command --no-run";
const BOOK: &str =
    "cargo build --release --locked -p biplane --features sim --example book_testing";

/// In the order of the lines.
pub(super) const GATES: &[Gate] = &[
    Gate {
        id: "A4.1",
        title: "the promises G1 to G5, G7, G28 and G29, in full, G1 within 15 minutes",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[SIM],
        timeout: Duration::from_secs(3600),
        measure: promised,
    },
    Gate {
        id: "A4.2",
        title: "the lobby's match in virtual time: 32 bots, 60 s, twice the same",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[LOBBY, BOOK],
        timeout: Duration::from_secs(120),
        measure: rehearsal,
    },
    Gate {
        id: "A4.3",
        title: "the relay does what it was told, on ports and between namespaces",
        seeds: Seeds::NONE,
        needs: Needs::both(&tool::TUN),
        builds: &[CLI, TUN],
        timeout: Duration::from_secs(600),
        measure: relay::figures,
    },
    Gate {
        id: "A4.4",
        title: "50,000 datagrams a second through the relay on one core",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[CLI],
        timeout: Duration::from_secs(120),
        measure: relay::throughput,
    },
    Gate {
        id: "A4.5",
        title: "100 bots through the relay at 40 ± 15 ms and 5 % loss",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[CLI, LOBBY],
        timeout: Duration::from_secs(180),
        measure: relay::bots,
    },
    Gate {
        id: "A4.6",
        title: "what cannot start says why in one line and exits 2",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[CLI, COMMAND],
        timeout: Duration::from_secs(120),
        measure: relay::bad_starts,
    },
];

/// What a minute of the match may take.
const REHEARSAL_MAX: f64 = 5.0;

/// What the first line names.
const PROMISES: [&str; 8] = ["G1", "G2", "G3", "G4", "G5", "G7", "G28", "G29"];
/// What 10,000 seeds may take.
const SWEEP_MINUTES: f64 = 15.0;

/// A4.1: each promise as its own gate has it.
fn promised(run: &mut Run) -> Result<()> {
    for id in PROMISES {
        let took = promises::keep(run, id)?;
        if id == "G1" {
            let minutes = took.as_secs_f64() / 60.0;
            run.judge("G1: minutes", Wanted::AtMost(SWEEP_MINUTES), minutes);
        }
    }
    Ok(())
}

/// A4.2, and the book's page on it.
fn rehearsal(run: &mut Run) -> Result<()> {
    let line = run.form(
        "target/release/lobby rehearse --bots 32 --for 60s --seed 1 --json",
        "target/release/lobby rehearse --bots 32 --for 10s --seed 1 --json",
    );
    let mut transcripts = Vec::new();
    for turn in ["first", "second"] {
        let told = run.finish(line)?;
        let told = run.document(turn, &told)?;
        run.judge_at(&told, "bots.joined", Wanted::Exactly(32.into()));
        run.judge_at(&told, "bots.disconnected", Wanted::Exactly(0.into()));
        run.judge_at(&told, "bots.commands.lost", Wanted::Exactly(0.into()));
        run.judge_at(&told, "bots.commands.duplicated", Wanted::Exactly(0.into()));
        run.judge_at(&told, "breaches", Wanted::Exactly(Vec::<String>::new().into()));
        run.judge_at(&told, "took_seconds", Wanted::AtMost(REHEARSAL_MAX));
        run.judge_at(&told, "virtual_seconds", Wanted::AtLeast(run.form(60.0, 10.0)));
        transcripts.push(document::at(&told, "transcript"));
    }
    let same = matches!(transcripts.as_slice(), [one, two] if one == two && one.is_string());
    run.judge("the same transcript twice", Wanted::Exactly(true.into()), same);
    let book = run.finish("target/release/examples/book_testing")?;
    run.exit("the book's test", &book);
    Ok(())
}
