//! The command line.

use crate::{
    question::Question,
    rate::{self, Rate},
};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Runs seeds of a simulated network against an oracle that knows what was promised.

Usage: biplane-sim <QUESTION> [--seeds N] [--first SEED] [--loss PERCENT] [--receivers N] [--json]
       biplane-sim overload [--seeds N] [--first SEED] [--load S] [--json]
       biplane-sim nonces [--threads N] [--seals N] [--cycles N] [--json]
       biplane-sim rate [--link PROFILE] [--flows FLOW,…] [--seconds N] [--settled N]
                        [--first SEED] [--json]
       biplane-sim aead [--json]

Questions:
  sweep      is every promise kept? Some seeds are run twice and must be equal
  replicas   is every run the same again, with 1, 2 and 4 receivers at every end?
  replays    is a datagram that comes again, sooner or later, ever taken in?
  wraps      does anything happen where counters pass a place at which they could wrap?

  outages    does a session survive an outage shorter than its grace, and end with a longer one?
  kills      does it survive the loss of its control connection, whatever takes that away?
  cuts       does it matter after which byte control connections break?
  moves      does a session follow a client that changes its address, and nobody who forges it?
  mtu        does it find out how long datagrams may be, and notice when they may not any more?
  clocks     does it survive clocks that falter and machines that stand still?

  overload   what does a session do whose application wants ten times what its link carries?
  nonces     is a key and a nonce ever used twice: by threads that seal, over resumes and restarts?
  rate       what do flows through one narrow place get, and how long do packets wait before it?
  aead       what sealing and opening a packet costs, in nanoseconds

  --seeds N        how many seeds to run [default: 50]
  --first SEED     the first of them; the others follow it [default: 0]
  --loss PERCENT   how many datagrams are lost, 0 to 99 [default: drawn, up to 50]
  --receivers N    how many receivers every end has, 1 to 16 [default: 1; replicas: 1, 2 and 4]
  --load S         overload: for how many seconds, 1 to 600 [default: 20]
  --threads N      nonces: how many threads seal, 1 to 64 [default: 8]
  --seals N        nonces: how many packets each of them seals [default: 5000000]
  --cycles N       nonces: how many resumes, and how many restarts [default: 1000]
  --link PROFILE   rate: the network, as for `biplane link` [default:
                   delay=25ms,rate=1mbit,queue=64KiB]
  --flows FLOW,…   rate: the sessions that send; a FLOW is delay-aware, cubic or new-reno, and what
                   differs from bulk all the time: +game beside it, +game-only, +from=5, +until=20,
                   +rest=8 for three seconds
                   [default: delay-aware+game]
  --seconds N      rate: how long [default: 60]
  --settled N      rate: figures count from there on [default: 5]
  --json           print one JSON document instead of words
  --help           print this

Each seed is 60 virtual seconds of loss, delay, duplication and corruption under load, then none
until everything owed has come. Faults are planted and must be found. Exit status 0 if all is well,
1 if not, 2 for a bad argument.

BIPLANE_SEED=17 biplane-sim sweep runs seed 17 alone and tells everything that happens in it.

Examples:
  biplane-sim sweep --seeds 200
  biplane-sim sweep --seeds 200 --loss 90
  biplane-sim wraps --seeds 1 --first 17 --json
";

pub(crate) const MISUSE: &str =
    "usage: biplane-sim <QUESTION|overload|nonces|rate|aead> [options]; see --help";

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Run(Run),
    Replay { seed: u64, run: Run },
    Overload(Overload),
    Nonces(Nonces),
    Rate(Box<Rate>),
    Aead { json: bool },
}

/// How sessions are to be overloaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Overload {
    pub(crate) seeds: u64,
    pub(crate) first: u64,
    /// For how many seconds.
    pub(crate) load: u64,
    pub(crate) json: bool,
}

/// How many pairs of key and nonce are to be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Nonces {
    pub(crate) threads: u64,
    /// Of each thread.
    pub(crate) seals: u64,
    pub(crate) cycles: u64,
    pub(crate) json: bool,
}

/// Which seeds are to be run, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) question: Question,
    pub(crate) seeds: u64,
    pub(crate) first: u64,
    /// The share of datagrams that is lost, if it is not to be drawn.
    pub(crate) loss: Option<f64>,
    pub(crate) receivers: Option<usize>,
    pub(crate) json: bool,
}

impl Run {
    pub(crate) const fn of(question: Question) -> Self {
        Self { question, seeds: 50, first: 0, loss: None, receivers: None, json: false }
    }
}

/// Reads the arguments and the seed that the environment names; what is wrong, in one line.
pub(crate) fn parse(
    mut arguments: impl Iterator<Item = String>,
    seed: Option<&str>,
) -> Result<Command, String> {
    let question = match arguments.next().as_deref() {
        Some("--help" | "-h" | "help") => return Ok(Command::Help),
        Some("aead") => return aead(arguments),
        Some("nonces") => return nonces(arguments),
        Some("rate") => return rate::parse(arguments),
        Some("overload") => return overload(arguments),
        Some(word) => {
            Question::named(word).ok_or_else(|| format!("unknown command `{word}`; {MISUSE}"))?
        }
        None => return Err(MISUSE.to_owned()),
    };
    let mut run = Run::of(question);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => run.seeds = number(&argument, arguments.next(), 1..=u64::MAX)?,
            "--first" => run.first = number(&argument, arguments.next(), 0..=u64::MAX)?,
            "--loss" => {
                let percent = number(&argument, arguments.next(), 0..=99)?;
                run.loss = Some(percent as f64 / 100.0);
            }
            "--receivers" => {
                let receivers = number(&argument, arguments.next(), 1..=16)?;
                run.receivers = usize::try_from(receivers).ok();
            }
            "--json" => run.json = true,
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(format!("unknown argument `{other}`; {MISUSE}")),
        }
    }
    if run.first.checked_add(run.seeds).is_none() {
        return Err("--first and --seeds reach beyond the last seed".to_owned());
    }
    Ok(match seed {
        None => Command::Run(run),
        Some(seed) => {
            let seed = number("BIPLANE_SEED", Some(seed.to_owned()), 0..=u64::MAX)?;
            Command::Replay { seed, run }
        }
    })
}

fn aead(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut json = false;
    for argument in arguments {
        match argument.as_str() {
            "--json" => json = true,
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(format!("unknown argument `{other}`; {MISUSE}")),
        }
    }
    Ok(Command::Aead { json })
}

fn overload(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut asked = Overload { seeds: 20, first: 0, load: 20, json: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => asked.seeds = number(&argument, arguments.next(), 1..=1_000_000)?,
            "--first" => asked.first = number(&argument, arguments.next(), 0..=u64::MAX / 2)?,
            "--load" => asked.load = number(&argument, arguments.next(), 1..=600)?,
            "--json" => asked.json = true,
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(format!("unknown argument `{other}`; {MISUSE}")),
        }
    }
    Ok(Command::Overload(asked))
}

fn nonces(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut asked = Nonces { threads: 8, seals: 5_000_000, cycles: 1_000, json: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => asked.threads = number(&argument, arguments.next(), 1..=64)?,
            "--seals" => asked.seals = number(&argument, arguments.next(), 1..=100_000_000)?,
            "--cycles" => asked.cycles = number(&argument, arguments.next(), 1..=100_000)?,
            "--json" => asked.json = true,
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(format!("unknown argument `{other}`; {MISUSE}")),
        }
    }
    Ok(Command::Nonces(asked))
}

pub(crate) fn number(
    of: &str,
    value: Option<String>,
    range: core::ops::RangeInclusive<u64>,
) -> Result<u64, String> {
    let value = value.ok_or_else(|| format!("{of} needs a number"))?;
    let number = value.parse().map_err(|_| format!("{of} needs a number, not `{value}`"))?;
    if range.contains(&number) {
        return Ok(number);
    }
    let (least, most) = range.into_inner();
    Err(match most {
        u64::MAX => format!("{of} must be at least {least}"),
        most => format!("{of} must be {least} to {most}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str], seed: Option<&str>) -> Result<Command, String> {
        parse(arguments.iter().map(|argument| (*argument).to_owned()), seed)
    }

    #[test]
    fn defaults_and_flags_are_read() {
        let sweep = Run::of(Question::Sweep);
        assert_eq!(parsed(&["sweep"], None), Ok(Command::Run(sweep)));
        let all = ["sweep", "--seeds", "8", "--json", "--first", "100", "--loss", "90"];
        let wanted = Run { seeds: 8, first: 100, loss: Some(0.9), json: true, ..sweep };
        assert_eq!(parsed(&all, None), Ok(Command::Run(wanted)));
        let wraps = Run { receivers: Some(4), ..Run::of(Question::Wraps) };
        assert_eq!(parsed(&["wraps", "--receivers", "4"], None), Ok(Command::Run(wraps)));
        assert_eq!(parsed(&["sweep", "--help"], None), Ok(Command::Help));
        assert_eq!(parsed(&["aead", "--json"], None), Ok(Command::Aead { json: true }));
        let nonces = Nonces { threads: 2, seals: 10, cycles: 1_000, json: true };
        let all = ["nonces", "--threads", "2", "--seals", "10", "--json"];
        assert_eq!(parsed(&all, None), Ok(Command::Nonces(nonces)));
        let overload = Overload { seeds: 2, first: 5, load: 8, json: true };
        let all = ["overload", "--seeds", "2", "--first", "5", "--load", "8", "--json"];
        assert_eq!(parsed(&all, None), Ok(Command::Overload(overload)));
        let replay = Command::Replay { seed: 17, run: Run { json: true, ..sweep } };
        assert_eq!(parsed(&["sweep", "--json"], Some("17")), Ok(replay));
    }

    #[test]
    fn a_bad_argument_is_told_in_one_line() {
        for (arguments, seed) in [
            (&[][..], None),
            (&["swoop"], None),
            (&["sweep", "--fast"], None),
            (&["sweep", "--seeds"], None),
            (&["sweep", "--seeds", "many"], None),
            (&["sweep", "--seeds", "0"], None),
            (&["sweep", "--seeds", "2", "--first", "18446744073709551615"], None),
            (&["sweep", "--loss", "100"], None),
            (&["sweep", "--receivers", "0"], None),
            (&["sweep", "--receivers", "17"], None),
            (&["aead", "--seeds", "1"], None),
            (&["overload", "--load", "0"], None),
            (&["nonces", "--threads", "65"], None),
            (&["nonces", "--seeds", "1"], None),
            (&["sweep"], Some("seventeen")),
        ] {
            let wrong = parsed(arguments, seed).unwrap_err();
            assert_eq!(wrong.lines().count(), 1, "{wrong}");
        }
    }
}
