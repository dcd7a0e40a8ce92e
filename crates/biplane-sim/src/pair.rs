//! A world with one client: most of what a test needs.

use core::{
    ops::{Deref, DerefMut},
    time::Duration,
};
use std::time::Instant;

use biplane_proto::Planes;

use crate::{ClientConfig, LinkConfig, Protocol, Side, Wires, WiresConfig, World};

/// A client and a server, which speak [`Protocol::of_every_kind`] unless told otherwise; a
/// [`World`] in everything else.
#[derive(Debug)]
pub struct Pair {
    world: World,
}

impl Pair {
    /// The client's end of the session.
    pub const CLIENT: Side = Side::Client(0);
    /// The server's.
    pub const SERVER: Side = Side::Server(0);
    /// Both ends.
    pub const SIDES: [Side; 2] = [Self::CLIENT, Self::SERVER];

    /// A client that has just written its hello.
    #[must_use]
    pub fn dialing(start: Instant, seed: u64, config: ClientConfig) -> Self {
        Self::speaking(start, seed, Protocol::of_every_kind(), config)
    }

    /// The same for a protocol of the caller's.
    #[must_use]
    pub fn speaking(start: Instant, seed: u64, protocol: Protocol, config: ClientConfig) -> Self {
        let mut world = World::new(start, seed, protocol);
        world.connect(config);
        Self { world }
    }

    /// A client and a server in session, the UDP path proven both ways; if the link lets them,
    /// which they try for five seconds.
    #[must_use]
    pub fn joined(start: Instant, seed: u64, link: LinkConfig) -> Self {
        let mut pair = Self::dialing(start, seed, ClientConfig::new(WiresConfig::of(link)));
        pair.join();
        pair
    }

    /// Goes on until both ends fly on both planes, for five seconds at the most; whether they do.
    pub fn join(&mut self) -> bool {
        self.run_until(Duration::from_secs(5), |world| {
            Self::SIDES.iter().all(|side| {
                world.session(*side).is_some_and(|session| session.planes() == Planes::Both)
            })
        })
    }

    /// Does something to what lies between the two.
    pub fn impair<R>(&mut self, impair: impl FnOnce(&mut Wires) -> R) -> Option<R> {
        self.world.wires_mut(Self::CLIENT.client()).map(impair)
    }
}

impl Deref for Pair {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Pair {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}
