//! The command line.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Runs seeds of a simulated network against an oracle that knows what was promised.

Usage: biplane-sim sweep [--seeds N] [--first SEED] [--json]

  --seeds N     how many seeds to run [default: 50]
  --first SEED  the first of them; the others follow it [default: 0]
  --json        print one JSON document instead of words
  --help        print this

Each seed is 60 virtual seconds of loss, delay, duplication and corruption under load, then none
until everything owed has come. Some are run twice and must be equal; three faults are planted and
must be found. Exit status 0 if every promise was kept, 1 if not, 2 for a bad argument.

BIPLANE_SEED=17 biplane-sim sweep runs seed 17 alone and tells everything that happens in it.

Examples:
  biplane-sim sweep --seeds 200
  biplane-sim sweep --seeds 1 --first 17 --json
";

const MISUSE: &str = "usage: biplane-sim sweep [--seeds N] [--first SEED] [--json]; see --help";

/// What is to be done.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Command {
    Help,
    Sweep(Sweep),
    Replay { seed: u64, json: bool },
}

/// Which seeds are to be run.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Sweep {
    pub(crate) seeds: u64,
    pub(crate) first: u64,
    pub(crate) json: bool,
}

/// Reads the arguments and the seed that the environment names; what is wrong, in one line.
pub(crate) fn parse(
    arguments: impl Iterator<Item = String>,
    seed: Option<&str>,
) -> Result<Command, String> {
    let mut arguments = arguments.peekable();
    match arguments.next().as_deref() {
        Some("sweep") => {}
        Some("--help" | "-h" | "help") => return Ok(Command::Help),
        Some(other) => return Err(format!("unknown command `{other}`; {MISUSE}")),
        None => return Err(MISUSE.to_owned()),
    }
    let mut sweep = Sweep { seeds: 50, first: 0, json: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => sweep.seeds = number(&argument, arguments.next())?,
            "--first" => sweep.first = number(&argument, arguments.next())?,
            "--json" => sweep.json = true,
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(format!("unknown argument `{other}`; {MISUSE}")),
        }
    }
    if sweep.seeds == 0 {
        return Err("--seeds must be at least 1".to_owned());
    }
    if sweep.first.checked_add(sweep.seeds).is_none() {
        return Err("--first and --seeds reach beyond the last seed".to_owned());
    }
    Ok(match seed {
        None => Command::Sweep(sweep),
        Some(seed) => {
            let seed = number("BIPLANE_SEED", Some(seed.to_owned()))?;
            Command::Replay { seed, json: sweep.json }
        }
    })
}

fn number(of: &str, value: Option<String>) -> Result<u64, String> {
    let value = value.ok_or_else(|| format!("{of} needs a number"))?;
    value.parse().map_err(|_| format!("{of} needs a number, not `{value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str], seed: Option<&str>) -> Result<Command, String> {
        parse(arguments.iter().map(|argument| (*argument).to_owned()), seed)
    }

    #[test]
    fn defaults_and_flags_are_read() {
        let sweep = |seeds, first, json| Ok(Command::Sweep(Sweep { seeds, first, json }));
        assert_eq!(parsed(&["sweep"], None), sweep(50, 0, false));
        let all = ["sweep", "--seeds", "8", "--json", "--first", "100"];
        assert_eq!(parsed(&all, None), sweep(8, 100, true));
        assert_eq!(parsed(&["sweep", "--help"], None), Ok(Command::Help));
        assert_eq!(
            parsed(&["sweep", "--json"], Some("17")),
            Ok(Command::Replay { seed: 17, json: true })
        );
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
            (&["sweep"], Some("seventeen")),
        ] {
            let wrong = parsed(arguments, seed).unwrap_err();
            assert_eq!(wrong.lines().count(), 1, "{wrong}");
        }
    }
}
