//! The command line: names, defaults and ranges. What is not built yet is not here.

use std::{net::SocketAddr, time::Duration};

use biplane_sim::Profile;
use clap::{Args, Parser, Subcommand};

use crate::{bench::flags::Bench, doctor::flags::Doctor, settings::Settings, units};

const EXAMPLES: &str = "\
Examples:
  biplane link --listen 127.0.0.1:7877 --to 127.0.0.1:7777 --profile 4g
                                     a phone's network before a server on this machine
  biplane link --help                every impairment, with its default
  biplane probe --join 'biplane://HOST:PORT#PIN'
                                     why one cannot connect, or how well one does
  biplane bench echo                 how long a message and its answer take on this machine
  biplane bench --help               every workload, and what its figures mean
  biplane doctor                     whether parallel calls on one UDP socket are sound here

Exit status: 0, it ran and what it promises held; 1, it ran and something did not hold; 2, it could
not start. RUST_LOG=info shows more on standard error.";

const PROBE_EXAMPLES: &str = "\
Steps: name, TCP, TLS, pin, protocol, admission, UDP up, UDP down, path MTU, RTT, jitter, loss.
It speaks whatever protocol the server speaks, says nothing in it, and leaves. Who is refused by the
server's admission learns no more.

Examples:
  biplane probe --join 'biplane://play.example.org:7777#PIN'
  biplane probe --join 'biplane://play.example.org:7777#PIN' --for 20s --json

Exit status: 0, every step held; 1, one did not; 2, it could not start (the link is none).";

const LINK_EXAMPLES: &str = "\
Profiles (each way; jitter to either side of the delay, but not below 0):
  lan         0.2 ± 0.05 ms                        1 gbit/s             queue 50 ms
  fibre       5 ± 1 ms     0.01% lost              300 down, 100 up     queue 250 ms
  wifi        3 ± 4 ms     0.5% in bursts of 3     60 mbit/s            queue 100 ms
  wifi-busy   8 ± 20 ms    2% in bursts of 5       15 mbit/s            queue 300 ms
  4g          25 ± 8 ms    0.3% lost               20 down, 8 up        queue 500 ms
  4g-driving  30 ms        a rate that wanders, with holes              queue 1 MB
  3g          60 ± 25 ms   1% lost                 3 down, 1 up         queue 1500 ms
  satellite   300 ± 10 ms  0.5% lost               50 down, 5 up        queue 600 ms
  awful       100 ± 80 ms  10% in bursts of 5      1 down, 0.5 up       queue 1000 ms

TCP ends at the relay on both sides, so loss is modelled: a lost segment holds up what follows by a
round trip, or by a retransmission time-out where too little is under way; datagrams are lost,
doubled and altered as they are. TCP and UDP share the rate and its queue. With --tun nothing is
modelled but the link: the kernel's own TCP sends packets that are lost, doubled and altered.

Examples:
  biplane link --listen 127.0.0.1:7877 --to 127.0.0.1:7777 --delay 40ms --jitter 15ms --loss 5%
  biplane link --listen 127.0.0.1:7877 --to 127.0.0.1:7777 --profile wifi-busy --up-rate 2mbit
  biplane link --listen 127.0.0.1:7877 --to 127.0.0.1:7777 --block-udp=down --after 10s --for 5s
  biplane link --listen 127.0.0.1:7877 --to 127.0.0.1:7777 --rebind-udp-every 5s --json
  biplane link --listen 127.0.0.1:7877 --to 127.0.0.1:7777 --delay 20ms --loss 1% --tun

Durations are written 250ms, 10s, 5m; rates 5mbit, 800kbit; sizes 64KiB; shares 5%.";

/// Tools around Biplane's sessions and networks.
#[derive(Debug, Parser)]
#[command(name = "biplane", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measures the library on this machine: its messages a second, their latency, processor time
    /// and memory.
    ///
    /// A server and its clients run in a process each, on loopback; a third leads them, and holds
    /// the link that --link puts between.
    Bench(Box<Bench>),
    /// Examines this system: is parallel send and receive on one UDP socket sound, what does it cost?
    ///
    /// Ends with a verdict in words and a recommended configuration. Nothing is sent to an interface
    /// that was not named, loopback apart.
    Doctor(Doctor),
    /// Relays one TCP and one UDP port through an impaired link, for any program.
    ///
    /// Runs until Ctrl-C or SIGTERM, then says what became of everything. The target must accept a
    /// TCP connection when it starts, unless --udp-only.
    Link(Link),
    /// Finds out why a server cannot be joined, or how well: one step a line.
    ///
    /// Joins as any client does, asks the path which datagrams get through, and leaves. The first
    /// step that fails is told with what to do about it.
    Probe(Probe),
    /// Measures a link between sockets of this process, for checks: what was sent and what came.
    #[command(hide = true)]
    MeasureLink(Box<MeasureLink>),
}

/// Between ports, or between network namespaces.
#[derive(Args, Clone, Debug)]
pub(crate) struct Form {
    /// Carries IP packets between two network namespaces of its own, so that real TCP meets real
    /// loss (Linux, as root or where users may make namespaces).
    #[arg(long)]
    pub(crate) tun: bool,
    /// TCP's congestion control there, as reno or cubic [default: the system's].
    #[arg(long, value_name = "NAME", requires = "tun")]
    pub(crate) tun_congestion: Option<String>,
}

/// `biplane probe`.
#[derive(Args, Clone, Debug)]
#[command(after_help = PROBE_EXAMPLES)]
pub(crate) struct Probe {
    /// Which server: biplane://HOST:PORT#PIN
    #[arg(long, value_name = "LINK")]
    pub(crate) join: String,
    /// How long the path is asked, once the server has let us in: 1s to 60s.
    #[arg(long = "for", value_name = "D", default_value = "5s", value_parser = units::duration)]
    pub(crate) lasting: Duration,
    /// Prints one JSON document on standard output at the end, and all else on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `biplane measure-link`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MeasureLink {
    /// The network, as for `biplane link --profile`.
    #[arg(long, value_name = "NAME", default_value = "delay=0s")]
    pub(crate) profile: Profile,
    /// Where chance comes from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) form: Form,
    /// Sends one TCP connection's bytes instead of datagrams.
    #[arg(long)]
    pub(crate) tcp: bool,
    /// Datagrams a second.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub(crate) per_second: u32,
    /// Bytes of each.
    #[arg(long, value_name = "B", default_value_t = 200, value_parser = clap::value_parser!(u16).range(24..=9000))]
    pub(crate) size: u16,
    /// How long it is sent.
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub(crate) seconds: u32,
}

/// `biplane link`.
#[derive(Args, Clone, Debug)]
#[command(after_help = LINK_EXAMPLES)]
pub(crate) struct Link {
    /// Address and port of both TCP and UDP; port 0 takes one that is free for both.
    #[arg(long, value_name = "A:P")]
    pub(crate) listen: SocketAddr,
    /// Where all of it goes: the first address of a name that accepts a connection.
    #[arg(long, value_name = "B:P")]
    pub(crate) to: String,
    /// A network by name, or settings without dashes: 4g, or 4g,loss=2%. Flags override it.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Makes chance repeatable: the same datagrams in the same order meet the same faults.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Relays UDP alone, to a target that has no TCP port.
    #[arg(long)]
    pub(crate) udp_only: bool,
    #[command(flatten)]
    pub(crate) form: Form,
    /// Prints one JSON document on standard output at the end, and all else on standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const PORTS: &str = "biplane link --listen 127.0.0.1:0 --to 127.0.0.1:1";

    fn parse(flags: &str) -> Result<Link, clap::Error> {
        let line = format!("{PORTS} {flags}");
        match Cli::try_parse_from(line.split_whitespace())?.command {
            Command::Link(link) => Ok(link),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_contracts_flags_are_understood() {
        for flags in [
            "",
            "--profile 4g",
            "--delay 40ms --jitter 15ms --loss 5% --burst 3 --duplicate 1% --reorder 1% \
             --corrupt 1% --rate 5mbit --queue 64KiB --mtu 1280",
            "--up-delay 40ms --down-loss 5%",
            "--seed 7 --block-udp --block-tcp=up --after 5s --for 5s",
            "--block-udp=down --kill-tcp-every 5s --rebind-udp-every 5s --rebind-address --json",
        ] {
            let link = parse(flags).unwrap_or_else(|error| panic!("{flags}: {error}"));
            assert!(link.settings.profile(link.profile.as_deref()).is_ok(), "{flags}");
        }
        assert!(parse("--trace-up a --trace-down b").is_ok());
    }

    #[test]
    fn flags_override_the_profile_and_one_direction_overrides_both() {
        let link = parse("--up-loss 1% --profile 4g --loss 5%").unwrap();
        let profile = link.settings.profile(link.profile.as_deref()).unwrap();
        assert_eq!(profile.to_string(), "4g,up-loss=1%,down-loss=5%");
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for flags in ["--up-block-udp", "--delay", "--up-for 5s", "--block-udp up", "--lag 5ms"] {
            assert_eq!(parse(flags).unwrap_err().exit_code(), 2, "{flags}");
        }
        for flags in ["--delay 40", "--profile 5g", "--trace-up /nowhere", "--block-udp=left"] {
            let link = parse(flags).unwrap();
            let error = link.settings.profile(link.profile.as_deref()).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
