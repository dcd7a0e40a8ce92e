//! The command line.

use crate::question::Question;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Runs seeds of a simulated network against an oracle that knows what was promised.

Usage: biplane-sim <QUESTION> [--seeds N] [--first SEED] [--loss PERCENT] [--receivers N] [--json]
       biplane-sim nonces [--threads N] [--seals N] [--cycles N] [--json]
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

  nonces     is a key and a nonce ever used twice: by threads that seal, over resumes and restarts?
  aead       what sealing and opening a packet costs, in nanoseconds

  --seeds N        how many seeds to run [default: 50]
  --first SEED     the first of them; the others follow it [default: 0]
  --loss PERCENT   how many datagrams are lost, 0 to 99 [default: drawn, up to 50]
  --receivers N    how many receivers every end has, 1 to 16 [default: 1; replicas: 1, 2 and 4]
  --threads N      nonces: how many threads seal, 1 to 64 [default: 8]
  --seals N        nonces: how many packets each of them seals [default: 5000000]
  --cycles N       nonces: how many resumes, and how many restarts [default: 1000]
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

const MISUSE: &str = "usage: biplane-sim <QUESTION|nonces|aead> [options]; see --help";

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Run(Run),
    Replay { seed: u64, run: Run },
    Nonces(Nonces),
    Aead { json: bool },
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

fn number(
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
            (&["nonces", "--threads", "65"], None),
            (&["nonces", "--seeds", "1"], None),
            (&["sweep"], Some("seventeen")),
        ] {
            let wrong = parsed(arguments, seed).unwrap_err();
            assert_eq!(wrong.lines().count(), 1, "{wrong}");
        }
    }
}
