//! The command line of `biplane bench`, and the plan that it asks for.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use biplane_link::Relay;
use biplane_load::{Class, Game, Plan, Threads, Work};
use biplane_sim::Profile;
use biplane_wire::limits;
use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Workloads, with their defaults:
  echo        a message and its answer             1 client, 64 B, 1,000 messages/s (200 over a link)
  unreliable  messages that may be lost            1 client, 64 B, as fast as it goes
  reliable    messages that arrive, in order       1 client, 64 B, as fast as it goes
  command     the same on the control plane        1 client, 64 B, as fast as it goes
  flow        unreliable, with each thread's share 1 client, 1,100 B, as fast as it goes
  game        64 B up at 60 Hz, 600 B down at 20   100 clients
  transfer    bytes in bulk beside a match         1 client, 50 MB down, 100 B at 60 Hz both ways
  connect     all clients join, 512 at a time      500 clients, until all have joined
  idle        clients that say nothing             500 clients

An unreliable flow as fast as it goes has at most 1 MiB and 4,096 messages under way, and less where
more than one in a hundred is lost. With --rate, and over a link by default, messages go at a rate:
then their latency is that of the link and the library, and not of a full queue.

A transfer lasts until all its bytes have come, and no less than --seconds; --size is that of all of
it, and latency that of the match's messages down. It fails if the checksum is wrong.

Figures: latency is one way, and there and back for echo; of connect, each client's from its call to
the session. A message that must arrive and finds the library's queue full counts from when it was
due. What was due and not sent at all is told as missed, and the rate was not kept. delivered_share is what came until 2 s after the last was sent. Processor time is that of each
process, over the messages that came while it was measured. Durations are written 250ms, rates
5mbit, shares 5%.

Examples:
  biplane bench echo
  biplane bench unreliable --seconds 10 --json
  biplane bench reliable --link delay=40ms,jitter=15ms,loss=5% --plot latency.svg
  biplane bench game --clients 1000
  biplane bench transfer --size 50MB --link profile=4g,kill-tcp-every=10s
  biplane bench flow --receivers 2 --senders 2";

/// Messages a second of each client over a link, unless it is said otherwise.
const OVER_A_LINK: f64 = 200.0;
/// And of an echo without one.
const ECHOES: f64 = 1_000.0;
const SMALL: usize = 64;
const LARGE: usize = 1_100;
/// Bytes of a transfer.
const BULK: u64 = 50_000_000;

/// `biplane bench`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// What is done.
    pub(crate) workload: Workload,
    /// How long it is measured; connect takes as long as it takes.
    #[arg(long, value_name = "S", default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// Clients, all in one process; 1 to 10,000, over a link up to 2,048, and 1,024 of transfer
    /// [default: the workload's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    clients: Option<u16>,
    /// Bytes of a message, 20 or more, or of a transfer, as 50MB [default: the workload's].
    #[arg(long, value_name = "B", value_parser = bytes)]
    size: Option<u64>,
    /// Messages a second of each client, 0.001 to 1,000,000 [default: the workload's; over a link 200].
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// A network between them, by name or in figures: 4g, or delay=40ms,loss=5%. See `biplane link`.
    #[arg(long, value_name = "PROFILE")]
    pub(crate) link: Option<Profile>,
    /// Threads of the server that receive, 1 to 64; not with --threading inline [default: 1, on four
    /// cores 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    receivers: Option<u8>,
    /// Threads of the server that send, 1 to 64; with dedicated threads alone [default: 1, on four
    /// cores 2].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    senders: Option<u8>,
    /// On which threads datagrams move, of the server, and of the client where there is one [default:
    /// dedicated].
    #[arg(long, value_name = "M")]
    threading: Option<Threading>,
    /// Quiet after which a side says that it is there, 1 to 25 [default: 3].
    #[arg(long, value_name = "S", value_parser = keep_alive)]
    keep_alive: Option<Duration>,
    /// Prints one JSON document on standard output at the end, and all else on standard error.
    #[arg(long)]
    pub(crate) json: bool,
    /// Draws how the latencies are distributed.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
}

/// On which threads datagrams move.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Threading {
    /// Those that do the work.
    Inline,
    /// One for each receiver, which sends too.
    Shared,
    /// One for each receiver and each sender.
    Dedicated,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Workload {
    /// A message and its answer, at a rate.
    Echo,
    /// Messages that may be lost.
    Unreliable,
    /// Messages that arrive, once and in order.
    Reliable,
    /// The same on the control plane.
    Command,
    /// What a match does.
    Game,
    /// Bytes in bulk beside a match.
    Transfer,
    /// All clients join, up to 512 at a time.
    Connect,
    /// Clients that say nothing.
    Idle,
    /// Unreliable messages of 1,100 bytes, with each thread's share.
    Flow,
}

impl Workload {
    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Unreliable => "unreliable",
            Self::Reliable => "reliable",
            Self::Command => "command",
            Self::Game => "game",
            Self::Transfer => "transfer",
            Self::Connect => "connect",
            Self::Idle => "idle",
            Self::Flow => "flow",
        }
    }

    /// TCP connections of each client: one of its session, and one of what it is handed.
    pub(crate) const fn connections(self) -> usize {
        if matches!(self, Self::Transfer) { 2 } else { 1 }
    }

    const fn clients(self) -> usize {
        match self {
            Self::Echo
            | Self::Unreliable
            | Self::Reliable
            | Self::Command
            | Self::Transfer
            | Self::Flow => 1,
            Self::Game => 100,
            Self::Connect | Self::Idle => 500,
        }
    }
}

impl Bench {
    /// What shall be done.
    pub(crate) fn plan(&self) -> Result<Plan> {
        self.check_threads()?;
        let plan = Plan::new(self.work()?);
        Ok(Plan {
            clients: self.clients()?,
            time: self.seconds,
            receivers: self.receivers.map_or(0, usize::from),
            senders: self.senders.map_or(0, usize::from),
            threads: self.threading.map(|threading| match threading {
                Threading::Dedicated => Threads::Dedicated,
                Threading::Shared => Threads::Shared,
                Threading::Inline => Threads::Inline,
            }),
            keep_alive: self.keep_alive,
            ..plan
        })
    }

    fn clients(&self) -> Result<usize> {
        let clients = self.clients.map_or_else(|| self.workload.clients(), usize::from);
        let most = Relay::CONNECTIONS / self.workload.connections();
        let fits = self.link.is_none() || clients <= most;
        ensure!(fits, "--clients: {clients}, of {most} at the most over a link");
        Ok(clients)
    }

    /// Threads that there are not would be counted for nothing.
    fn check_threads(&self) -> Result<()> {
        let (receivers, senders) = (self.receivers.is_some(), self.senders.is_some());
        match self.threading {
            Some(Threading::Inline) => {
                ensure!(!receivers, "--receivers: --threading inline has no such threads");
                ensure!(!senders, "--senders: --threading inline has no such threads");
            }
            Some(Threading::Shared) => {
                ensure!(!senders, "--senders: with --threading shared each receiver sends too");
            }
            Some(Threading::Dedicated) | None => {}
        }
        Ok(())
    }

    fn work(&self) -> Result<Work> {
        let flow = |class, size| Work::Flow { class, size, rate: self.rate() };
        let size = |default| self.size.map_or(Ok(default), usize::try_from).context("--size");
        let small = size(SMALL)?;
        Ok(match self.workload {
            Workload::Echo => Work::Echo { size: small, rate: self.rate().unwrap_or(ECHOES) },
            Workload::Unreliable => flow(Class::Unreliable, small),
            Workload::Reliable => flow(Class::Reliable, small),
            Workload::Command => flow(Class::Command, small),
            Workload::Flow => flow(Class::Unreliable, size(LARGE)?),
            Workload::Game => self.plain(Work::Game(Game::default()))?,
            Workload::Transfer => {
                ensure!(self.rate.is_none(), "--rate: a transfer has a rate of its own");
                Work::Transfer { bytes: self.size.unwrap_or(BULK), game: Game::BESIDE }
            }
            Workload::Connect => self.plain(Work::Connect)?,
            Workload::Idle => self.plain(Work::Idle)?,
        })
    }

    fn rate(&self) -> Option<f64> {
        self.rate.or_else(|| self.link.as_ref().map(|_| OVER_A_LINK))
    }

    /// A work whose messages are given.
    fn plain(&self, work: Work) -> Result<Work> {
        let name = self.workload.name();
        ensure!(self.size.is_none(), "--size: {name} has messages of its own, or none");
        ensure!(self.rate.is_none(), "--rate: {name} has a rate of its own, or none");
        let has_plot = self.plot.is_some() && self.workload == Workload::Idle;
        ensure!(!has_plot, "--plot: {name} has no latency");
        Ok(work)
    }
}

/// Bytes, such as 64 or 50MB.
fn bytes(text: &str) -> Result<u64> {
    const WANTED: &str = "bytes, such as 64, 100KB, 50MB or 1GB";
    let (number, unit) = text.split_at(text.find(char::is_alphabetic).unwrap_or(text.len()));
    let unit = match unit {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => anyhow::bail!(WANTED),
    };
    let number: u64 = number.parse().ok().context(WANTED)?;
    number.checked_mul(unit).context(WANTED)
}

fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse().context("seconds, such as 5 or 0.5")?;
    Duration::try_from_secs_f64(seconds).context("seconds, such as 5 or 0.5")
}

fn keep_alive(text: &str) -> Result<Duration> {
    let quiet = seconds(text)?;
    let (least, most) = limits::KEEP_ALIVE_RANGE;
    ensure!((least..=most).contains(&quiet), "{text} is not in 1 to 25");
    Ok(quiet)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(flags: &str) -> Result<Plan> {
        let line = format!("biplane bench {flags}");
        match Cli::try_parse_from(line.split_whitespace())?.command {
            Command::Bench(bench) => bench.plan(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_workload_of_the_contract_is_there_under_its_name() {
        for workload in Workload::value_variants() {
            let name = workload.name();
            assert!(workload.to_possible_value().is_some_and(|value| value.get_name() == name));
            let plan = parse(name).unwrap();
            assert_eq!(plan.time, Duration::from_secs(5));
            assert_eq!(plan.clients, workload.clients());
        }
        assert!(parse("echo --pcap a").is_err());
    }

    #[test]
    fn threads_are_chosen_by_name() {
        let threads = |flags: &str| parse(flags).unwrap().threads;
        assert_eq!(threads("echo"), None);
        assert_eq!(threads("echo --threading inline"), Some(Threads::Inline));
        assert_eq!(threads("game --threading shared"), Some(Threads::Shared));
        assert_eq!(threads("game --threading dedicated"), Some(Threads::Dedicated));
        assert!(parse("echo --threading mixed").is_err());
        assert_eq!(threads("game --threading shared --receivers 2"), Some(Threads::Shared));
    }

    #[test]
    fn over_a_link_messages_go_at_a_rate_unless_another_is_said() {
        let rate = |flags: &str| match parse(flags).unwrap().work {
            Work::Flow { rate, .. } => rate,
            Work::Echo { rate, .. } => Some(rate),
            other => panic!("{other:?}"),
        };
        assert_eq!(rate("reliable"), None);
        assert_eq!(rate("reliable --link loss=5%"), Some(200.0));
        assert_eq!(rate("reliable --link loss=5% --rate 7.5"), Some(7.5));
        assert_eq!((rate("echo"), rate("echo --link 4g")), (Some(1_000.0), Some(200.0)));
    }

    #[test]
    fn a_transfer_has_a_size_with_a_unit() {
        let size = |flags: &str| match parse(flags).unwrap().work {
            Work::Transfer { bytes, .. } => bytes,
            other => panic!("{other:?}"),
        };
        assert_eq!(size("transfer"), 50_000_000);
        assert_eq!(size("transfer --size 5MB"), 5_000_000);
        assert_eq!((size("transfer --size 64KiB"), size("transfer --size 0")), (65_536, 0));
        assert!(parse("transfer --clients 1024 --link 4g").is_ok());
        assert!(parse("transfer --clients 1025 --link 4g").is_err());
        for wrong in ["5mb", "MB", "1.5MB", "-1", "99999999999GB", "5 MB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert!(parse("transfer --rate 5").is_err());
    }

    #[test]
    fn what_a_workload_does_not_have_is_refused() {
        for flags in [
            "game --size 5",
            "idle --rate 5",
            "connect --size 9",
            "idle --plot a.svg",
            "echo --threading inline --receivers 1",
            "echo --threading inline --senders 1",
            "echo --threading shared --senders 1",
            "connect --clients 2049 --link 4g",
        ] {
            let error = parse(flags).unwrap_err().to_string();
            assert!(error.starts_with("--"), "{error}");
        }
        for flags in ["echo --seconds -1", "echo --seconds never", "echo --receivers 65", "none"] {
            assert!(parse(flags).is_err(), "{flags}");
        }
    }
}
