//! What is done, by how many, and for how long.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{Class, Means, System, Threads, Tuning, stamp::Stamp};

/// Clients of one run at the most.
const CLIENTS: usize = 10_000;
/// No run is longer.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Messages a second of one client, where they go at a rate.
const RATES: core::ops::RangeInclusive<f64> = 0.001..=1e6;

/// What the clients and the server do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Work {
    /// Clients send to the server.
    Flow {
        /// How the messages travel.
        class: Class,
        /// Bytes of each; 20 or more.
        size: usize,
        /// Messages a second of each client; `None`: as fast as it goes, unreliable ones under the
        /// plan's window.
        rate: Option<f64>,
    },
    /// Clients send unreliable messages, and the server sends each back at once.
    Echo {
        /// Bytes of each; 20 or more.
        size: usize,
        /// Messages a second of each client.
        rate: f64,
    },
    /// What a match does: small unreliable messages up, larger ones down, each at a steady rate.
    Game(Game),
    /// A match with small messages at 60 Hz both ways, and beside it each client is handed bytes in
    /// bulk: it lasts until they have all come, and no less than the plan's time.
    Transfer {
        /// Bytes to each client.
        bytes: u64,
        /// What is said meanwhile.
        game: Game,
    },
    /// All clients join, as fast as the system lets them begin.
    Connect,
    /// Clients join and stay, and nobody says anything.
    Idle,
}

/// The figures of a match.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Game {
    /// Bytes of an input; 20 or more.
    pub up_size: usize,
    /// Inputs a second of each client, and ticks a second of the server: it looks for messages once
    /// a tick.
    pub up_hz: u32,
    /// Bytes of a snapshot; 20 or more.
    pub down_size: usize,
    /// Snapshots a second to each client, all in the same tick; a divisor of `up_hz`.
    pub down_hz: u32,
}

impl Default for Game {
    /// 64 bytes up at 60 Hz, 600 bytes down at 20 Hz.
    fn default() -> Self {
        Self { up_size: 64, up_hz: 60, down_size: 600, down_hz: 20 }
    }
}

impl Game {
    /// 100 bytes at 60 Hz both ways, beside bulk.
    pub const BESIDE: Self = Self { up_size: 100, up_hz: 60, down_size: 100, down_hz: 60 };
}

/// One run.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Plan {
    /// What is done.
    pub work: Work,
    /// How many clients do it, all in one process. 1 to 10,000, default 1.
    pub clients: usize,
    /// For how long. Up to an hour, default 5 s. [`Work::Connect`] takes as long as it takes.
    pub time: Duration,
    /// Whose settings the system is driven with. Default: those of its documentation.
    pub tuning: Tuning,
    /// Threads of the server that receive; 0, the default: as many as the system chooses.
    pub receivers: usize,
    /// Threads of the server that send; 0, the default: as many as the system chooses.
    pub senders: usize,
    /// On which threads both are. None, the default: as the system chooses.
    pub threads: Option<Threads>,
    /// After how much quiet a side says that it is there. None, the default: as the system chooses.
    pub keep_alive: Option<Duration>,
    /// An unreliable flow has at most so many bytes under way, and at most 4,096 messages, over all
    /// its clients; half of that after a 50th of a second in which more than one in a hundred was
    /// lost, and more again where none was. Default 1 MiB.
    pub window: usize,
}

impl Plan {
    /// This work with the defaults.
    #[must_use]
    pub const fn new(work: Work) -> Self {
        Self {
            work,
            clients: 1,
            time: Duration::from_secs(5),
            tuning: Tuning::Documented,
            receivers: 0,
            senders: 0,
            threads: None,
            keep_alive: None,
            window: 1 << 20,
        }
    }

    /// What both sides of a system are opened with for this plan.
    #[must_use]
    pub fn means(&self) -> Means {
        Means {
            tuning: self.tuning,
            clients: self.clients,
            longest: self.work.longest(),
            is_paced: self.work.is_paced(),
            receivers: self.receivers,
            senders: self.senders,
            threads: self.threads,
            keep_alive: self.keep_alive,
        }
    }

    /// Whether it can be done with this system.
    ///
    /// # Errors
    ///
    /// What is out of its range, in words.
    pub fn check(&self, system: &dyn System) -> Result<()> {
        let Self { clients, time, .. } = *self;
        ensure!((1..=CLIENTS).contains(&clients), "clients: {clients}, of 1 to {CLIENTS}");
        ensure!(!time.is_zero() && time <= LONGEST, "a run lasts up to {LONGEST:?}, not {time:?}");
        ensure!(self.window > 0, "a window of no bytes lets nothing through");
        if let Some(rate) = self.work.rate() {
            let (least, most) = (RATES.start(), RATES.end());
            ensure!(RATES.contains(&rate), "a rate of {rate}, of {least} to {most}");
        }
        for (class, size) in self.work.messages() {
            let name = system.name();
            let Some(longest) = system.longest(class) else {
                anyhow::bail!("{name} carries no {class:?} messages");
            };
            let sizes = Stamp::LENGTH..=longest;
            ensure!(
                sizes.contains(&size),
                "a size of {size} bytes, of {} to {longest} for {name}",
                Stamp::LENGTH
            );
        }
        if let Some(Game { up_hz, down_hz, .. }) = self.work.game() {
            let fits = up_hz > 0 && up_hz <= 1_000 && down_hz > 0 && up_hz.is_multiple_of(down_hz);
            ensure!(fits, "{up_hz} ticks a second, snapshots at {down_hz} Hz: not a divisor");
        }
        Ok(())
    }
}

impl Work {
    /// Whether it goes at a rate of its own, so that a side may sleep.
    #[must_use]
    pub const fn is_paced(&self) -> bool {
        !matches!(self, Self::Flow { rate: None, .. } | Self::Connect)
    }

    /// How messages go up.
    pub(crate) const fn class(&self) -> Class {
        match self {
            Self::Flow { class, .. } => *class,
            Self::Echo { .. }
            | Self::Game(_)
            | Self::Transfer { .. }
            | Self::Connect
            | Self::Idle => Class::Unreliable,
        }
    }

    /// Bytes of a message up; 0 if there are none.
    pub(crate) const fn up_size(&self) -> usize {
        match self {
            Self::Flow { size, .. } | Self::Echo { size, .. } => *size,
            Self::Game(game) | Self::Transfer { game, .. } => game.up_size,
            Self::Connect | Self::Idle => 0,
        }
    }

    /// Bytes of a message down; 0 if there are none.
    pub(crate) const fn down_size(&self) -> usize {
        match self {
            Self::Echo { size, .. } => *size,
            Self::Game(game) | Self::Transfer { game, .. } => game.down_size,
            Self::Flow { .. } | Self::Connect | Self::Idle => 0,
        }
    }

    const fn rate(&self) -> Option<f64> {
        match self {
            Self::Flow { rate, .. } => *rate,
            Self::Echo { rate, .. } => Some(*rate),
            Self::Game(_) | Self::Transfer { .. } | Self::Connect | Self::Idle => None,
        }
    }

    /// The match that it is, or that goes on beside it.
    pub(crate) const fn game(&self) -> Option<Game> {
        match self {
            Self::Game(game) | Self::Transfer { game, .. } => Some(*game),
            Self::Flow { .. } | Self::Echo { .. } | Self::Connect | Self::Idle => None,
        }
    }

    /// The longest message either way.
    fn longest(&self) -> usize {
        self.up_size().max(self.down_size())
    }

    /// Every sort of message in it.
    fn messages(&self) -> impl Iterator<Item = (Class, usize)> {
        let sizes = [(self.class(), self.up_size()), (Class::Unreliable, self.down_size())];
        let is_silent = matches!(self, Self::Connect | Self::Idle);
        let is_one_way = matches!(self, Self::Flow { .. });
        let count = if is_silent { 0 } else { 2 - usize::from(is_one_way) };
        sizes.into_iter().take(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Biplane;

    fn flow(class: Class, size: usize) -> Plan {
        Plan::new(Work::Flow { class, size, rate: None })
    }

    #[test]
    fn messages_have_room_for_their_stamp_and_are_no_longer_than_the_system_takes() {
        for class in [Class::Unreliable, Class::Reliable, Class::Command] {
            let longest = System::longest(&Biplane, class).unwrap();
            for (size, fits) in [(19, false), (20, true), (longest, true), (longest + 1, false)] {
                assert_eq!(flow(class, size).check(&Biplane).is_ok(), fits, "{class:?} {size}");
            }
        }
    }

    #[test]
    fn a_plan_out_of_its_ranges_is_refused() {
        let plan = Plan::new(Work::Idle);
        for (clients, fits) in [(0, false), (1, true), (10_000, true), (10_001, false)] {
            assert_eq!(Plan { clients, ..plan }.check(&Biplane).is_ok(), fits, "{clients}");
        }
        for (seconds, fits) in [(0, false), (1, true), (3_600, true), (3_601, false)] {
            let time = Duration::from_secs(seconds);
            assert_eq!(Plan { time, ..plan }.check(&Biplane).is_ok(), fits, "{seconds}");
        }
        for (rate, fits) in [
            (0.0, false),
            (1e-20, false),
            (0.001, true),
            (1e6, true),
            (2e6, false),
            (f64::NAN, false),
        ] {
            let echo = Plan::new(Work::Echo { size: 64, rate });
            assert_eq!(echo.check(&Biplane).is_ok(), fits, "{rate}");
        }
        for (down_hz, fits) in [(0, false), (20, true), (25, false), (60, true)] {
            let game = Plan::new(Work::Game(Game { down_hz, ..Game::default() }));
            assert_eq!(game.check(&Biplane).is_ok(), fits, "{down_hz}");
        }
    }
}
