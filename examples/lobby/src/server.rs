//! The lobby server: a loop of fixed ticks, without any `async`.
//!
//! Each tick takes in what came, moves every match by a step, and lets everything leave at once.

mod crowd;
mod figures;
mod history;
mod lobby;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use biplane::{Identity, Link, Pending, Server, ServerConfig, Threading};

use self::{history::History, lobby::Lobby};
use crate::{
    pace::{Pace, Ticks},
    protocol::{CHAT, INPUTS, ROOM, SNAPSHOTS, protocol},
    report::ServerReport,
    system::{self, Memory},
};

/// How a server is set up; see the command line for the defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) listen: String,
    pub(crate) host: Option<String>,
    pub(crate) identity: Option<PathBuf>,
    pub(crate) tick_hz: u16,
    pub(crate) max_sessions: usize,
    pub(crate) receivers: Option<usize>,
    pub(crate) senders: Option<usize>,
    pub(crate) threading: Option<Threading>,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct LobbyServer {
    server: Server,
    lobby: Lobby,
    tick_hz: u16,
    began: Instant,
    memory: Memory,
    history: History,
}

/// How a running server is, for whoever decides when it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) now: Instant,
    began: Instant,
    first_join: Option<Instant>,
    pub(crate) players: usize,
    pub(crate) rooms: usize,
}

impl LobbyServer {
    /// Listens on both planes.
    ///
    /// # Errors
    ///
    /// If the identity cannot be had or the port is taken.
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let memory = system::memory();
        let server = Server::bind_with(&settings.listen, &protocol(), config_of(settings)?)?;
        let Settings { tick_hz, max_sessions, .. } = *settings;
        Ok(Self { memory, ..Self::of(server, tick_hz, max_sessions, Instant::now()) })
    }

    /// The lobby on a server that is open already, wherever that is.
    pub(crate) fn of(server: Server, tick_hz: u16, max_sessions: usize, began: Instant) -> Self {
        Self {
            server,
            lobby: Lobby::new(tick_hz, max_sessions),
            tick_hz,
            began,
            memory: system::memory(),
            history: History::new(began),
        }
    }

    /// What one joins it by.
    pub(crate) const fn link(&self) -> &Link {
        self.server.link()
    }

    /// Serves until `is_over` says so, once a tick; then closes and reports.
    pub(crate) fn run(mut self, mut is_over: impl FnMut(&Status) -> bool) -> ServerReport {
        let mut pace = Pace::new(self.tick_hz, Instant::now());
        let mut ticks = Ticks::new(pace.period(), Instant::now());
        while !is_over(&self.status(Instant::now())) {
            let began = Instant::now();
            self.tick(began);
            ticks.record(began.elapsed());
            pace.sleep();
        }
        let over = Instant::now();
        self.close().wait();
        self.report(&ticks, over)
    }

    /// One tick: takes in what came, moves every match by a step, and lets everything leave.
    pub(crate) fn tick(&mut self, now: Instant) {
        let Self { server, lobby, .. } = self;
        for event in server.events() {
            lobby.handle(event, now);
        }
        server.drain(CHAT, |session, line| lobby.hear(server, session, line, now));
        server.drain(INPUTS, |session, inputs| lobby.accept(session, &inputs));
        // No player has any of these to send; what came all the same does not pile up.
        server.drain(SNAPSHOTS, |_, _| {});
        server.drain(ROOM, |_, _| {});
        lobby.settle();
        lobby.step(server);
        server.flush();
        self.remember(now);
    }

    /// Says goodbye to everybody.
    pub(crate) fn close(&self) -> Pending<()> {
        self.server.close("the lobby closes")
    }

    /// What there is to tell of a server that has closed; its ticks ended at `over`.
    pub(crate) fn report(&self, ticks: &Ticks, over: Instant) -> ServerReport {
        figures::report(self, ticks, over)
    }

    fn remember(&mut self, now: Instant) {
        let Self { server, lobby, history, .. } = self;
        history.record_if_due(now, || {
            (server.stats().sessions.current, lobby.rooms(), system::memory())
        });
    }

    fn status(&self, now: Instant) -> Status {
        Status {
            now,
            began: self.began,
            first_join: self.lobby.first_join(),
            players: self.lobby.players(),
            rooms: self.lobby.rooms(),
        }
    }
}

impl Status {
    /// How long the run has lasted: from the first join, or from the start while nobody joins.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.first_join.unwrap_or(self.began))
    }
}

fn config_of(settings: &Settings) -> Result<ServerConfig> {
    let mut config = ServerConfig::default().max_sessions(settings.max_sessions);
    if let Some(folder) = &settings.identity {
        let identity = Identity::load_or_create(folder)
            .map_err(|error| anyhow!("no identity in {}: {error}", folder.display()))?;
        config = config.identity(identity);
    }
    if let Some(host) = &settings.host {
        config = config.public_host(host);
    }
    if let Some(receivers) = settings.receivers {
        config = config.receivers(receivers);
    }
    if let Some(senders) = settings.senders {
        config = config.senders(senders);
    }
    if let Some(threading) = settings.threading {
        config = config.threading(threading);
    }
    Ok(config)
}

#[cfg(test)]
mod tests;
