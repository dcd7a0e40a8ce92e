//! A game lobby over two planes: rooms, chat and a 60 Hz match, played by bots over real sockets.
//!
//! | module | decides |
//! |---|---|
//! | `protocol` | what players and lobby say to each other, on which plane |
//! | `arena`, `game`, `inputs` | how the match goes, and that each input is used once |
//! | `rooms`, `players`, `talk`, `ledger` | who sits where, is heard, and what was seen of whom |
//! | `server` | the loop of fixed ticks that serves all that |
//! | `bots` | what players do |
//! | `rehearsal` | server and bots in virtual time, over links that are made up |
//! | `report`, `figures` | what is told at the end |

mod arena;
mod bots;
mod cli;
mod commands;
mod figures;
mod game;
mod inputs;
mod ledger;
mod live;
mod log;
mod pace;
mod players;
mod protocol;
mod rehearsal;
mod report;
mod rooms;
mod server;
mod spread;
mod system;
mod talk;
mod units;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, Demo};

/// It could not start.
const NOT_STARTED: u8 = 2;
/// It ran, and something did not hold.
const NOT_HELD: u8 = 1;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    log::start();
    system::count_panics();
    let outcome = match cli.command.unwrap_or_else(|| Command::Demo(Demo::default())) {
        Command::Demo(demo) => commands::demo(&demo),
        Command::Serve(serve) => commands::serve(&serve),
        Command::Bots(bots) => commands::bots(&bots),
        Command::Rehearse(rehearse) => commands::rehearse(&rehearse),
    };
    match outcome {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            log::flow();
            eprintln!("lobby: did not hold: {}", broken.join(", "));
            NOT_HELD.into()
        }
        Err(error) => {
            log::stop();
            // Biplane's errors say all of it in one line; their sources say it again.
            eprintln!("lobby: {error}");
            NOT_STARTED.into()
        }
    }
}

/// Tells in one line what is wrong with the command line; or shows the help that it asks for.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let told = error.to_string();
    // What follows the first empty line is usage and advice.
    let words: Vec<_> = told.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    eprintln!("lobby: {}", words.join(" ").trim_start_matches("error: "));
    NOT_STARTED.into()
}
