//! The `biplane` command: tools around sessions and networks.
//!
//! | module | does |
//! |---|---|
//! | `cli`, `settings` | the command line: names, defaults, help |
//! | `doctor` | `biplane doctor`: whether parallel calls on one socket are sound here |
//! | `link` | `biplane link`: a bad network for any program |
//! | `form` | a relay between ports or between network namespaces |
//! | `measure` | what a link does, seen by the sockets on both sides of it |
//! | `report`, `live` | what is told at the end, and meanwhile |
//! | `system` | signals and open files |

mod cli;
mod doctor;
mod form;
mod link;
mod live;
mod measure;
mod report;
mod settings;
mod system;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// It could not start.
const NOT_STARTED: u8 = 2;
/// It ran, and something did not hold.
const NOT_HELD: u8 = 1;

fn main() -> ExitCode {
    // `--tun` runs this program once more, to hold its namespaces.
    if let Some(code) = form::keeper() {
        return code;
    }
    let cli = Cli::parse();
    system::start_telling();
    let outcome = match cli.command {
        Command::Doctor(doctor) => doctor::run(&doctor),
        Command::Link(link) => link::run(&link),
        Command::MeasureLink(measure) => measure::run(&measure),
    };
    match outcome {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            eprintln!("biplane: did not hold: {}", broken.join(", "));
            NOT_HELD.into()
        }
        Err(error) => {
            eprintln!("biplane: {error}");
            NOT_STARTED.into()
        }
    }
}
