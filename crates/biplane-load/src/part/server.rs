//! The server's process.

use std::time::Duration;

use anyhow::Result;

use super::{
    QUIET,
    desk::{Desk, Form},
    orders,
    pace::Pace,
};
use crate::{
    Class, Game, System, Work,
    books::Books,
    line::{Report, Settings, Told},
    meter::{self, Spent},
    shared::Shared,
};

/// How long it may sleep in work as fast as it goes, unless something comes.
const SHORT: Duration = Duration::from_millis(1);
/// How long it may sleep while clients join, so that orders are heard soon.
const JOINING: Duration = Duration::from_millis(10);

/// The server at work.
#[derive(Debug)]
pub(super) struct Server {
    desk: Desk,
    work: Work,
    ticks: Pace,
    snapshot: Form,
}

impl Server {
    /// Opens it, and says where it is.
    pub(super) fn open(system: &dyn System, settings: &Settings) -> Result<Self> {
        let shared = Shared::map(&settings.shared)?;
        let plan = settings.plan;
        let served = system.serve(&plan.means())?;
        let work = plan.work;
        let is_ordered = work.class() != Class::Unreliable;
        let books = Books::new(is_ordered, work.up_size(), plan.clients)?;
        let desk = Desk::new(served.side, books, shared, meter::now());
        let desk = desk.of_server(matches!(work, Work::Echo { .. }));
        let hz = work.game().map_or(1, |game| game.up_hz);
        let snapshot = Form::new(Class::Unreliable, work.down_size(), 1);
        orders::tell(&Told::Serving(served.address));
        Ok(Self { desk, work, ticks: Pace::new(f64::from(hz)), snapshot })
    }

    /// A turn before the work.
    pub(super) fn rest(&mut self) -> Result<()> {
        self.desk.turn(JOINING).map(drop)
    }

    pub(super) fn begin(&mut self) -> Result<()> {
        self.desk.begin();
        self.ticks.begin();
        if let Work::Transfer { bytes, .. } = self.work {
            self.desk.hand_over(bytes)?;
        }
        Ok(())
    }

    /// A turn of the work.
    pub(super) fn work(&mut self) -> Result<()> {
        match self.work {
            Work::Flow { rate: None, .. } => self.desk.turn(SHORT).map(drop),
            Work::Flow { .. } | Work::Connect => self.desk.turn(JOINING).map(drop),
            Work::Echo { size, .. } => {
                self.desk.turn(JOINING)?;
                self.desk.echo(size)
            }
            Work::Game(game) | Work::Transfer { game, .. } => self.tick(game),
            Work::Idle => self.desk.turn(QUIET).map(drop),
        }
    }

    /// A turn after the work: for what is under way.
    pub(super) fn linger(&mut self) -> Result<()> {
        self.desk.turn(SHORT)?;
        match self.work {
            Work::Echo { size, .. } => self.desk.echo(size),
            Work::Flow { .. }
            | Work::Game(_)
            | Work::Transfer { .. }
            | Work::Connect
            | Work::Idle => self.desk.flush(),
        }
    }

    pub(super) fn stop(&mut self, spent: Spent) {
        let snapshots = |game| self.ticks.left_out() / u64::from(ticks_apart(game));
        let missed = self.work.game().map_or(0, snapshots) * self.desk.seats.len() as u64;
        self.desk.stop(spent, missed);
    }

    pub(super) fn report(&self) -> Report {
        self.desk.report()
    }

    /// What a match's server does sixty times a second: what came is read, and in every third tick
    /// each client is told.
    fn tick(&mut self, game: Game) -> Result<()> {
        let number = self.ticks.next();
        self.ticks.sleep();
        self.desk.turn_out(Duration::from_secs(1) / game.up_hz)?;
        if number.is_multiple_of(u64::from(ticks_apart(game))) {
            for client in 0..self.desk.seats.len() {
                if !self.desk.send(client, &mut self.snapshot)? {
                    self.desk.refuse();
                }
            }
        }
        self.desk.flush()
    }
}

/// Ticks from one snapshot to the next.
const fn ticks_apart(game: Game) -> u32 {
    game.up_hz / game.down_hz
}
