//! What these gates set up: [`crate::scene`], started within a gate's time.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::Run;
use crate::child::{Finished, Running};
use crate::scene::{self, JOIN, RELAYS};
pub(super) use crate::scene::{CLI, LOBBY, Link, bots, serve as line};

/// Starts a lobby that serves until it is told to end, or the gate's time is over.
pub(super) fn serve(run: &Run, flags: &str) -> Result<(Running, Link)> {
    serve_by(run, &line(&bounded(flags, run.left())))
}

/// The same flags, with a `--for` of so long if there is none among them.
fn bounded(flags: &str, longest: Duration) -> String {
    let is_bounded = flags.split_whitespace().any(|flag| flag == "--for");
    if is_bounded { flags.to_owned() } else { format!("{flags} --for {}s", longest.as_secs() + 1) }
}

/// The same by a line that is not the lobby's alone.
pub(super) fn serve_by(run: &Run, line: &str) -> Result<(Running, Link)> {
    let mut server = run.start(line)?;
    let link = Link::parse(&run.stderr_line(&mut server, JOIN)?)?;
    Ok((server, link))
}

/// Starts a relay to `to`; returns where it listens.
pub(super) fn relay(run: &Run, to: &str, flags: &str) -> Result<(Running, String)> {
    let mut relay = run.start(&scene::relay(to, flags))?;
    let here = scene::listens_at(&run.stderr_line(&mut relay, RELAYS)?)?;
    Ok((relay, here))
}

/// Bots that play through a relay of their own.
pub(super) struct Played {
    relay: Running,
    bots: Running,
}

/// Starts so many bots for so many seconds, and before them a relay to the server with these flags.
pub(super) fn play(
    run: &Run,
    link: &Link,
    flags: &str,
    (count, seconds): (u64, u64),
) -> Result<Played> {
    let (relay, here) = relay(run, &link.address, flags)?;
    let bots = run.start(&bots(&link.at(&here), count, seconds))?;
    Ok(Played { relay, bots })
}

impl Played {
    /// Waits for the bots and ends the relay; what it said, called `name`, and how they ended.
    pub(super) fn end(self, run: &mut Run, name: &str) -> Result<(Value, Finished)> {
        let bots = run.wait(self.bots)?;
        let relay = run.terminate(self.relay)?;
        Ok((run.document(&format!("{name}: relay"), &relay)?, bots))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lobby_serves_no_longer_than_its_gate_may_take() {
        let minute = Duration::from_secs(60);
        assert_eq!(bounded("--listen 127.0.0.1:0", minute), "--listen 127.0.0.1:0 --for 61s");
        assert_eq!(bounded("--for 8s --tick 60", minute), "--for 8s --tick 60");
    }
}
