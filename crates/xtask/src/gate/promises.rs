//! The gates of `reliability.md`: promises, and the figures that show them.
//!
//! Those in virtual time are the simulator's: it runs seeds, plants faults and says what broke; what
//! counts is judged here. A gate whose canary was not caught has not passed.

mod calibrate;
mod errors;
mod moves;
mod mtu;
mod overload;
pub(super) mod rate;
pub(super) mod resumes;
mod sweep;
mod workers;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::told::SIM;
use super::{Gate, Needs, Run, Seeds, Wanted, document, scene, told};
use crate::tool;

const CORE: &str = "cargo test --release --locked -p biplane-proto --lib --no-run";
const WIRE: &str = "cargo test --release --locked -p biplane-wire --lib --no-run";
const SCENARIOS: &str = "cargo test --release --locked -p biplane-sim --test scenarios --no-run";
pub(super) const NET: &str = "cargo test --release --locked -p biplane-net --test net --no-run";
const APART: &str = "cargo test --release --locked -p biplane-net --test apart --no-run";
const FACE: &str = "cargo test --release --locked -p biplane --test face --no-run";

/// Seeds of the sweep that G1, G2, G4 and G28 judge, each by its own figures.
const SWEEP: Seeds = Seeds { full: 10_000, quick: 24 };
/// 10,000 seeds take ten minutes of two cores; a release is judged by ten times as many.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(3 * 3600);

/// Keeps the promise of that name within another gate, as its own gate has it; how long it took,
/// builds apart.
pub(super) fn keep(run: &mut Run, id: &str) -> Result<Duration> {
    let gate = super::find(id).context("a promise")?;
    super::build(gate.builds)?;
    run.set_seeds(run.form(gate.seeds.full, gate.seeds.quick));
    let start = Instant::now();
    (gate.measure)(run)?;
    Ok(start.elapsed())
}

/// In the order of their numbers.
pub(super) const GATES: &[Gate] = &[
    Gate {
        id: "calibrate",
        title: "what this machine does: loopback datagrams, seals, timers",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[SIM],
        timeout: Duration::from_secs(60),
        measure: calibrate::measure,
    },
    Gate {
        id: "G1",
        title: "reliable messages come once, whole and in order, both ways",
        seeds: SWEEP,
        needs: Needs::NONE,
        builds: &[SIM],
        timeout: SWEEP_TIMEOUT,
        measure: sweep::reliable,
    },
    Gate {
        id: "G2",
        title: "when faults stop, everything owed comes in time and queues empty",
        seeds: SWEEP,
        needs: Needs::NONE,
        builds: &[SIM],
        timeout: SWEEP_TIMEOUT,
        measure: sweep::live,
    },
    Gate {
        id: "G3",
        title: "a seed is a run, byte for byte, with 1, 2 and 4 receivers",
        seeds: Seeds { full: 200, quick: 4 },
        needs: Needs::NONE,
        builds: &[SIM],
        timeout: Duration::from_secs(1800),
        measure: replicas,
    },
    Gate {
        id: "G4",
        title: "sequenced never goes back, nothing twice, nothing after the end",
        seeds: SWEEP,
        needs: Needs::NONE,
        builds: &[SIM],
        timeout: SWEEP_TIMEOUT,
        measure: sweep::fresh,
    },
    Gate {
        id: "G5",
        title: "no datagram is taken in twice, and none within the window refused",
        seeds: Seeds { full: 300, quick: 12 },
        needs: Needs::NONE,
        builds: &[SIM, CORE],
        timeout: Duration::from_secs(1800),
        measure: replays,
    },
    Gate {
        id: "G6",
        title: "no key seals two packets with one nonce: threads, resumes, restarts",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[SIM, CORE],
        timeout: Duration::from_secs(900),
        measure: resumes::nonces,
    },
    Gate {
        id: "G7",
        title: "counters pass every place where they could wrap",
        seeds: Seeds { full: 1_000, quick: 12 },
        needs: Needs::NONE,
        builds: &[SIM, WIRE, SCENARIOS],
        timeout: Duration::from_secs(3600),
        measure: wraps,
    },
    Gate {
        id: "G8",
        title: "a session survives outages shorter than its grace, and longer ones end it",
        seeds: Seeds { full: 2_000, quick: 100 },
        needs: Needs::NONE,
        builds: &[SIM],
        timeout: Duration::from_secs(3600),
        measure: resumes::outages,
    },
    Gate {
        id: "G9",
        title: "a session follows a client whose address changes, and nobody who forges one",
        seeds: Seeds { full: 1_000, quick: 24 },
        needs: Needs::NONE,
        builds: &[SIM, scene::LOBBY, scene::CLI],
        timeout: Duration::from_secs(1800),
        measure: moves::moves,
    },
    Gate {
        id: "G10",
        title: "TCP is taken away: UDP goes on, the session resumes, nothing comes twice",
        seeds: Seeds { full: 2_000, quick: 100 },
        needs: Needs::NONE,
        builds: &[SIM, NET],
        timeout: Duration::from_secs(3600),
        measure: resumes::kills,
    },
    Gate {
        id: "G19",
        title: "many workers, one socket: models with canaries, millions of datagrams, one, none",
        seeds: Seeds::NONE,
        needs: Needs::both(&tool::STRACE),
        builds: &["cargo models --no-run", NET, scene::CLI],
        timeout: Duration::from_secs(1800),
        measure: workers::workers,
    },
    Gate {
        id: "G21",
        title: "calls on the socket err by plan, and players notice nothing",
        seeds: Seeds::NONE,
        needs: Needs::both(&tool::STRACE),
        builds: &[scene::LOBBY, scene::CLI],
        timeout: Duration::from_secs(300),
        measure: errors::errors,
    },
    Gate {
        id: "G22",
        title: "bulk fills a narrow path, keeps its queue short, and leaves others their share",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[SIM, CORE, NET],
        timeout: Duration::from_secs(900),
        measure: rate::rate,
    },
    Gate {
        id: "G23",
        title: "datagrams are as long as their path carries, and no longer when it carries less",
        seeds: Seeds { full: 400, quick: 24 },
        needs: Needs::both(&tool::NAMESPACES),
        builds: &[SIM, APART, scene::LOBBY, scene::CLI],
        timeout: Duration::from_secs(900),
        measure: mtu::lengths,
    },
    Gate {
        id: "G27",
        title: "a sender that wants ten times its link is told so, and the urgent is not late",
        seeds: Seeds { full: 40, quick: 2 },
        needs: Needs::NONE,
        builds: &[SIM, FACE],
        timeout: Duration::from_secs(600),
        measure: overload::overload,
    },
    Gate {
        id: "G28",
        title: "received is delivered and dropped, to the datagram",
        seeds: SWEEP,
        needs: Needs::NONE,
        builds: &[SIM, NET],
        timeout: SWEEP_TIMEOUT,
        measure: accounts,
    },
    Gate {
        id: "G29",
        title: "the wire stays what it is: golden vectors, and a second decoder",
        seeds: Seeds::NONE,
        needs: Needs::NONE,
        builds: &[
            "cargo test --release --locked -p biplane-wire --test vectors --no-run",
            "cargo test --release --locked -p biplane-proto --test vectors --no-run",
        ],
        timeout: Duration::from_secs(120),
        measure: vectors,
    },
];

/// G3.
fn replicas(run: &mut Run) -> Result<()> {
    let seeds = run.seeds();
    let told = told::seeds(run, "replicas", seeds, &[], &["wavers"])?;
    run.judge_at(&told, "replayed_twice", Wanted::Exactly((3 * seeds).into()));
    run.judge_at(&told, "replayed_identically", Wanted::Exactly(true.into()));
    Ok(())
}

/// G5.
fn replays(run: &mut Run) -> Result<()> {
    let seeds = run.seeds();
    let told =
        told::seeds(run, "replays", seeds, &["replay_taken", "falsely_refused"], &["forgets"])?;
    // Two of every packet taken in, of which every seed has hundreds.
    let replayed = document::at(&told, "datagrams_replayed");
    run.judge("datagrams that came once more", Wanted::AtLeast(seeds as f64 * 1_000.0), replayed);
    let cases = run.form(10_000_000, 1_000_000);
    cases_of(run, cases, "biplane-proto --lib window", 8)
}

/// G7.
fn wraps(run: &mut Run) -> Result<()> {
    let seeds = run.seeds();
    let told = told::seeds(run, "wraps", seeds, &[], &["withholds", "repeats", "stalls"])?;
    for counter in ["packets", "messages", "records", "requests"] {
        // At both sides of every session; a seed of one session may be a bad one.
        let passed = document::at(&told, &format!("wraps_passed.{counter}"));
        run.judge(format!("wraps passed by {counter}"), Wanted::AtLeast(seeds as f64), passed);
    }
    let line = "cargo test --release --locked -p biplane-sim --test scenarios number_wrap";
    run.tests(line, 3)?;
    let cases = run.form(100_000_000, 10_000_000);
    cases_of(run, cases, "biplane-wire --lib number", 5)
}

/// G28.
fn accounts(run: &mut Run) -> Result<()> {
    sweep::accounted(run)?;
    let net = "cargo test --release --locked -p biplane-net --test net";
    run.tests(&format!("{net} every_receiver_accounts"), 1)?;
    run.tests(&format!("{net} what_the_kernel_drops"), 1).map(drop)
}

/// G29.
fn vectors(run: &mut Run) -> Result<()> {
    run.tests("cargo test --release --locked -p biplane-wire --test vectors", 5)?;
    run.tests("cargo test --release --locked -p biplane-proto --test vectors", 3).map(drop)
}

/// Runs tests that compare as many random cases as they are told, and say how many they did.
fn cases_of(run: &mut Run, cases: u64, which: &str, least: u32) -> Result<()> {
    let line =
        format!("BIPLANE_CASES={cases} cargo test --release --locked -p {which} -- --nocapture");
    let finished = run.tests(&line, least)?;
    run.judge("cases", Wanted::AtLeast(cases as f64), cases_told(&finished.stderr));
    Ok(())
}

/// How many cases were tried, by the tests' own word: `figure cases N`.
fn cases_told(said: &str) -> Option<u64> {
    figure(said, "figure cases ")
}

/// The number that stands behind `name` in what tests said.
pub(super) fn figure(said: &str, name: &str) -> Option<u64> {
    let line = said.split(name).nth(1)?;
    line.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_are_told_by_the_tests_themselves() {
        let said = "running 3 tests\n..figure cases 10000000, window 131072\n.";
        assert_eq!(cases_told(said), Some(10_000_000));
        assert_eq!(cases_told("running 0 tests"), None);
    }
}
