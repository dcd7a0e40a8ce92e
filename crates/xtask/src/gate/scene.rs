//! What these gates set up: [`crate::scene`], started within a gate's time.

use anyhow::Result;

use super::Run;
use crate::child::Running;
use crate::scene::{self, JOIN, RELAYS};
pub(super) use crate::scene::{CLI, LOBBY, Link, bots};

/// Starts a lobby that serves until it is told to end.
pub(super) fn serve(run: &Run, flags: &str) -> Result<(Running, Link)> {
    let mut server = run.start(&scene::serve(flags))?;
    let link = Link::parse(&run.stderr_line(&mut server, JOIN)?)?;
    Ok((server, link))
}

/// Starts a relay to `to`; returns where it listens.
pub(super) fn relay(run: &Run, to: &str, flags: &str) -> Result<(Running, String)> {
    let mut relay = run.start(&scene::relay(to, flags))?;
    let here = scene::listens_at(&run.stderr_line(&mut relay, RELAYS)?)?;
    Ok((relay, here))
}
