//! The `biplane` command: tools around sessions and networks.
//!
//! | module | does |
//! |---|---|
//! | `cli`, `settings` | the command line: names, defaults, help |
//! | `bench` | `biplane bench`: what the library costs and how fast it is, here |
//! | `doctor` | `biplane doctor`: whether parallel calls on one socket are sound here |
//! | `link` | `biplane link`: a bad network for any program |
//! | `probe` | `biplane probe`: why one cannot connect |
//! | `form` | a relay between ports or between network namespaces |
//! | `measure` | what a link does, seen by the sockets on both sides of it |
//! | `report`, `live`, `output` | what is told at the end, and meanwhile, and how it is said |
//! | `reserved` | files that are written at the end |
//! | `system`, `units` | signals and open files; how durations are written |

mod bench;
mod cli;
mod doctor;
mod form;
mod link;
mod live;
mod measure;
mod output;
mod probe;
mod report;
mod reserved;
mod settings;
mod system;
mod units;

use std::process::ExitCode;

use biplane_load::Biplane;
use clap::{Parser, error::ErrorKind};

use crate::cli::{Cli, Command};

/// It could not start.
const NOT_STARTED: u8 = 2;
/// It ran, and something did not hold.
const NOT_HELD: u8 = 1;

fn main() -> ExitCode {
    // `--tun` runs this program once more, to hold its namespaces, and `bench` twice, to be a server
    // and its clients.
    if let Some(code) = form::keeper().or_else(|| biplane_load::part(&[&Biplane])) {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    system::start_telling();
    let outcome = match cli.command {
        Command::Bench(bench) => bench::run(&bench),
        Command::Doctor(doctor) => doctor::run(&doctor),
        Command::Link(link) => link::run(&link),
        Command::Probe(probe) => probe::run(&probe),
        Command::MeasureLink(measure) => measure::run(&measure),
    };
    match outcome {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            output::tell(&format!("biplane: did not hold: {}", broken.join(", ")));
            NOT_HELD.into()
        }
        Err(error) => {
            output::tell(&format!("biplane: {error}"));
            NOT_STARTED.into()
        }
    }
}

/// Tells in one line what is wrong with the command line; or shows the help that it asks for.
fn refuse(error: &clap::Error) -> ExitCode {
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help || !error.use_stderr() {
        error.exit();
    }
    let told = error.to_string();
    // What follows the first empty line is usage and advice.
    let words = told.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let words = words.collect::<Vec<_>>().join(" ");
    output::tell(&format!("biplane: {}", words.trim_start_matches("error: ")));
    NOT_STARTED.into()
}
