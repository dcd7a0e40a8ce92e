//! What a world tells a caller who drives applications on it, instead of being asked each time.

use std::{collections::VecDeque, net::SocketAddr};

use biplane_proto::{Answered, JoinError};

use crate::Side;

/// Something that a caller has to see to.
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
    /// A client wants to join a server whose gate asks: [`crate::World::admit`] or
    /// [`crate::World::refuse`] it.
    Knocked {
        /// The client.
        client: usize,
        /// Which of the server's protocols it speaks.
        protocol: usize,
        /// What it brought.
        credentials: Vec<u8>,
        /// Its address.
        remote: SocketAddr,
    },
    /// A session began at this side.
    Began(Side),
    /// A client has no session, and never will.
    TurnedAway {
        /// The client.
        client: usize,
        /// What it was told; `None` if the connection broke.
        error: Option<JoinError>,
    },
    /// The session has events or messages to take. Told once until
    /// [`crate::World::clear_ready`].
    Ready(Side),
    /// A request of this side's ended.
    Answered(Side, Answered),
    /// The session is over at this side.
    Over(Side),
}

/// News that nobody took yet; none are kept before somebody listens.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) is_heard: bool,
    queue: VecDeque<News>,
}

impl Desk {
    pub(super) fn tell(&mut self, news: News) {
        if self.is_heard {
            self.queue.push_back(news);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn take(&mut self) -> Option<News> {
        self.queue.pop_front()
    }
}
