//! The command line.

use std::time::Duration;

use anyhow::Result;
use biplane_load::System;
use clap::{Parser, ValueEnum};

use crate::{
    compare::{Comparison, Settings},
    systems,
    workload::Workload,
};

const EXAMPLES: &str = "\
Each system does the work on two processes of this machine, one of all clients and one server, in
rounds that alternate: Biplane, the first peer, the second, and again. Where a peer's settings as
documented differ from those in its favour, it has a row for each. All keys of --json are in
docs/peers.md.

Examples:
  biplane-bench unreliable-64
  biplane-bench echo --against raw,enet,quinn --rounds 9
  biplane-bench all --quick --json

Exit status: 0, it ran; 1, a run failed or Biplane broke what it promises; 2, it could not start.";

/// The same work on Biplane and on what one would use instead, side by side
#[derive(Clone, Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What is done; `all` is every one of them
    #[arg(value_name = "WORKLOAD", value_parser = which)]
    which: Which,

    /// Compares with these alone [default: all that carry such messages]
    #[arg(long, value_name = "SYSTEM", value_delimiter = ',', value_parser = peer)]
    against: Vec<&'static str>,

    /// Rounds, 1 to 1,000 [default: 5, or 1 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,

    /// Seconds of each run, 0.1 to 3,600 [default: 2, or 0.3 with --quick]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,

    /// Fewer rounds, shorter runs, fewer clients: all workloads within 5 minutes
    #[arg(long)]
    quick: bool,

    /// One JSON document instead of tables; an array of them for `all`
    #[arg(long)]
    pub(crate) json: bool,
}

/// How long a run is.
const TIME: Duration = Duration::from_secs(2);
const QUICK_TIME: Duration = Duration::from_millis(300);

/// One workload, or `None`: all.
type Which = Option<Workload>;

impl Cli {
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        self.which.map_or_else(|| Workload::value_variants().to_vec(), |one| vec![one])
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            against: self.against.clone(),
            rounds: self.rounds.unwrap_or(if self.quick { 1 } else { 5 }),
            time: self.seconds.unwrap_or(if self.quick { QUICK_TIME } else { TIME }),
            is_quick: self.quick,
        }
    }

    /// What `--json` prints.
    pub(crate) fn document(&self, comparisons: &[Comparison]) -> Result<String> {
        let document = match (self.which, comparisons) {
            (Some(_), [one]) => serde_json::to_string_pretty(one),
            _ => serde_json::to_string_pretty(comparisons),
        };
        Ok(document?)
    }
}

fn which(word: &str) -> Result<Which, String> {
    if word == "all" {
        return Ok(None);
    }
    Workload::from_str(word, false).map(Some).map_err(|_| {
        let names: Vec<_> = Workload::value_variants().iter().map(Workload::name).collect();
        format!("there are {} and all", names.join(", "))
    })
}

fn peer(word: &str) -> Result<&'static str, String> {
    let mut names = systems::peers().map(System::name);
    names.find(|name| *name == word).ok_or_else(|| {
        let names: Vec<_> = systems::peers().map(System::name).collect();
        format!("there are {}", names.join(", "))
    })
}

fn seconds(word: &str) -> Result<Duration, String> {
    let seconds = word.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "from 0.1 to 3600".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Cli, String> {
        let words = std::iter::once("biplane-bench").chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn a_workload_is_run_against_everything_unless_told_otherwise() {
        let cli = parsed("unreliable-64").unwrap();
        assert_eq!(cli.workloads(), [Workload::Unreliable64]);
        let settings = cli.settings();
        assert!(settings.against.is_empty() && settings.rounds == 5);
        assert_eq!(settings.time, Duration::from_secs(2));
        let cli = parsed("echo --against raw,quinn --rounds 9 --seconds 0.5").unwrap();
        assert_eq!(cli.settings().against, ["raw", "quinn"]);
        assert_eq!(cli.settings().rounds, 9);
    }

    #[test]
    fn all_is_every_workload() {
        assert_eq!(parsed("all --quick").unwrap().workloads().len(), 10);
    }

    #[test]
    fn what_does_not_exist_is_refused_with_what_does() {
        for (line, named) in [
            ("unreliable", "unreliable-64, unreliable-1100, reliable-64"),
            ("echo --against gns", "raw, raw_gso"),
            ("echo --against biplane", "raw, raw_gso"),
            ("echo --rounds 0", "1..=1000"),
            ("echo --seconds 0", "0.1 to 3600"),
        ] {
            let refusal = parsed(line).unwrap_err();
            assert!(refusal.contains(named), "{line}: {refusal}");
        }
    }
}
