//! Where a test may be root of a network.

use std::{env, process::Command};

use crate::{
    raw::RawSocket,
    rig::alone::{ALONE, alone_under, this},
};

/// What the system gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Network {
    /// One of the test's own, where only loopback is.
    Own,
    /// The host's, on which any source may be forged.
    Hosts,
    /// None.
    Nowhere,
}

impl Network {
    /// The best there is. A process that is in one already asks for no other.
    pub(crate) fn here() -> Self {
        let mut trial = Command::new("unshare");
        trial.args(["-Urn", "ip", "link", "set", "lo", "up"]);
        let is_there = env::var_os(ALONE).is_some();
        if is_there || trial.output().is_ok_and(|output| output.status.success()) {
            Self::Own
        } else if RawSocket::open().is_some() {
            Self::Hosts
        } else {
            Self::Nowhere
        }
    }

    /// Why a test that would spoil the host's network cannot be run.
    pub(crate) fn spares(self) -> Option<&'static str> {
        (self != Self::Own).then_some("networks of a test's own take `unshare -Urn` with `ip`")
    }

    /// Why no source can be forged.
    pub(crate) fn forbids(self) -> Option<&'static str> {
        let why = "forging sources takes `unshare -Urn` with `ip`, or CAP_NET_RAW";
        (self == Self::Nowhere).then_some(why)
    }

    /// Runs `test` in it, in a process that runs nothing beside it.
    pub(crate) fn run(self, name: &str, test: fn()) {
        alone_under(self.command(), name, test);
    }

    fn command(self) -> Command {
        if self != Self::Own {
            return Command::new(this());
        }
        let mut command = Command::new("unshare");
        command.args(["-Urn", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]).arg(this());
        command
    }
}
