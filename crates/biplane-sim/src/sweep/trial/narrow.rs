//! Whether sessions know what their paths carry.

use core::time::Duration;

use biplane_proto::limits;

use super::Trial;
use crate::{SessionBreach, Side, sweep::conditions::misjudged};

/// What became of sessions whose path carries no long datagrams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Narrows {
    /// Ends of sessions whose path came to carry less than they sent.
    pub narrowed: u64,
    /// How often one noticed that.
    pub noticed: u64,
    /// The longest that a message took.
    pub slowest: Duration,
}

impl Narrows {
    /// Adds what became of others.
    pub(super) fn add(&mut self, other: &Self) {
        self.narrowed += other.narrowed;
        self.noticed += other.noticed;
        self.slowest = self.slowest.max(other.slowest);
    }
}

impl Trial {
    /// Looks what every end takes its path for, and whether a message waited too long for that.
    pub(super) fn judge_paths(&mut self) {
        let Some(bound) = self.conditions.slowest else { return };
        let (now, slowest) = (self.world.now(), self.oracle.slowest());
        self.ordeal.figures.narrows.slowest = slowest;
        if slowest > bound {
            let breach = SessionBreach::SlowToNarrow(slowest);
            self.oracle.session_breach(now, Side::Client(0), breach);
        }
        for side in self.world.sides() {
            self.judge_path(side);
        }
    }

    fn judge_path(&mut self, side: Side) {
        let client = side.client();
        let (Some(wires), Some(session)) = (self.world.wires(client), self.world.session(side))
        else {
            return;
        };
        let config = self.conditions.clients.get(client);
        let longest = config.map_or(limits::DATAGRAM, |client| client.session.max_datagram);
        let (link, before) = match side {
            Side::Client(_) => (&wires.up, config.and_then(|client| client.wires.up.mtu)),
            Side::Server(_) => (&wires.down, config.and_then(|client| client.wires.down.mtu)),
        };
        let carries = |mtu: Option<usize>| mtu.map_or(longest, |mtu| mtu.min(longest));
        let (before, carries) = (carries(before), carries(link.config().mtu));
        let stats = session.stats();
        self.ordeal.figures.narrows.narrowed += u64::from(carries < before);
        self.ordeal.figures.narrows.noticed += stats.path.narrowed;
        if let Some(breach) = misjudged(stats.path.datagram_size, carries) {
            self.oracle.session_breach(self.world.now(), side, breach);
        }
    }
}
