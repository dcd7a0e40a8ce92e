//! `biplane-sim`: runs seeds against the oracle and says what was broken.
//!
//! The binary of the simulator reads the clock once, for the start of every run and to say how long
//! the work took; everything between is virtual.

mod args;
mod crew;
mod json;
mod report;
mod work;

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Instant,
};

use args::{Command, Sweep};
use biplane_sim::{Conditions, Outcome, Plan, Trial};
use report::Report;

const SEED: &str = "BIPLANE_SEED";

fn main() -> ExitCode {
    let start = Instant::now();
    match args::parse(env::args().skip(1), env::var(SEED).ok().as_deref()) {
        Ok(Command::Help) => print(args::HELP),
        Ok(Command::Sweep(sweep)) => run(start, &sweep),
        Ok(Command::Replay { seed, json }) => replay(start, seed, json),
        Err(wrong) => {
            eprintln!("biplane-sim: {wrong}");
            ExitCode::from(2)
        }
    }
}

fn run(start: Instant, sweep: &Sweep) -> ExitCode {
    let shows = !sweep.json && io::stderr().is_terminal();
    let results = work::all(start, sweep, |done, of| {
        if shows {
            eprint!("\r{done}/{of} runs");
        }
    });
    if shows {
        eprintln!();
    }
    let report = Report::new(results, start.elapsed());
    print(&if sweep.json { report.to_json() } else { report.to_string() });
    status(report.holds())
}

/// Runs one seed and tells everything that happens in it.
fn replay(start: Instant, seed: u64, json: bool) -> ExitCode {
    let plan = Plan { in_words: true, ..Plan::default() };
    let outcome = Trial::of_seed(start, seed, plan).run();
    let told = words(&outcome, &Conditions::draw(seed, plan.length));
    if json {
        eprint!("{told}");
        let holds = outcome.is_clean();
        let results = vec![work::Done::of_one(outcome)];
        print(&Report::new(results, start.elapsed()).to_json());
        return status(holds);
    }
    print(&told);
    status(outcome.is_clean())
}

fn words(outcome: &Outcome, conditions: &Conditions) -> String {
    let mut lines = vec![format!("seed {}: {conditions}", outcome.seed)];
    lines.extend(outcome.words.iter().cloned());
    lines.push(outcome.figures.to_string());
    lines.extend(outcome.breaches.iter().map(ToString::to_string));
    lines.push(format!("transcript {:016x}", outcome.transcript));
    lines.join("\n") + "\n"
}

fn status(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(text: &str) -> ExitCode {
    // A reader that has gone away is no failure of the sweep.
    io::stdout().write_all(text.as_bytes()).ok();
    ExitCode::SUCCESS
}
