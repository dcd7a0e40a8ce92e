//! The commands: each sets up, runs, reports, and says what did not hold.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Result, anyhow, bail};
use biplane::Link;
use biplane_link::{Relay, RelayConfig};

use crate::{
    bots::{self, Crowd},
    cli::{Bots, Demo, Rehearse, Serve},
    live::{Live, progress},
    log, rehearsal,
    report::{self, DemoReport},
    server::{self, LobbyServer},
    system,
    units::Rate,
};

/// What was promised and did not hold, in words; empty if all did.
pub(crate) type Broken = Vec<String>;

/// How many bots of a demo start to join in a second.
const DEMO_JOIN_RATE: Rate = Rate(200.0);

/// `lobby demo`.
///
/// # Errors
///
/// If it could not start.
pub(crate) fn demo(demo: &Demo) -> Result<Broken> {
    let files = demo_files(demo)?;
    let stop = system::stop_flag()?;
    system::raise_open_files(files)?;
    let lobby = LobbyServer::open(&demo_server(demo))?;
    let (link, relay) = through(demo, lobby.link())?;
    tell_link(&link, demo.json)?;
    let crowd = Crowd::new(bots::Settings {
        link,
        count: demo.bots,
        length: demo.length,
        join_rate: DEMO_JOIN_RATE,
        seed: demo.seed,
    })?;
    let mut live = if demo.json { Live::on_terminal() } else { Live::with_lines() };

    let bots_are_done = AtomicBool::new(false);
    let (bots, server) = thread::scope(|scope| {
        let serving = scope.spawn(|| lobby.run(|_| bots_are_done.load(Ordering::Relaxed)));
        let bots = crowd.run(&stop, |status| show_bots(&mut live, status, demo.length));
        bots_are_done.store(true, Ordering::Relaxed);
        (bots, serving.join())
    });
    live.end();
    drop(relay);
    let server = server.map_err(|_| anyhow!("the server panicked"))?;
    let report = DemoReport { bots: bots?, server };
    let mut broken = report.bots.broken_promises();
    broken.extend(report.server.broken_promises());
    if demo.json {
        report::print_json(&report)?;
    } else {
        report::print(&format_args!("{}\n\n{}", report.bots, report.server))?;
    }
    Ok(broken)
}

/// `lobby serve`.
///
/// # Errors
///
/// If it could not start.
pub(crate) fn serve(serve: &Serve) -> Result<Broken> {
    let stop = system::stop_flag()?;
    system::raise_open_files(serve.max_sessions as usize)?;
    let lobby = LobbyServer::open(&server::Settings {
        listen: serve.listen.to_string(),
        host: serve.host.clone(),
        identity: serve.identity.clone(),
        tick_hz: serve.tick,
        max_sessions: serve.max_sessions as usize,
        receivers: serve.receivers.map(usize::from),
        senders: serve.senders.map(usize::from),
        threading: serve.threading.map(Into::into),
    })?;
    tell_link(lobby.link(), serve.json)?;
    let mut live = Live::on_terminal();
    let report = lobby.run(|status| {
        live.show(status.now, || {
            let server::Status { players, rooms, .. } = status;
            let progress = progress(status.elapsed(), serve.length);
            format!("{progress}  {players} players in {rooms} rooms")
        });
        let is_past = serve.length.is_some_and(|length| status.elapsed() >= length);
        is_past || stop.load(Ordering::Relaxed)
    });
    live.end();
    if serve.json {
        report::print_json(&report)?;
    } else {
        report::print(&report)?;
    }
    Ok(report.broken_promises())
}

/// `lobby bots`.
///
/// # Errors
///
/// If it could not start, or nobody could join.
pub(crate) fn bots(bots: &Bots) -> Result<Broken> {
    let link: Link =
        bots.join.parse().map_err(|error| anyhow!("{:?} is no link: {error}", bots.join))?;
    let stop = system::stop_flag()?;
    system::raise_open_files(bots.count as usize)?;
    let crowd = Crowd::new(bots::Settings {
        link,
        count: bots.count,
        length: Some(bots.length),
        join_rate: bots.join_rate,
        seed: bots.seed,
    })?;
    let mut live = Live::on_terminal();
    let (mut are_all_told, mut told_back) = (false, 0);
    let report = crowd.run(&stop, |status| {
        if status.joined > 0 {
            log::flow();
        }
        show_bots(&mut live, status, Some(bots.length));
        if status.joined == status.count && !are_all_told {
            are_all_told = true;
            let seconds = status.elapsed.as_secs_f32();
            live.note(&format!(
                "joined: {} bots, the last {seconds:.1} s after the first",
                status.count
            ));
        }
        if status.lost == status.rejoined && status.rejoined > told_back {
            told_back = status.rejoined;
            live.note(&format!("back: {told_back} times a bot that had lost its session"));
        }
    });
    live.end();
    let report = report?;
    if bots.json {
        report::print_json(&report)?;
    } else {
        report::print(&report)?;
    }
    Ok(report.broken_promises())
}

/// `lobby rehearse`.
///
/// # Errors
///
/// If nobody could join.
pub(crate) fn rehearse(rehearse: &Rehearse) -> Result<Broken> {
    let Rehearse { bots, length, link, seed, json } = rehearse.clone();
    let stop = system::stop_flag()?;
    let mut live = Live::on_terminal();
    let settings = rehearsal::Settings { bots, length, link, seed };
    let report = rehearsal::play(settings, &stop, |elapsed| {
        live.show(Instant::now(), || progress(elapsed, Some(length)));
    })?;
    live.end();
    if json {
        report::print_json(&report)?;
    } else {
        report::print(&report)?;
    }
    Ok(report.broken_promises())
}

/// Files that a demo's sessions have open: both ends of every connection are in this process, and
/// with a relay between them there are two connections a bot.
fn demo_files(demo: &Demo) -> Result<usize> {
    let Some(_) = demo.link else { return Ok(2 * demo.bots as usize) };
    let most = Relay::CONNECTIONS;
    if demo.bots as usize > most {
        bail!("{} bots with --link, and it carries {most} at the most", demo.bots);
    }
    Ok(4 * demo.bots as usize)
}

/// The link that bots and people join by, and the bad network on the way, if one is asked for.
fn through(demo: &Demo, link: &Link) -> Result<(Link, Option<Relay>)> {
    let Some(profile) = &demo.link else { return Ok((link.clone(), None)) };
    let server = (link.host.parse::<IpAddr>()?, link.port).into();
    let config = RelayConfig::new((Ipv4Addr::LOCALHOST, 0).into(), server);
    let relay = Relay::start(&config.profile(profile.clone()).seed(demo.seed.unwrap_or(0)))?;
    Ok((Link { port: relay.address().port(), ..link.clone() }, Some(relay)))
}

fn demo_server(demo: &Demo) -> server::Settings {
    server::Settings {
        listen: "127.0.0.1:0".to_owned(),
        host: None,
        identity: None,
        tick_hz: 60,
        // A person may want to join too.
        max_sessions: demo.bots as usize + 100,
        receivers: None,
        senders: None,
        threading: None,
    }
}

/// Tells the link, before anything else.
fn tell_link(link: &Link, is_json: bool) -> Result<()> {
    if is_json {
        eprintln!("join: {link}");
    } else {
        report::print(&format_args!("join: {link}"))?;
    }
    log::flow();
    Ok(())
}

fn show_bots(live: &mut Live, status: &bots::Status, length: Option<std::time::Duration>) {
    live.show(status.now, || {
        let bots::Status { joined, count, elapsed, snapshots, mut planes, .. } = *status;
        // Who has not come yet has lost nothing.
        planes.lost = planes.lost.saturating_sub(count - joined);
        let progress = progress(elapsed, length);
        format!("{progress}  {joined} of {count} bots joined, {snapshots} snapshots; {planes}")
    });
}

#[cfg(test)]
mod tests {
    use biplane::sim::Profile;

    use super::*;

    #[test]
    fn a_relay_takes_twice_the_files_and_only_so_many_bots() {
        let over = |bots, link| demo_files(&Demo { bots, link, ..Demo::default() });
        assert_eq!(over(3000, None).unwrap(), 6000);
        assert_eq!(over(2048, Some(Profile::wifi())).unwrap(), 8192);
        let refused = over(2049, Some(Profile::wifi())).unwrap_err().to_string();
        assert!(refused.contains("2049") && refused.contains("2048"), "{refused}");
    }
}
