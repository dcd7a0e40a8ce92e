//! Waiting for sockets and for time, to the microsecond.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use polling::{AsSource, Event, Events, PollMode};

use crate::clock;

/// What an event is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Token {
    /// The UDP port has datagrams.
    Udp,
    /// The TCP port has a connection.
    Tcp,
    /// The socket of a flow has datagrams.
    Flow(usize),
    /// The client's socket of a connection.
    Client(usize),
    /// The target's socket of a connection.
    Target(usize),
}

/// A socket that something can be done with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ready {
    pub(crate) token: Token,
    pub(crate) readable: bool,
}

/// What to wait for on a socket.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Interest {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// A set of sockets to wait on.
///
/// The ports and the flows are level-triggered. A connection's sockets are told of once and then
/// asked for again: a hang-up cannot be ignored otherwise while nothing is to be read.
#[derive(Debug)]
pub(crate) struct Poller {
    poller: Arc<polling::Poller>,
    events: Events,
}

impl Token {
    const KINDS: usize = 8;

    const fn mode(self) -> PollMode {
        match self {
            Self::Udp | Self::Tcp | Self::Flow(_) => PollMode::Level,
            Self::Client(_) | Self::Target(_) => PollMode::Oneshot,
        }
    }

    const fn key(self) -> usize {
        match self {
            Self::Udp => 0,
            Self::Tcp => 1,
            Self::Flow(index) => 2 + index * Self::KINDS,
            Self::Client(index) => 3 + index * Self::KINDS,
            Self::Target(index) => 4 + index * Self::KINDS,
        }
    }

    const fn of(key: usize) -> Option<Self> {
        let index = key / Self::KINDS;
        match key % Self::KINDS {
            0 => Some(Self::Udp),
            1 => Some(Self::Tcp),
            2 => Some(Self::Flow(index)),
            3 => Some(Self::Client(index)),
            4 => Some(Self::Target(index)),
            _ => None,
        }
    }
}

impl Interest {
    pub(crate) const NONE: Self = Self { readable: false, writable: false };
    pub(crate) const READ: Self = Self { readable: true, writable: false };

    /// Whether all of `other` is in it.
    pub(crate) const fn covers(self, other: Self) -> bool {
        (self.readable || !other.readable) && (self.writable || !other.writable)
    }

    fn event(self, token: Token) -> Event {
        Event::new(token.key(), self.readable, self.writable)
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poller: Arc::new(polling::Poller::new()?), events: Events::new() })
    }

    /// Waits on `socket` too, until [`Poller::forget`].
    pub(crate) fn watch(
        &self,
        socket: &impl AsSource,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        #[expect(
            unsafe_code,
            reason = "polling leaves it to us that sockets are forgotten in time"
        )]
        // SAFETY: the socket is open now, and whoever owns it forgets it before it is closed: flows
        // in `udp`, connections in `tcp`, and the two ports outlive the poller's last wait.
        unsafe {
            self.poller.add_with_mode(&socket.source(), interest.event(token), token.mode())
        }
    }

    /// Waits for something else on a socket.
    pub(crate) fn change(
        &self,
        socket: &impl AsSource,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.poller.modify_with_mode(socket, interest.event(token), token.mode())
    }

    /// Waits on a socket no more. One that was never watched is none the worse.
    pub(crate) fn forget(&self, socket: &impl AsSource) {
        drop(self.poller.delete(socket));
    }

    /// Waits until something happens, `deadline` comes, or somebody calls; returns what happened.
    pub(crate) fn wait(&mut self, deadline: Instant, out: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = deadline.saturating_duration_since(clock::now());
        self.events.clear();
        self.poller.wait(&mut self.events, Some(timeout.max(Duration::from_nanos(1))))?;
        out.extend(self.events.iter().filter_map(|event| {
            Some(Ready { token: Token::of(event.key)?, readable: event.readable })
        }));
        Ok(())
    }

    /// What ends a wait by its `notify`, from any thread.
    pub(crate) fn waker(&self) -> Arc<polling::Poller> {
        Arc::clone(&self.poller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_key() {
        for token in [
            Token::Udp,
            Token::Tcp,
            Token::Flow(0),
            Token::Flow(77),
            Token::Client(5),
            Token::Target(5),
        ] {
            assert_eq!(Token::of(token.key()), Some(token));
        }
    }
}
