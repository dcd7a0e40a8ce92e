//! The same work on Biplane and on what one would use instead, in alternating rounds of one run.
//!
//! | module | decides |
//! |---|---|
//! | `cli` | the command line |
//! | `workload` | what is done, and which figure is compared |
//! | `compare` | who does it, in which order, and how often |
//! | `row` | what a system's rounds come to |
//! | `limits` | why a system did not use all of its processor, where that is known |
//! | `table` | how it is told |
//! | `stop` | when a signal ends it |
//! | `systems` | everything that can be compared, by name |

mod cli;
mod compare;
mod limits;
mod row;
mod stop;
mod systems;
mod table;
mod workload;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::{cli::Cli, compare::Comparison, stop::Stop};

/// It ran, and something did not hold.
const NOT_HELD: u8 = 1;
/// It could not start.
const NOT_STARTED: u8 = 2;

fn main() -> ExitCode {
    // Server and clients are this program run again.
    if let Some(code) = biplane_load::part(systems::ALL) {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            let told = error.to_string();
            // What follows the first line is usage and advice.
            let line = told.lines().next().unwrap_or_default().trim_start_matches("error: ");
            eprintln!("biplane-bench: {line}");
            return NOT_STARTED.into();
        }
        Err(help) => help.exit(),
    };
    match run(&cli) {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            broken.iter().for_each(|line| eprintln!("biplane-bench: did not hold: {line}"));
            NOT_HELD.into()
        }
        Err(error) => {
            eprintln!("biplane-bench: {error:#}");
            NOT_STARTED.into()
        }
    }
}

/// Runs every workload and tells what came of it; what did not hold.
fn run(cli: &Cli) -> Result<Vec<String>> {
    let stop = Stop::on_signals()?;
    let mut comparisons = Vec::new();
    for workload in cli.workloads() {
        if stop.is_raised() {
            break;
        }
        let comparison = Comparison::run(workload, &cli.settings(), &stop);
        if !cli.json {
            print!("{}", table::of(&comparison));
        }
        comparisons.push(comparison);
    }
    if cli.json {
        println!("{}", cli.document(&comparisons)?);
    }
    Ok(comparisons.iter().flat_map(Comparison::broken).collect())
}
