//! Waits to within microseconds: tokio's own timers count in milliseconds.

use std::{
    os::fd::OwnedFd,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Result;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

#[derive(Debug)]
pub(super) struct Timer {
    descriptor: AsyncFd<OwnedFd>,
    is_set: bool,
}

impl Timer {
    /// One that is not set. It must be made within the runtime that it is used in.
    pub(super) fn new() -> Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(deprecated, reason = "an `OwnedFd` stays what it is; its successor is unsafe")]
        let descriptor = AsyncFd::new(descriptor)?;
        Ok(Self { descriptor, is_set: false })
    }

    /// Forgets what it was set to.
    pub(super) fn clear(&mut self) {
        self.is_set = false;
    }

    /// Whether `patience` is over, counted from the first time it was asked since it was cleared.
    pub(super) fn poll(&mut self, patience: Duration, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_set {
            let it_value = Timespec::try_from(patience).unwrap_or_default();
            let moment = Itimerspec { it_interval: Timespec::default(), it_value };
            let set =
                timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::empty(), &moment);
            if set.is_err() {
                return Poll::Ready(());
            }
            self.is_set = true;
        }
        loop {
            let ready = std::task::ready!(self.descriptor.poll_read_ready(context));
            let Ok(mut guard) = ready else { return Poll::Ready(()) };
            let read = guard.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
            // It may still say that it is ready from the last time.
            if read.is_ok() {
                return Poll::Ready(());
            }
        }
    }
}
