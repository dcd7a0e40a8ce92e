//! What is done to the network of a client at moments of a run.

use core::time::Duration;

use crate::{Blocked, Direction, Wires, World};

/// Something that is done to a client's network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Blow {
    /// Every control connection is reset.
    Reset,
    /// Every control connection is ended in order, as by a proxy that goes away.
    Finish,
    /// The control connection is forgotten on the path: neither end learns of it.
    Strand,
    /// Nothing comes through in these directions any more.
    Block {
        /// No datagram.
        udp: Blocked,
        /// No byte of TCP, nor does a connection come up.
        tcp: Blocked,
    },
    /// Everything comes through again.
    Heal,
    /// A NAT forgets the client: its datagrams come from another port.
    Move {
        /// And from another address.
        address: bool,
    },
    /// It has the client again where that was before it was forgotten last.
    MoveBack,
    /// The path carries datagrams of so many bytes from now on, both ways.
    Narrow {
        /// The longest, in bytes of UDP payload.
        carries: usize,
    },
}

/// A blow, to whom, and when after the sessions have begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Strike {
    /// How long after.
    pub after: Duration,
    /// To which client.
    pub client: usize,
    /// What.
    pub blow: Blow,
}

impl Blow {
    /// Whether it takes a control connection away, or its way.
    pub(super) const fn is_felt_by_tcp(self) -> bool {
        match self {
            Self::Reset | Self::Finish | Self::Strand => true,
            Self::Block { tcp, .. } => !matches!(tcp, Blocked::Neither),
            Self::Heal | Self::Move { .. } | Self::MoveBack | Self::Narrow { .. } => false,
        }
    }

    /// Whether it is the client that comes to be elsewhere.
    pub(super) const fn is_move(self) -> bool {
        matches!(self, Self::Move { .. } | Self::MoveBack)
    }

    /// Does it to `client`.
    pub(super) fn strike(self, world: &mut World, client: usize) {
        match self {
            Self::Move { address } => world.rebind(client, address),
            Self::MoveBack => world.rebind_back(client),
            Self::Reset
            | Self::Finish
            | Self::Strand
            | Self::Block { .. }
            | Self::Heal
            | Self::Narrow { .. } => self.strike_wires(world, client),
        }
    }

    fn strike_wires(self, world: &mut World, client: usize) {
        let now = world.now();
        let Some(wires) = world.wires_mut(client) else { return };
        match self {
            Self::Reset => wires.kill_control(now),
            Self::Finish => wires.finish_control(now),
            Self::Strand => wires.strand_control(),
            Self::Block { udp, tcp } => block(wires, udp, tcp),
            Self::Heal => {
                wires.mend_data();
                wires.release_control(now);
            }
            Self::Narrow { carries } => wires.narrow(now, carries),
            Self::Move { .. } | Self::MoveBack => {}
        }
    }
}

fn block(wires: &mut Wires, udp: Blocked, tcp: Blocked) {
    for direction in Direction::ALL {
        if tcp.covers(direction) {
            wires.hold_control_in(direction);
        }
        if udp.covers(direction) {
            match direction {
                Direction::Up => wires.up.cut(),
                Direction::Down => wires.down.cut(),
            }
        }
    }
}
