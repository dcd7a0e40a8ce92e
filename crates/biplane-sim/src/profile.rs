//! What a network does to a session, in one set of figures for the simulator and for a relay.
//!
//! A [`Profile`] has a [`Way`] for each direction, which datagrams and TCP share, and a [`Schedule`]
//! of what happens to both. It is written as a name, as settings, or as a name and what differs:
//! `4g`, `delay=40ms,loss=5%`, `4g,up-loss=2%`.

mod direction;
mod error;
mod named;
mod schedule;
mod settings;
mod text;
mod units;
mod way;

pub use direction::{Blocked, Direction};
pub use error::ProfileError;
pub use schedule::{Agenda, Instruction, Schedule};
pub use settings::Setting;
pub use way::{Capacity, Queue, Way};

use crate::{LinkConfig, StreamConfig, WiresConfig};
use named::Name;

/// A network between a client and a server.
///
/// The default is a perfect one. [`Profile::from_str`](core::str::FromStr) reads what its `Display`
/// writes; a trace that was made in memory is the one thing that cannot be written.
///
/// # Examples
///
/// ```
/// use biplane_sim::Profile;
///
/// let profile: Profile = "4g,loss=2%".parse()?;
/// assert_eq!(profile.up.loss, 0.02);
/// assert_eq!(profile.down.delay, Profile::four_g().down.delay);
/// assert_eq!(profile.to_string(), "4g,loss=2%");
/// # Ok::<(), biplane_sim::ProfileError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// What it was made from.
    name: Option<Name>,
    /// From the client to the server.
    pub up: Way,
    /// From the server to the client.
    pub down: Way,
    /// What happens when.
    pub schedule: Schedule,
}

impl Profile {
    /// A network without a fault: no delay, no loss, no limit.
    #[must_use]
    pub fn perfect() -> Self {
        Self::default()
    }

    /// The way in a direction.
    #[must_use]
    pub const fn way(&self, direction: Direction) -> &Way {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    /// What it does to datagrams in a direction.
    #[must_use]
    pub fn link(&self, direction: Direction) -> LinkConfig {
        LinkConfig {
            outages: self.schedule.outages(self.schedule.block_udp, direction),
            ..self.way(direction).link()
        }
    }

    /// What it does to the bytes of a TCP connection in a direction.
    #[must_use]
    pub fn stream(&self, direction: Direction) -> StreamConfig {
        StreamConfig {
            outages: self.schedule.outages(self.schedule.block_tcp, direction),
            ..self.way(direction).stream(self.way(direction.back()))
        }
    }

    /// All four directions between a client and the server.
    #[must_use]
    pub fn wires(&self) -> WiresConfig {
        WiresConfig {
            up: self.link(Direction::Up),
            down: self.link(Direction::Down),
            control_up: self.stream(Direction::Up),
            control_down: self.stream(Direction::Down),
        }
    }
}

#[cfg(test)]
mod tests;
