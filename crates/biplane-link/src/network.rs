//! The model of one run: both links, and the bottlenecks that TCP and UDP share.

use std::time::{Duration, Instant};

use biplane_sim::{Agenda, Bottleneck, Direction, Instruction, Link, Profile, Rng, Stream};

use crate::slab::Place;

/// Links on which datagrams of all flows are under way, from the first moment of a run on.
#[derive(Debug)]
pub(crate) struct Network {
    profile: Profile,
    start: Instant,
    rng: Rng,
    up: Way,
    down: Way,
    agenda: Agenda,
}

#[derive(Debug)]
struct Way {
    link: Link<Place>,
    bottleneck: Option<Bottleneck>,
}

impl Network {
    /// One whose run begins at `start`.
    pub(crate) fn new(start: Instant, profile: &Profile, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut way = |direction| {
            let config = profile.link(direction);
            let bottleneck = Bottleneck::of(start, &config);
            Way { link: Link::behind(start, config, rng.fork(), bottleneck.clone()), bottleneck }
        };
        let (up, down) = (way(Direction::Up), way(Direction::Down));
        let agenda = profile.schedule.agenda();
        Self { profile: profile.clone(), start, rng, up, down, agenda }
    }

    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// The datagrams of one direction.
    pub(crate) const fn link(&self, direction: Direction) -> &Link<Place> {
        match direction {
            Direction::Up => &self.up.link,
            Direction::Down => &self.down.link,
        }
    }

    pub(crate) const fn link_mut(&mut self, direction: Direction) -> &mut Link<Place> {
        match direction {
            Direction::Up => &mut self.up.link,
            Direction::Down => &mut self.down.link,
        }
    }

    /// One direction of a new connection.
    pub(crate) fn stream(&mut self, direction: Direction) -> Stream {
        let bottleneck = match direction {
            Direction::Up => self.up.bottleneck.clone(),
            Direction::Down => self.down.bottleneck.clone(),
        };
        let config = self.profile.stream(direction);
        Stream::behind(self.start, config, self.rng.fork(), bottleneck)
    }

    /// What is to be done now.
    pub(crate) fn instruction(&mut self, now: Instant) -> Option<Instruction> {
        let elapsed = self.elapsed(now);
        self.agenda.pop(elapsed)
    }

    /// When a datagram arrives or something is to be done.
    pub(crate) fn next_moment(&self) -> Option<Instant> {
        let due = self.agenda.next_due().and_then(|due| self.start.checked_add(due));
        [self.up.link.next_arrival(), self.down.link.next_arrival(), due]
            .into_iter()
            .flatten()
            .min()
    }
}
