//! What a relay has carried.

use std::time::Duration;

use biplane_sim::Direction;

/// What a relay has carried and what became of it.
///
/// In each direction, at any time, `received` + `duplicated` = `forwarded` + `lost` + `blocked` +
/// `too_big` + `queue_dropped` + `under_way`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RelayStats {
    /// Since the first connection or datagram.
    pub elapsed: Duration,
    /// Towards the target.
    pub up: WayStats,
    /// From the target.
    pub down: WayStats,
    /// How often a flow was given another port.
    pub rebinds: u64,
    /// Flows that have a socket now.
    pub flows: u64,
    /// Connections that came when there were too many, and both connections and datagrams for which
    /// the system gave no socket.
    pub refused: u64,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct WayStats {
    /// Bytes and connections.
    pub tcp: TcpStats,
    /// Datagrams.
    pub udp: UdpStats,
}

/// TCP in one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TcpStats {
    /// Handed on.
    pub bytes: u64,
    /// Accepted; the same both ways.
    pub connections: u64,
    /// Reset by the relay's own doing; the same both ways.
    pub killed: u64,
    /// How often a lost segment held up what followed.
    pub stalls: u64,
}

/// Datagrams in one direction, each counted where its fate was decided.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct UdpStats {
    /// Taken from a socket.
    pub received: u64,
    /// Given to a socket, copies among them.
    pub forwarded: u64,
    /// Lost at random.
    pub lost: u64,
    /// Sent on once more.
    pub duplicated: u64,
    /// Forwarded after one of their flow that came in later.
    pub reordered: u64,
    /// Forwarded with other bytes, copies among them.
    pub corrupted: u64,
    /// Lost because a queue was full: the model's, or the socket's.
    pub queue_dropped: u64,
    /// Lost in a block.
    pub blocked: u64,
    /// Lost because they were longer than the MTU.
    pub too_big: u64,
    /// On their way.
    pub under_way: u64,
}

impl RelayStats {
    /// One direction.
    #[must_use]
    pub const fn way(&self, direction: Direction) -> &WayStats {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    pub(crate) const fn way_mut(&mut self, direction: Direction) -> &mut WayStats {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

impl UdpStats {
    /// Whether every datagram is accounted for.
    #[must_use]
    pub const fn adds_up(&self) -> bool {
        self.received + self.duplicated
            == self.forwarded
                + self.lost
                + self.blocked
                + self.too_big
                + self.queue_dropped
                + self.under_way
    }
}
