//! `biplane-sim`: runs seeds against the oracle and says what was broken.
//!
//! The binary of the simulator reads the clock once, for the start of every run and to say how long
//! the work took; everything between is virtual.

mod aead;
mod args;
mod crew;
mod json;
mod nonces;
mod overload;
mod question;
mod rate;
mod report;
mod totals;
mod work;

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Instant,
};

use args::{Command, Run};
use biplane_sim::{Conditions, Outcome, Plan, Trial};
use question::{Job, Purpose};
use report::Report;

const SEED: &str = "BIPLANE_SEED";

fn main() -> ExitCode {
    let start = Instant::now();
    match args::parse(env::args().skip(1), env::var(SEED).ok().as_deref()) {
        Ok(Command::Help) => print(args::HELP),
        Ok(Command::Run(wanted)) => run(start, &wanted),
        Ok(Command::Replay { seed, run }) => replay(start, seed, &run),
        Ok(Command::Aead { json }) => print(&aead::measure().told(json)),
        Ok(Command::Overload(asked)) => {
            let found = overload::look(start, &asked);
            print(&if asked.json { found.to_json() } else { found.to_string() });
            status(found.holds())
        }
        Ok(Command::Nonces(asked)) => {
            let found = nonces::look(start, &asked);
            print(&if asked.json { found.to_json() } else { found.to_string() });
            status(found.holds())
        }
        Ok(Command::Rate(asked)) => print(&asked.told(start)),
        Err(wrong) => {
            eprintln!("biplane-sim: {wrong}");
            ExitCode::from(2)
        }
    }
}

fn run(start: Instant, run: &Run) -> ExitCode {
    let shows = !run.json && io::stderr().is_terminal();
    let results = work::all(start, run, |done, of| {
        if shows {
            eprint!("\r{done}/{of} runs");
        }
    });
    if shows {
        eprintln!();
    }
    let report = Report::new(run.question, results, start.elapsed());
    print(&if run.json { report.to_json() } else { report.to_string() });
    status(report.holds())
}

/// Runs one seed and tells everything that happens in it.
fn replay(start: Instant, seed: u64, run: &Run) -> ExitCode {
    let receivers = run.receivers.unwrap_or(1);
    let job = Job { seed, purpose: Purpose::Judge, receivers };
    let (conditions, length) = run.conditions(start, job, Plan::default().length);
    let plan = Plan { in_words: true, length, ..Plan::default() };
    let outcome = Trial::new(start, seed, conditions.clone(), plan).run();
    let told = words(&outcome, &conditions);
    if run.json {
        eprint!("{told}");
        let holds = outcome.is_clean();
        let results = vec![work::Done { job, outcome: Ok(outcome) }];
        print(&Report::new(run.question, results, start.elapsed()).to_json());
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
