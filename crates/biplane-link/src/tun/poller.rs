//! Waits for sockets, devices and the next moment, to within microseconds.
//!
//! Moments come from a timer descriptor: `epoll_wait` alone counts in milliseconds, and its finer
//! sibling is missing from kernels and sandboxes that people use.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{
        Timespec,
        epoll::{self, EventData, EventFlags},
    },
    io::Errno,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    },
};

use super::token::Token;

/// How many events one wait brings at the most.
const EVENTS: usize = 256;
/// Stands for nobody who is to be told.
const NOBODY: u64 = u64::MAX;

/// What waits.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
}

/// What has something for us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    /// Which.
    pub(super) token: Token,
    /// Whether that is an error, or the end of both its directions.
    pub(super) is_over: bool,
}

impl Poller {
    /// One that waits for nothing yet.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // Edge-triggered, so that nobody needs to read it.
        epoll::add(&epoll, &timer, EventData::new_u64(NOBODY), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, timer })
    }

    /// Tells of `source` whenever there is something to read. Closing it ends that.
    pub(super) fn add_reader(&self, source: impl AsFd, token: Token) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, source, token.into(), EventFlags::IN)?)
    }

    /// Tells of `stream` once whenever it has become readable or writable, or has failed.
    pub(super) fn add_stream(&self, stream: impl AsFd, token: Token) -> io::Result<()> {
        let both = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, stream, token.into(), both)?)
    }

    /// Tells of `source` no more, for a while.
    pub(super) fn mute(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, source, EventData::new_u64(NOBODY), EventFlags::empty())?)
    }

    /// Tells of `source` again, as of a reader.
    pub(super) fn unmute(&self, source: impl AsFd, token: Token) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, source, token.into(), EventFlags::IN)?)
    }

    /// Waits for as long as `patience`, which may be none, and fills `ready`; an interruption is an
    /// end too.
    pub(super) fn wait(&self, patience: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = patience.is_zero().then_some(&at_once);
        if timeout.is_none() {
            self.arm(patience)?;
        }
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
        match epoll::wait(&self.epoll, events.as_mut_slice(), timeout) {
            Ok((events, _)) => ready.extend(events.iter().filter_map(Ready::read)),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    fn arm(&self, patience: Duration) -> io::Result<()> {
        let value = Timespec::try_from(patience).map_err(|_| io::ErrorKind::InvalidInput)?;
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: none, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

impl Ready {
    fn read(event: &epoll::Event) -> Option<Self> {
        let token = Token::try_from(event.data).ok()?;
        // Copied, because the kernel's structure is packed.
        let flags = event.flags;
        let is_over = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        Some(Self { token, is_over })
    }
}
