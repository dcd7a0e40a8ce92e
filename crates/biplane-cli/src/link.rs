//! `biplane link`: relays until a signal, then tells what became of everything.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use biplane_link::{Relay, RelayConfig};
use biplane_sim::Profile;

use crate::{
    cli::Link,
    form,
    live::Live,
    output,
    report::{self, Document},
    system::{self, Stop},
};

/// How often a signal is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// What a few dozen connections and flows take; those that come when there are no more are refused.
const OPEN_FILES: usize = 256;
/// Over how long the live figures are taken.
const SPAN: Duration = Duration::from_secs(2);

/// Runs the command; what did not hold.
pub(crate) fn run(link: &Link) -> Result<Vec<String>> {
    let profile = link.settings.profile(link.profile.as_deref())?;
    let to = resolve(&link.to)?;
    system::need_open_files(OPEN_FILES)?;
    let stop = Stop::on_signals()?;
    let config = RelayConfig::new(link.listen, to).profile(profile.clone()).seed(link.seed);
    let config = if link.udp_only { config.udp_only() } else { config };
    let relay = form::start(&config, &link.form)?;
    output::beside(link.json, &greeting(link, &relay, to, &profile))?;
    watch(&relay, &stop);
    let is_whole = relay.is_running();
    let stats = relay.stop();
    if link.json {
        output::json(&Document::from(&stats))?;
    } else {
        output::say(report::summary(&stats))?;
    }
    let broken = (!is_whole).then(|| "the relay ended by itself".to_owned());
    Ok(broken.into_iter().collect())
}

fn resolve(target: &str) -> Result<SocketAddr> {
    let found = target.to_socket_addrs().with_context(|| format!("--to {target}"));
    let mut found = found.map_err(|error| anyhow!("{error:#}"))?;
    found.next().ok_or_else(|| anyhow!("--to {target}: no address"))
}

fn greeting(link: &Link, relay: &Relay, to: SocketAddr, profile: &Profile) -> String {
    let (planes, model) = match (link.udp_only, link.form.tun) {
        (true, _) => ("UDP", ""),
        (false, false) => ("TCP and UDP", "; TCP under loss is modelled, as delay"),
        (false, true) => ("TCP and UDP", ", as IP packets; TCP is the kernel's own"),
    };
    format!("relays {planes} from {} to {to} through {profile}{model}", relay.address())
}

/// Shows figures until a signal comes, or the relay ends.
fn watch(relay: &Relay, stop: &Stop) {
    let mut live = Live::on_terminal();
    let mut before = (Instant::now(), relay.stats());
    while !stop.is_raised() && relay.is_running() {
        thread::sleep(LOOK);
        let now = Instant::now();
        live.show(now, || {
            let stats = relay.stats();
            let ago = now.saturating_duration_since(before.0);
            let line = report::line(&stats, &before.1, ago);
            if ago >= SPAN {
                before = (now, stats);
            }
            line
        });
    }
    live.end();
}
