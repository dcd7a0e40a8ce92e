//! The command line of `biplane doctor`.

use std::path::PathBuf;

use biplane_net::doctor::Trick;
use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Threads of this process send datagrams to one another on loopback, 64 bytes each, every one with its
sender, its number and a checksum over all of it. No more than half of the receive buffer is under
way at a time, so what is lost did not run over.

  datagrams/s     that came, of one system call each on the sending side
  CPU ns          of all threads, for each: sending, receiving, making it and checking it
  torn            came with bytes that nobody sent together: unsound
  twice           came again: unsound
  lost            did not come: UDP may do that
  out of order    were read after a later one of their sender's had been read by any thread; by one
                  thread alone it is named below the table
  worst           by how many datagrams
  fairness        1 when all receivers took the same, 1/receivers when one took all

The recommended configuration is what `ServerConfig::recommended_from` reads: the fewest threads that
come within a tenth of the fastest, no more of them than cores. Threading is `dedicated` on every
machine; `inline` is better for an application that has a loop of its own, which no machine tells.

Examples:
  biplane doctor                                  the whole examination, 40 s
  biplane doctor --quick                          the same in 7 s, with coarser figures
  biplane doctor --interface eth0                 sends multicast and broadcast to that network too
  biplane doctor --save biplane.toml --json       for a script, and for a server's settings

Exit status: 0, sound; 1, unsound, or not shown to be sound: no datagram came in some run, or it was
ended early; 2, it could not be examined.";

/// `biplane doctor`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// Takes 10 s at most instead of 60.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Tries multicast and broadcast on this interface too; may be repeated [default: loopback alone].
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Vec<String>,
    /// Writes the recommended configuration to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Prints one JSON document on standard output, and all else on standard error.
    #[arg(long)]
    pub(crate) json: bool,
    /// Does this to one datagram in 10,000, to show that it is found.
    #[arg(long, value_name = "FAULT", hide = true)]
    pub(crate) fault: Option<Fault>,
}

/// What the sockets may be made to do wrong.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Fault {
    Repeat,
    Tear,
    Lose,
    Reorder,
}

impl From<Fault> for Trick {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Repeat => Self::Repeat,
            Fault::Tear => Self::Tear,
            Fault::Lose => Self::Lose,
            Fault::Reorder => Self::Reorder,
        }
    }
}
