//! `biplane link`: relays until a signal, then tells what became of everything.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
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
    let targets = resolve(link)?;
    system::need_open_files(OPEN_FILES)?;
    let stop = Stop::on_signals()?;
    let (relay, to) = start(link, &profile, &targets)?;
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

/// The addresses of the target, those of the listener's kind first.
fn resolve(link: &Link) -> Result<Vec<SocketAddr>> {
    let target = &link.to;
    let found = target.to_socket_addrs().with_context(|| format!("--to {target}"));
    let mut found: Vec<_> = found.map_err(|error| anyhow!("{error:#}"))?.collect();
    found.sort_by_key(|address| address.is_ipv4() != link.listen.is_ipv4());
    ensure!(!found.is_empty(), "--to {target}: no address");
    Ok(found)
}

/// Starts a relay to the first of `targets` that can be reached.
fn start(link: &Link, profile: &Profile, targets: &[SocketAddr]) -> Result<(Relay, SocketAddr)> {
    let mut unreachable = Vec::new();
    for to in targets {
        let config = RelayConfig::new(link.listen, *to).profile(profile.clone()).seed(link.seed);
        let config = if link.udp_only { config.udp_only() } else { config };
        match form::start(&config, &link.form) {
            Ok(relay) => return Ok((relay, *to)),
            Err(error) if form::is_about_target(&error) => unreachable.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    bail!(unreachable.join("; "))
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn where_one_address_of_a_name_refuses_the_next_is_tried() {
        let line = "biplane link --listen 127.0.0.1:0 --to localhost:1";
        let Command::Link(link) = Cli::parse_from(line.split(' ')).command else { panic!() };
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = server.local_addr().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = free.local_addr().unwrap();
        drop(free);
        let profile = Profile::perfect();
        let (_relay, to) = start(&link, &profile, &[nobody, there]).unwrap();
        assert_eq!(to, there);
        let error = start(&link, &profile, &[nobody, nobody]).unwrap_err().to_string();
        assert_eq!(error.matches(&format!("cannot reach {nobody}")).count(), 2, "{error}");
        assert!(resolve(&link).unwrap()[0].is_ipv4(), "as the listener");
    }
}
