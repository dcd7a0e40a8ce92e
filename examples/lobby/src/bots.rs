//! Bots that play on a server like people do: all of a process on one UDP socket, stepped by one
//! thread.

mod backoff;
mod bot;
mod brain;
mod flight;
mod online;
mod persona;
mod pilot;
mod tally;
mod waiting;
mod watch;

use std::{
    net::{SocketAddr, ToSocketAddrs},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use biplane::{Client, ConnectError, Endpoint, Link, Pending, Protocol};

use self::{bot::Bot, persona::Persona, tally::Tally};
use crate::{
    figures,
    pace::Pace,
    protocol::protocol,
    report::{BotsReport, Commands, Inputs, Network, PlaneCounts, PlanesReport, Play, Times},
    units::Rate,
};

/// Ticks a second until the server says how many.
const TICK_HZ: u16 = 60;
/// While bots wait for admission they look this often, so that joins are timed well.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long a join may take: a run in which nobody has joined lasts so much longer.
const JOINING: Duration = Duration::from_secs(10);
/// How long the end of a run waits for what is under way.
const CLOSING: Duration = Duration::from_secs(2);
/// How long it waits for the server's account of it, which is asked for at the end: TCP may need
/// three repairs for it on a link that loses much.
const ACCOUNTING: Duration = Duration::from_secs(5);

/// How bots are set up; see the command line for the defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) link: Link,
    pub(crate) count: u32,
    /// From the first join; `None` until stopped.
    pub(crate) length: Option<Duration>,
    pub(crate) join_rate: Rate,
    pub(crate) seed: Option<u64>,
}

/// All bots of this process.
#[derive(Debug)]
pub(crate) struct Crowd {
    settings: Settings,
    endpoint: Endpoint,
    protocol: Protocol,
    bots: Vec<Bot>,
    tally: Tally,
    pace: Pace,
    began: Instant,
    /// How they flew when the end began.
    planes: Option<PlaneCounts>,
    closing_since: Option<Instant>,
    /// When they were stepped last.
    last: Instant,
}

/// How a crowd is, for a line on a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) now: Instant,
    pub(crate) joined: u32,
    /// How often a session ended without its bot's doing, and how often one came back.
    pub(crate) lost: u64,
    pub(crate) rejoined: u64,
    pub(crate) count: u32,
    /// Since the first join.
    pub(crate) elapsed: Duration,
    pub(crate) snapshots: u64,
    /// How they fly now.
    pub(crate) planes: PlaneCounts,
}

/// What every bot needs to know of one tick.
#[derive(Debug)]
struct Step<'a> {
    now: Instant,
    /// Since the last tick.
    length: Duration,
    /// Nothing new is begun any more.
    is_closing: bool,
    settings: &'a Settings,
    endpoint: &'a Endpoint,
    protocol: &'a Protocol,
}

impl Step<'_> {
    fn connect(&self) -> Pending<Result<Client, ConnectError>> {
        self.endpoint.connect(&self.settings.link, self.protocol)
    }
}

impl Crowd {
    /// Opens the one socket; nobody joins yet.
    ///
    /// # Errors
    ///
    /// If the server's name does not resolve or no socket is to be had.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let endpoint = Endpoint::bind(local_address(&settings.link)?)?;
        Ok(Self::of(endpoint, settings, fastrand::Rng::new(), Instant::now()))
    }

    /// Bots on an endpoint that is open already, wherever that is; `keys` makes what the lobby
    /// knows them by.
    pub(crate) fn of(
        endpoint: Endpoint,
        settings: Settings,
        mut keys: fastrand::Rng,
        now: Instant,
    ) -> Self {
        let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..));
        let starts = (0..settings.count)
            .map(|index| (index, now + settings.join_rate.moment_of(index as usize)));
        let bots =
            starts.map(|(index, start)| Bot::new(Persona::new(index, seed, keys.u64(..)), start));
        Self {
            bots: bots.collect(),
            endpoint,
            protocol: protocol(),
            tally: Tally::new(now),
            pace: Pace::new(TICK_HZ, now),
            began: now,
            planes: None,
            closing_since: None,
            last: now,
            settings,
        }
    }

    /// Plays until the time is over or `stop` is raised; `show` is called once a tick.
    ///
    /// # Errors
    ///
    /// Why nobody can join, if nobody ever did.
    pub(crate) fn run(
        mut self,
        stop: &AtomicBool,
        mut show: impl FnMut(&Status),
    ) -> Result<BotsReport> {
        while !self.is_over(Instant::now()) {
            let now = Instant::now();
            self.tick(now, stop.load(Ordering::Relaxed))?;
            show(&self.status(now));
            self.sleep()?;
        }
        Ok(self.report(Instant::now()))
    }

    /// One tick of all bots, or of their end if `is_stopped` or their time is over.
    ///
    /// # Errors
    ///
    /// Why nobody can join, if nobody ever did.
    pub(crate) fn tick(&mut self, now: Instant, is_stopped: bool) -> Result<()> {
        self.close_if_due(now, is_stopped);
        let length = now.saturating_duration_since(self.last);
        self.step(now, length)?;
        self.last = now;
        self.observe(now);
        Ok(())
    }

    fn step(&mut self, now: Instant, length: Duration) -> Result<()> {
        let Self { settings, endpoint, protocol, bots, tally, pace, .. } = self;
        let is_closing = self.closing_since.is_some();
        let step = Step { now, length, is_closing, settings, endpoint, protocol };
        for bot in bots {
            bot.step(&step, tally)?;
        }
        endpoint.flush();
        if let Some(tick_hz) = tally.tick_hz.take() {
            pace.set_rate(tick_hz);
        }
        Ok(())
    }

    fn observe(&mut self, now: Instant) {
        // The end is no part of the run: bots leave, each when it is done.
        let is_run = self.closing_since.is_none_or(|since| since == now);
        if is_run && self.tally.is_second_over(now) {
            let worst = self.bots.iter_mut().map(Bot::take_worst_planes);
            self.tally.end_second(now, PlaneCounts::of(worst));
            self.bots.iter().for_each(|bot| bot.sample(&mut self.tally));
        }
    }

    /// Until the next tick, and looks who was admitted meanwhile.
    fn sleep(&mut self) -> Result<()> {
        let next = self.pace.advance(Instant::now());
        loop {
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if !self.bots.iter().any(Bot::is_joining) {
                thread::sleep(left);
                return Ok(());
            }
            thread::sleep(left.min(LOOK_EVERY));
            self.look_for_admissions()?;
        }
    }

    fn look_for_admissions(&mut self) -> Result<()> {
        let Self { settings, endpoint, protocol, bots, tally, closing_since, .. } = self;
        let (now, is_closing) = (Instant::now(), closing_since.is_some());
        let step = Step { now, length: Duration::ZERO, is_closing, settings, endpoint, protocol };
        for bot in bots.iter_mut().filter(|bot| bot.is_joining()) {
            bot.try_to_join(&step, tally)?;
        }
        Ok(())
    }

    fn close_if_due(&mut self, now: Instant, is_stopped: bool) {
        let (since, allowance) = match self.tally.first_join() {
            Some(first) => (first, Duration::ZERO),
            None => (self.began, JOINING),
        };
        let elapsed = now.saturating_duration_since(since);
        let is_past = self.settings.length.is_some_and(|length| elapsed >= length + allowance);
        if self.closing_since.is_none() && (is_stopped || is_past) {
            self.closing_since = Some(now);
            self.planes = Some(self.planes_now());
        }
    }

    /// Whether all is done, or has taken too long.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.closing_since.is_some_and(|since| {
            let waits = if self.bots.iter().any(Bot::asks) { ACCOUNTING } else { CLOSING };
            now.saturating_duration_since(since) >= waits || self.bots.iter().all(Bot::is_done)
        })
    }

    fn status(&self, now: Instant) -> Status {
        let elapsed = self.tally.first_join().map(|first| now.saturating_duration_since(first));
        let (lost, rejoined) = self.tally.entries.lost_and_back();
        Status {
            now,
            joined: self.tally.entries.count(),
            lost,
            rejoined,
            count: self.settings.count,
            elapsed: elapsed.unwrap_or_default(),
            snapshots: self.tally.received.count,
            planes: self.planes_now(),
        }
    }

    fn planes_now(&self) -> PlaneCounts {
        PlaneCounts::of(self.bots.iter().map(Bot::planes))
    }

    /// What there is to tell of a run that is over.
    pub(crate) fn report(mut self, now: Instant) -> BotsReport {
        let Self { bots, tally, .. } = &mut self;
        bots.iter_mut().for_each(|bot| bot.stop(now, tally));
        BotsReport {
            count: self.settings.count,
            joins: self.tally.joins(),
            seconds: self.status(now).elapsed.as_secs_f64(),
            play: self.play(),
            times: Times { rtt_ms: self.tally.rtt.percentiles(), ..Times::default() },
            network: self.network(),
            timeline: self.tally.take_timeline(),
        }
    }

    fn play(&self) -> Play {
        let (mut commands, mut inputs) = (Commands::default(), Inputs::default());
        for bot in &self.bots {
            commands.add(bot.persona.command_figures());
            inputs.add(bot.persona.input_figures());
        }
        let (rooms, chat_heard) = (self.tally.rooms.len(), self.tally.heard);
        Play { rooms, commands, inputs, snapshots: self.tally.snapshots(), chat_heard }
    }

    fn network(&self) -> Network {
        let stats = self.endpoint.stats();
        let at_the_end = self.planes.unwrap_or_default();
        Network {
            planes: PlanesReport { at_the_end, changes: self.tally.plane_changes },
            resumes: self.tally.resumes,
            bytes_per_bot_per_second: self.tally.traffic(),
            datagrams: figures::datagrams(&stats),
            drops: figures::drops(&stats),
        }
    }
}

/// Any port of the family in which the server is reached.
fn local_address(link: &Link) -> Result<&'static str> {
    let found = (link.host.as_str(), link.port).to_socket_addrs().map(|mut found| found.next());
    let server = found.ok().flatten();
    let server = server.with_context(|| format!("{} does not resolve to an address", link.host))?;
    Ok(match server {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    })
}

#[cfg(test)]
mod tests;
