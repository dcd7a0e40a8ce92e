//! What these gates set up: a lobby, relays before it, and bots.

use anyhow::{Context, Result};

use super::super::Run;
use crate::child::Running;

pub(super) const LOBBY: &str = "cargo build --release --locked -p lobby";
pub(super) const CLI: &str = "cargo build --release --locked -p biplane-cli";

/// A server's link in its parts.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) address: String,
    pin: String,
}

impl Link {
    /// Reads what a server says on its first line.
    fn parse(line: &str) -> Result<Self> {
        let text = line.trim_start_matches("biplane://");
        let (address, pin) = text.split_once('#').context("a join link")?;
        Ok(Self { address: address.to_owned(), pin: pin.to_owned() })
    }

    /// The same server, reached at another address.
    pub(super) fn at(&self, address: &str) -> Self {
        Self { address: address.to_owned(), pin: self.pin.clone() }
    }
}

/// Starts a lobby that serves until it is told to end.
pub(super) fn serve(run: &Run, flags: &str) -> Result<(Running, Link)> {
    let mut server = run.start(&format!("target/release/lobby serve {flags} --json"))?;
    let line = run.stderr_line(&mut server, "join: ")?;
    Ok((server, Link::parse(&line)?))
}

/// Starts a relay to `to`; returns where it listens.
pub(super) fn relay(run: &Run, to: &str, flags: &str) -> Result<(Running, String)> {
    let mut relay = run.start(&format!(
        "target/release/biplane link --listen 127.0.0.1:0 --to {to} {flags} --json"
    ))?;
    let line = run.stderr_line(&mut relay, "relays TCP and UDP from ")?;
    let address = line.split_whitespace().next().context("an address")?.to_owned();
    Ok((relay, address))
}

/// The line that starts so many bots for so many seconds.
pub(super) fn bots(link: &Link, count: u64, seconds: u64) -> String {
    let Link { address, pin } = link;
    format!(
        "target/release/lobby bots --join biplane://{address}#{pin} --count {count} \
         --for {seconds}s --json"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_taken_apart_and_led_elsewhere() {
        let link = Link::parse("biplane://127.0.0.1:7777#pin").unwrap();
        assert_eq!(link.address, "127.0.0.1:7777");
        let line = bots(&link.at("127.0.0.1:9"), 5, 20);
        assert!(line.contains("--join biplane://127.0.0.1:9#pin --count 5 --for 20s"), "{line}");
        assert!(Link::parse("biplane://127.0.0.1:7777").is_err());
    }
}
