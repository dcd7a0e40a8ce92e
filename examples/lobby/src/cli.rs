//! The command line: names, defaults and ranges. What is not built yet is not here.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use biplane::sim::Profile;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::units::{self, Rate};

const EXAMPLES: &str = "\
Examples:
  lobby                                        the demo, until Ctrl-C
  lobby demo --for 10s --json                  ten seconds of it, as one JSON document
  lobby serve --listen 0.0.0.0:7777 --identity state
                                               a server whose link stays the same
  lobby bots --join 'biplane://HOST:PORT#PIN' --count 200
                                               200 bots play on it for 20 s
  lobby demo --link wifi-busy,loss=5%          the demo over a bad network
  lobby rehearse --for 60s --link 4g           a minute of it in virtual time

Exit status: 0, it ran and what it promises held; 1, it ran and something did not hold (a bot
disconnected, a command lost); 2, it could not start. RUST_LOG=info shows more on standard error.";

const DEMO_EXAMPLES: &str = "\
Examples:
  lobby demo --bots 100 --for 30s              a hundred bots for half a minute
  lobby demo --link 4g,kill-tcp-every=5s       over a phone's network that breaks TCP now and then
  lobby demo --for 10s --json                  ten seconds, as one JSON document";

const SERVE_EXAMPLES: &str = "\
Examples:
  lobby serve                                  on this machine alone, port 7777
  lobby serve --listen 0.0.0.0:7777 --host play.example.org --identity state
                                               for everybody, under a link that stays the same
  lobby serve --threading inline --for 60s     on the game's own thread, for a minute";

const BOTS_EXAMPLES: &str = "\
Examples:
  lobby bots --join 'biplane://HOST:PORT#PIN'  20 bots for 20 s, on the server of that link
  lobby bots --join 'biplane://HOST:PORT#PIN' --count 1000 --join-rate 50/s --for 5m
                                               a thousand, of which 50 join in a second";

const REHEARSE_EXAMPLES: &str = "\
Examples:
  lobby rehearse                               32 bots for a minute over wifi
  lobby rehearse --link awful --seed 7 --json  over a bad network, as one JSON document; the same
                                               each time";

/// A game lobby over two planes: rooms, chat and a 60 Hz match, played by bots.
///
/// Without a command it runs the demo.
#[derive(Debug, Parser)]
#[command(name = "lobby", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A lobby server and bots that play on it, in one process, over real sockets.
    ///
    /// Prints the join link and a live status line, until Ctrl-C or for the time given.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(Demo),
    /// The lobby server alone.
    ///
    /// The first line on standard output (on standard error with --json) is the join link.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Serve),
    /// Bots that join a server and play.
    ///
    /// All of them share one UDP socket. A bot whose session ends without its doing joins again.
    #[command(after_help = BOTS_EXAMPLES)]
    Bots(Bots),
    /// The same server and bots in virtual time, over a network that is made up.
    ///
    /// No sockets, no clock: minutes take moments, and the same seed plays the same match, byte for
    /// byte.
    #[command(after_help = REHEARSE_EXAMPLES)]
    Rehearse(Rehearse),
}

/// `lobby demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Demo {
    /// How many bots play.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) bots: u32,
    /// How long from the first join, as 10s or 5m, and 10 s longer while nobody joins; without it
    /// until Ctrl-C.
    #[arg(long = "for", value_name = "D", value_parser = units::duration)]
    pub(crate) length: Option<Duration>,
    /// What lies between server and bots, 2,048 of them at the most: a name, such as 4g, or settings,
    /// such as delay=40ms,loss=5%, or both; see `biplane link --help`.
    #[arg(long, value_name = "PROFILE")]
    pub(crate) link: Option<Profile>,
    /// Makes the bots' decisions repeatable [default: drawn anew].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Prints one JSON document on standard output, and all else on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// On which threads datagrams move.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Threading {
    /// The game's own.
    Inline,
    /// One for each receiver, which sends too.
    Shared,
    /// One for each receiver and each sender.
    Dedicated,
}

impl From<Threading> for biplane::Threading {
    fn from(threading: Threading) -> Self {
        match threading {
            Threading::Inline => Self::Inline,
            Threading::Shared => Self::Shared,
            Threading::Dedicated => Self::Dedicated,
        }
    }
}

/// `lobby serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Serve {
    /// Address and port of both TCP and UDP; port 0 takes one that is free for both.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7777")]
    pub(crate) listen: SocketAddr,
    /// The host named in the join link [default: the address listened on].
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Keeps the server's key in this folder, so that the link stays the same; made on first start.
    #[arg(long, value_name = "DIR")]
    pub(crate) identity: Option<PathBuf>,
    /// Ticks a second.
    #[arg(long, value_name = "HZ", default_value_t = 60, value_parser = clap::value_parser!(u16).range(20..=240))]
    pub(crate) tick: u16,
    /// Sessions at the most; who comes after that is refused.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_sessions: u32,
    /// Threads that may receive on the UDP socket [default: 1; 2 on four cores or more].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) receivers: Option<u8>,
    /// Threads that may send on the UDP socket [default: 1; 2 on four cores or more].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) senders: Option<u8>,
    /// On which threads datagrams move: those of the game, or others [default: dedicated].
    #[arg(long, value_name = "MODE")]
    pub(crate) threading: Option<Threading>,
    /// How long from the first join (from the start while nobody joins); without it until Ctrl-C.
    #[arg(long = "for", value_name = "D", value_parser = units::duration)]
    pub(crate) length: Option<Duration>,
    /// Prints one JSON document on standard output at the end, and all else on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `lobby bots`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Bots {
    /// The server's join link, as it prints it.
    #[arg(long, value_name = "LINK")]
    pub(crate) join: String,
    /// How many bots play.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    /// How long from the first join, and 10 s longer while nobody joins.
    #[arg(long = "for", value_name = "D", default_value = "20s", value_parser = units::duration)]
    pub(crate) length: Duration,
    /// How many of them start to join in a second.
    #[arg(long, value_name = "RATE", default_value = "200/s", value_parser = units::rate)]
    pub(crate) join_rate: Rate,
    /// Makes the bots' decisions repeatable [default: drawn anew].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Prints one JSON document on standard output, and all else on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `lobby rehearse`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Rehearse {
    /// How many bots play.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) bots: u32,
    /// How long they play, in virtual time.
    #[arg(long = "for", value_name = "D", default_value = "60s", value_parser = units::duration)]
    pub(crate) length: Duration,
    /// What lies between server and bots: a name, such as 4g, or settings, such as
    /// delay=40ms,loss=5%, or both.
    #[arg(long, value_name = "PROFILE", default_value = "wifi")]
    pub(crate) link: Profile,
    /// Decides everything that chance decides.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Prints one JSON document on standard output, and all else on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Default for Demo {
    fn default() -> Self {
        Self { bots: 20, length: None, link: None, seed: None, json: false }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn alone_it_is_the_demo_with_its_defaults() {
        assert!(parse("lobby").unwrap().command.is_none());
        let Some(Command::Demo(parsed)) = parse("lobby demo").unwrap().command else { panic!() };
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Demo::default()));
    }

    #[test]
    fn the_contracts_lines_are_understood() {
        for line in [
            "lobby demo --bots 5 --for 10s --seed 1 --json --link 4g",
            "lobby serve --listen 127.0.0.1:0 --host h --identity d --tick 60 --max-sessions 9 \
             --receivers 2 --senders 2 --for 40s --json",
            "lobby bots --join biplane://h:1#p --count 200 --for 20s --join-rate 200/s --seed 1",
            "lobby rehearse --bots 32 --for 60s --seed 1 --link 4g,loss=2% --json",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_not_built_yet_is_refused_like_any_unknown_flag() {
        for line in [
            "lobby play",
            "lobby demo --no-dashboard",
            "lobby demo --link 4h",
            "lobby serve --announce",
            "lobby serve --threading mixed",
            "lobby bots --join l --no-prediction",
            "lobby bots --join l --tickets k",
            "lobby serve --tick 0",
            "lobby bots",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
