//! Server and bots in virtual time: the code of a real match, over a network that is made up.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use biplane::{
    ServerConfig,
    sim::{Profile, World},
};
use serde::Serialize;

use crate::{
    bots::{self, Crowd},
    pace::{Pace, Ticks},
    protocol::protocol,
    report::{BotsReport, ServerReport},
    server::LobbyServer,
    units::Rate,
};

/// Ticks a second, of both sides.
const TICK_HZ: u16 = 60;
/// How many bots start to join in a second.
const JOIN_RATE: Rate = Rate(200.0);
/// What the run may take beyond its length: everybody joins, and says goodbye.
const SLACK: Duration = Duration::from_secs(15);

/// How it is set up; see the command line for the defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) bots: u32,
    pub(crate) length: Duration,
    pub(crate) link: Profile,
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) bots: BotsReport,
    pub(crate) server: ServerReport,
    /// What decided everything.
    pub(crate) seed: u64,
    /// A hash of every packet, message and event with its time, in hexadecimal.
    pub(crate) transcript: String,
    /// Virtual time.
    pub(crate) virtual_seconds: f64,
    /// Real time.
    pub(crate) took_seconds: f64,
    /// What was promised and not seen kept, by the world that saw everything.
    pub(crate) breaches: Vec<String>,
}

impl Report {
    /// What was promised and did not hold, in words; empty if all did.
    pub(crate) fn broken_promises(&self) -> Vec<String> {
        let mut broken = self.bots.broken_promises();
        broken.extend(self.server.broken_promises());
        broken.extend_from_slice(&self.breaches);
        broken
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bots, server, seed, transcript, virtual_seconds, took_seconds, .. } = self;
        writeln!(f, "{bots}\n\n{server}\n")?;
        write!(f, "{virtual_seconds:.1} virtual seconds in {took_seconds:.1} s; ")?;
        write!(f, "seed {seed}, transcript {transcript}")
    }
}

/// Plays a match, until its end or until `stop` is raised; `show` hears how far it is, in virtual
/// time.
///
/// # Errors
///
/// If nobody could join.
pub(crate) fn play(
    settings: Settings,
    stop: &AtomicBool,
    mut show: impl FnMut(Duration),
) -> Result<Report> {
    let Settings { bots, length, link, seed } = settings;
    let began = Instant::now();
    let mut world = World::new(seed).link(link);
    // A bot that comes back may meet the session that it lost.
    let max_sessions = 2 * bots as usize;
    let config = ServerConfig::default().max_sessions(max_sessions);
    let server = world.server_with(&protocol(), config)?;
    let crowd = bots::Settings {
        link: server.link().clone(),
        count: bots,
        length: Some(length),
        join_rate: JOIN_RATE,
        seed: Some(seed),
    };
    let mut crowd = Crowd::of(world.endpoint(), crowd, fastrand::Rng::with_seed(seed), world.now());
    let mut lobby = LobbyServer::of(server, TICK_HZ, max_sessions, world.now());
    let period = Pace::new(TICK_HZ, world.now()).period();
    let mut ticks = Ticks::new(period, world.now());
    let mut outcome = Ok(());
    world.run_while(length + SLACK, period, |tick| {
        let began = Instant::now();
        lobby.tick(tick.now);
        ticks.record(began.elapsed());
        outcome = crowd.tick(tick.now, stop.load(Ordering::Relaxed));
        show(tick.elapsed);
        outcome.is_ok() && !crowd.is_over(tick.now)
    });
    outcome?;
    let over = world.now();
    let bots = crowd.report(over);
    let mut closed = lobby.close();
    world.run_while(SLACK, period, |_| closed.try_take().is_none());
    let breaches = world.check().err().map(|broken| broken.breaches).unwrap_or_default();
    Ok(Report {
        bots,
        server: lobby.report(&ticks, over),
        seed,
        transcript: format!("{:016x}", world.transcript()),
        virtual_seconds: world.elapsed().as_secs_f64(),
        took_seconds: began.elapsed().as_secs_f64(),
        breaches: breaches.iter().map(ToString::to_string).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(seconds: u64, seed: u64) -> Settings {
        let (length, link) = (Duration::from_secs(seconds), Profile::wifi_busy());
        Settings { bots: 8, length, link, seed }
    }

    #[test]
    fn the_same_seed_plays_the_same_match() {
        let play = |seed| play(settings(5, seed), &AtomicBool::new(false), |_| ()).unwrap();
        let (one, two) = (play(3), play(3));
        assert_eq!(one.transcript, two.transcript);
        let other = play(4);
        assert_ne!(one.transcript, other.transcript);
        assert_eq!(one.broken_promises(), Vec::<String>::new());
    }

    #[test]
    fn who_stops_it_has_its_report_all_the_same() {
        let stop = AtomicBool::new(false);
        let show = |elapsed| {
            if elapsed > Duration::from_secs(3) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let report = play(settings(3600, 3), &stop, show).unwrap();
        assert!((3.0..10.0).contains(&report.virtual_seconds), "{}", report.virtual_seconds);
        assert_eq!(report.broken_promises(), Vec::<String>::new());
    }

    #[test]
    fn a_run_shorter_than_a_join_counts_from_the_first_join_all_the_same() {
        let link = "delay=500ms".parse().unwrap();
        let settings = Settings { link, ..settings(1, 3) };
        let report = play(settings, &AtomicBool::new(false), |_| ()).unwrap();
        assert_eq!(report.bots.joins.joined, 8);
        assert!(report.bots.seconds >= 1.0, "{}", report.bots.seconds);
    }
}
