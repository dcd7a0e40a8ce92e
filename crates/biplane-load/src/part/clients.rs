//! The process of all clients.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{
    QUIET,
    desk::{Desk, Form},
    pace::Pace,
};
use crate::{
    Class, Game, Handed, Plan, System, Work,
    books::Books,
    line::{Flow, Report, Sessions, Settings},
    meter::{self, Spent},
    shared::{Shared, Total},
    window::Window,
};

/// Bytes that are sent before the side has a turn, in work as fast as it goes: a run of datagrams.
const BURST: usize = 64 * 1024;
/// And messages.
const BURST_MESSAGES: usize = 1_024;
/// How long one with unreliable messages sleeps that has no room for them: neither the count of what
/// came nor a queue that grows shorter wakes anybody.
const FULL: Duration = Duration::from_micros(50);
/// How long one sleeps whose system has no room for what must arrive, unless something comes.
const NO_ROOM: Duration = Duration::from_millis(1);
/// How long one sleeps at the most between two messages of a rate.
const BETWEEN: Duration = Duration::from_millis(10);
/// In work as fast as it goes one message in so many says when it was sent.
const TIMED: u64 = 64;
/// For what is under way at the end.
const ENDING: Duration = Duration::from_secs(2);
/// What may be lost is no longer waited for when nothing came for so long.
const SILENCE: Duration = Duration::from_millis(500);
/// What must arrive no longer moves when nothing came for so long.
const STALLED: Duration = Duration::from_millis(1_500);
/// A quarter of a match's clients send at a time: each is a machine of its own.
const SLICES: u32 = 4;

/// The clients at work.
#[derive(Debug)]
pub(super) struct Clients {
    desk: Desk,
    shared: Shared,
    plan: Plan,
    form: Form,
    /// Of an unreliable flow as fast as it goes.
    window: Option<Window>,
    pace: Pace,
    /// Messages wait since a moment ago when the system had no room for one that must arrive.
    is_held: bool,
    is_stalled: bool,
    handed: Option<Handed>,
}

impl Clients {
    /// Opens them: they begin to join.
    pub(super) fn open(system: &dyn System, settings: &Settings, shared: Shared) -> Result<Self> {
        let plan = settings.plan;
        let (work, clients) = (plan.work, plan.clients);
        let address = settings.address.as_deref().context("no address to join")?;
        let opened = meter::now();
        let side = system.join(&plan.means(), address)?;
        let books = Books::new(false, work.down_size(), clients)?;
        let desk = Desk::new(side, books, shared, opened);
        let is_free = matches!(work, Work::Flow { rate: None, .. });
        let is_windowed = is_free && work.class() == Class::Unreliable;
        let window = is_windowed.then(|| Window::new(plan.window, work.up_size(), clients));
        let form = Form::new(work.class(), work.up_size(), if is_free { TIMED } else { 1 });
        let pace = Pace::new(steps(&plan));
        let (is_held, is_stalled, handed) = (false, false, None);
        Ok(Self { desk, shared, plan, form, window, pace, is_held, is_stalled, handed })
    }

    /// A turn of joining; whether all have, or have failed where that is a figure.
    pub(super) fn have_joined(&mut self) -> Result<bool> {
        self.desk.turn(NO_ROOM)?;
        let Sessions { joined, left, failed, why_not, .. } = self.desk.sessions();
        if !matches!(self.plan.work, Work::Connect) {
            let why = why_not.map_or_else(String::new, |why| format!(": {why}"));
            ensure!(failed == 0, "{failed} clients could not join{why}");
            ensure!(left == 0, "{left} clients left before all had joined");
        }
        Ok(joined + failed >= self.plan.clients as u64)
    }

    /// Joining is the work, and is over.
    pub(super) fn time_joining(&mut self) {
        self.desk.time_joining();
    }

    /// A turn without work.
    pub(super) fn rest(&mut self) -> Result<()> {
        self.desk.turn(BETWEEN).map(drop)
    }

    pub(super) fn begin(&mut self) {
        self.desk.begin();
        self.pace.begin();
    }

    /// A turn of the work.
    pub(super) fn work(&mut self) -> Result<()> {
        match self.plan.work {
            Work::Flow { rate: None, .. } => self.burst(),
            Work::Flow { .. } | Work::Echo { .. } => self.send_due(),
            Work::Game(game) | Work::Transfer { game, .. } => self.step(game),
            Work::Connect | Work::Idle => self.desk.turn(QUIET).map(drop),
        }
    }

    /// Whether all that is handed over in bulk has ended just now.
    pub(super) fn is_handed(&mut self) -> bool {
        if self.handed.is_some() || !matches!(self.plan.work, Work::Transfer { .. }) {
            return false;
        }
        self.handed = self.desk.handed();
        self.handed.is_some()
    }

    pub(super) fn stop(&mut self, spent: Spent) {
        let missed = match self.plan.work {
            Work::Flow { rate: Some(_), .. } | Work::Echo { .. } => self.pace.overdue(BETWEEN),
            Work::Game(_) | Work::Transfer { .. } => {
                self.pace.left_out() * self.plan.clients as u64 / u64::from(SLICES)
            }
            Work::Flow { rate: None, .. } | Work::Connect | Work::Idle => 0,
        };
        self.desk.stop(spent, missed);
    }

    /// Waits for what is under way.
    pub(super) fn finish(&mut self) -> Result<()> {
        let is_ordered = self.plan.work.class() != Class::Unreliable;
        let end = meter::now() + ENDING;
        let mut last = (meter::now(), self.came());
        loop {
            self.desk.flush()?;
            self.desk.turn(NO_ROOM)?;
            let (now, came) = (meter::now(), self.came());
            if came != last.1 {
                last = (now, came);
            }
            let silence = now.saturating_sub(last.0);
            self.is_stalled = silence >= STALLED;
            if self.is_all_there() || now >= end || (!is_ordered && silence >= SILENCE) {
                return Ok(());
            }
        }
    }

    pub(super) fn report(&self) -> Report {
        let window = self.window.as_ref().map(Window::messages);
        let is_stalled = self.is_stalled && !self.is_all_there();
        let flow = Some(Flow { window, is_stalled, handed: self.handed.clone() });
        Report { flow, ..self.desk.report() }
    }

    /// Messages that came, both ways.
    fn came(&self) -> u64 {
        self.shared.total(Total::Up) + self.desk.counts().arrived
    }

    /// Whether nothing can be under way any more.
    fn is_all_there(&self) -> bool {
        let mut seats = self.desk.seats.iter().enumerate();
        match self.plan.work {
            Work::Flow { .. } => seats.all(|(client, seat)| self.shared.next(client) >= seat.sent),
            Work::Echo { .. } => self.desk.counts().arrived >= self.desk.sent(),
            // What the server had sent last is not known here.
            Work::Game(_) | Work::Transfer { .. } => false,
            Work::Connect | Work::Idle => true,
        }
    }

    /// As many messages as there is room for, up to a burst.
    fn burst(&mut self) -> Result<()> {
        let clients = self.desk.seats.len();
        let size = self.plan.work.up_size().max(1);
        let quantum = (BURST / size).min(BURST_MESSAGES) / clients.max(1);
        let quantum = quantum.max(1) as u64;
        let (mut is_full, mut is_idle) = (false, true);
        for client in 0..clients {
            let sent = self.desk.seats.get(client).map_or(0, |seat| seat.sent);
            let credit =
                self.window.as_ref().map(|window| window.credit(client, sent, self.shared));
            is_full |= credit == Some(0);
            for _ in 0..credit.unwrap_or(quantum).min(quantum) {
                if !self.desk.send(client, &mut self.form)? {
                    break;
                }
                is_idle = false;
            }
        }
        if let Some(window) = &mut self.window {
            let sent = self.desk.seats.iter().map(|seat| seat.sent);
            window.look(meter::now(), is_full, sent, self.shared);
        }
        self.desk.flush()?;
        let patience = match (is_idle, &self.window) {
            (true, Some(_)) => FULL,
            (true, None) => NO_ROOM,
            (false, _) => Duration::ZERO,
        };
        self.desk.turn(patience).map(drop)
    }

    /// The messages that are due, from one client after the other.
    fn send_due(&mut self) -> Result<()> {
        let clients = self.plan.clients as u64;
        let is_kept = self.plan.work.class() != Class::Unreliable;
        let (mut is_sent, mut is_full) = (false, false);
        // Bounded, so that the side has its turn where more is due than can be sent.
        for _ in 0..BURST_MESSAGES {
            if !self.pace.wait().is_zero() {
                self.is_held = false;
                break;
            }
            let client = usize::try_from(self.pace.next() % clients)?;
            // What the system made wait has waited since it was due.
            let since = self.is_held.then(|| self.pace.due());
            if self.desk.send_since(client, &mut self.form, since)? {
                is_sent = true;
            } else if is_kept {
                (self.is_held, is_full) = (true, true);
                break;
            } else {
                self.desk.refuse();
            }
            self.pace.step();
        }
        if is_sent {
            self.desk.flush()?;
        }
        let most = if is_full { NO_ROOM } else { BETWEEN.min(self.pace.wait()) };
        self.desk.turn(most).map(drop)
    }

    /// A step of a match: one slice of the clients sends, and all look what came.
    fn step(&mut self, game: Game) -> Result<()> {
        let slice = usize::try_from(self.pace.next() % u64::from(SLICES))?;
        self.pace.sleep();
        for client in (slice..self.desk.seats.len()).step_by(SLICES as usize) {
            if !self.desk.send(client, &mut self.form)? {
                self.desk.refuse();
            }
        }
        self.desk.flush()?;
        self.desk.turn_out(Duration::from_secs(1) / (game.up_hz * SLICES))
    }
}

/// Steps a second over all clients.
#[expect(clippy::cast_precision_loss, reason = "10,000 clients at the most")]
fn steps(plan: &Plan) -> f64 {
    let clients = plan.clients as f64;
    match plan.work {
        Work::Flow { rate: Some(rate), .. } | Work::Echo { rate, .. } => rate * clients,
        Work::Game(game) | Work::Transfer { game, .. } => f64::from(game.up_hz * SLICES),
        Work::Flow { rate: None, .. } | Work::Connect | Work::Idle => 1.0,
    }
}

#[cfg(test)]
mod tests;
