//! The project's own checks, in Rust instead of shell.
//!
//! Depends on none of our crates, so that it can judge them whatever state they are in.
//!
//! | module | answers |
//! |---|---|
//! | [`ci`] | does everything hold? |
//! | [`tidy`] | do source, documents and dependencies keep the rules no lint knows? |
//! | [`docs`] | does the book build, are its links sound, does it look right? |
//! | [`gate`] | do the acceptance figures hold, in a release build? |
//!
//! `scene` names the programs that gates and measured pages start.

mod child;
mod ci;
mod cli;
mod docs;
mod fences;
mod gate;
mod place;
mod scene;
mod source;
mod test_output;
mod tidy;
mod tool;

use std::env;
use std::process::ExitCode;

use cli::Command;

/// It ran, and something did not hold.
const VIOLATED: u8 = 1;
/// It could not start.
const NOT_STARTED: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match cli::parse(&words) {
        Ok(command) => run(&command),
        Err(refusal) => {
            eprintln!("xtask: {refusal}");
            ExitCode::from(NOT_STARTED)
        }
    }
}

fn run(command: &Command) -> ExitCode {
    let held = match command {
        Command::Help(text) => {
            print!("{text}");
            true
        }
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(),
        Command::Docs(request) => docs::run(*request),
        Command::GateList { json } => {
            gate::report::print_list(*json);
            true
        }
        Command::Gate(request) => gate::run_all(request),
    };
    if held { ExitCode::SUCCESS } else { ExitCode::from(VIOLATED) }
}
