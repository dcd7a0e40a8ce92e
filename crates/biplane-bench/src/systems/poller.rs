//! Waits for many sockets at once.

use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{
        PollFd, PollFlags, Timespec,
        epoll::{self, EventData, EventFlags},
        poll,
    },
    io::Errno,
};

/// How many sockets one wait names at the most.
const EVENTS: usize = 256;

/// What is waited for, besides something to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Interest {
    Read,
    ReadAndWrite,
}

impl From<Interest> for EventFlags {
    fn from(interest: Interest) -> Self {
        match interest {
            Interest::Read => Self::IN,
            Interest::ReadAndWrite => Self::IN | Self::OUT,
        }
    }
}

/// Sockets by number, level-triggered.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    pub(super) fn new() -> Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Waits for `socket` too, under this number; closing it ends that.
    pub(super) fn add(&self, socket: impl AsFd, number: usize) -> Result<()> {
        let data = EventData::new_u64(u64::try_from(number)?);
        Ok(epoll::add(&self.epoll, socket, data, EventFlags::IN)?)
    }

    pub(super) fn change(
        &self,
        socket: impl AsFd,
        number: usize,
        interest: Interest,
    ) -> Result<()> {
        let data = EventData::new_u64(u64::try_from(number)?);
        Ok(epoll::modify(&self.epoll, socket, data, interest.into())?)
    }

    /// The numbers of those that are ready, in `ready`; none if nothing was in time.
    pub(super) fn wait(&self, patience: Duration, ready: &mut Vec<usize>) -> Result<()> {
        ready.clear();
        // `epoll_wait` counts in milliseconds, `ppoll` in nanoseconds.
        if !patience.is_zero() && !is_readable(&self.epoll, patience)? {
            return Ok(());
        }
        let mut events = [const { MaybeUninit::<epoll::Event>::uninit() }; EVENTS];
        match epoll::wait(&self.epoll, &mut events[..], Some(&Timespec::default())) {
            Ok((events, _)) => {
                let numbers = events.iter().map(|event| usize::try_from(event.data.u64()));
                numbers.for_each(|number| ready.extend(number));
                Ok(())
            }
            Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("waiting on the sockets"),
        }
    }
}

/// Whether there is something to read within `patience`.
pub(super) fn is_readable(socket: impl AsFd, patience: Duration) -> Result<bool> {
    let mut polled = [PollFd::new(&socket, PollFlags::IN)];
    match poll(&mut polled, Some(&Timespec::try_from(patience)?)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error).context("waiting on a socket"),
    }
}
