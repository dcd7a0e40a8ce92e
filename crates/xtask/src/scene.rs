//! What is measured with real programs: a lobby, relays before it, and bots.
//!
//! How they are started, and what they say first.

use anyhow::{Context, Result};

pub(crate) const LOBBY: &str = "cargo build --release --locked -p lobby";
pub(crate) const CLI: &str = "cargo build --release --locked -p biplane-cli";

/// Before the link on the first line of a server.
pub(crate) const JOIN: &str = "join: ";
/// Before the address on the first line of a relay.
pub(crate) const RELAYS: &str = "relays TCP and UDP from ";

/// A server's link in its parts.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) address: String,
    pub(crate) pin: String,
}

impl Link {
    /// Reads what follows [`JOIN`].
    pub(crate) fn parse(line: &str) -> Result<Self> {
        let text = line.trim_start_matches("biplane://");
        let (address, pin) = text.split_once('#').context("a join link")?;
        Ok(Self { address: address.to_owned(), pin: pin.to_owned() })
    }

    /// The same server, reached at another address.
    pub(crate) fn at(&self, address: &str) -> Self {
        Self { address: address.to_owned(), pin: self.pin.clone() }
    }
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, pin } = self;
        write!(f, "biplane://{address}#{pin}")
    }
}

/// The line that starts a lobby.
pub(crate) fn serve(flags: &str) -> String {
    format!("target/release/lobby serve {flags} --json")
}

/// The line that starts a relay to `to`.
pub(crate) fn relay(to: &str, flags: &str) -> String {
    format!("target/release/biplane link --listen 127.0.0.1:0 --to {to} {flags} --json")
}

/// Where a relay listens: reads what follows [`RELAYS`].
pub(crate) fn listens_at(line: &str) -> Result<String> {
    Ok(line.split_whitespace().next().context("an address")?.to_owned())
}

/// The line that starts so many bots for so many seconds.
pub(crate) fn bots(link: &Link, count: u64, seconds: u64) -> String {
    format!("target/release/lobby bots --join {link} --count {count} --for {seconds}s --json")
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
