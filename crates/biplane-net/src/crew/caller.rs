//! A thread of the application's as a receiver, for as long as it waits for something to come.

use core::time::Duration;
use std::{io, sync::Arc, thread, time::Instant};

use super::{
    Crew, contained,
    post::{Lead, Post, WatchedSocket},
};
use crate::{
    alarm::Alarm, clock, hub::Hub, limits, locks::try_lock, os, receiver::Receiver,
    socket::UdpDatagrams, sync::Mutex,
};

/// The receiver that callers count as: the one that leads while nobody calls.
const RECEIVER: usize = 0;

/// What a caller receives with; one at a time does.
#[derive(Debug)]
pub(crate) struct Caller {
    hub: Arc<Hub>,
    post: Arc<Post<WatchedSocket>>,
    desk: Mutex<Desk>,
    /// Bytes of a batch that are more than a caller should find.
    most: u64,
    /// Receivers have processors of their own, or were asked for.
    has_company: bool,
}

/// What the caller of the moment has at hand.
#[derive(Debug)]
struct Desk {
    receiver: Receiver,
    /// Large batches.
    in_a_row: u32,
}

impl Caller {
    /// One beside so many receivers of `crew`.
    pub(super) fn of(crew: &Crew, socket: &Arc<UdpDatagrams>, receivers: usize) -> Self {
        let desk = Desk { receiver: crew.receiver(socket, RECEIVER), in_a_row: 0 };
        let room = os::room(socket.socket()).receive;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            hub: Arc::clone(&crew.hub),
            post: Arc::clone(&crew.post),
            desk: Mutex::new(desk),
            most: (room / limits::CALLER_ROOM) as u64,
            has_company: receivers > 1 || processors > 2,
        }
    }

    /// Takes in what comes until `is_done`, or for `timeout`. Whether it is done; `None` if the
    /// receivers had better do it, or another caller does: what comes is told all the same.
    pub(crate) fn receive_until(
        &self,
        timeout: Duration,
        is_done: &dyn Fn() -> bool,
    ) -> Option<bool> {
        let mut desk = try_lock(&self.desk)?;
        let begun_at = clock::now();
        let end = begun_at.checked_add(timeout);
        let lead = self.post.lead(begun_at)?;
        loop {
            let holds = self.alarm().sleep(end, is_done);
            let now = clock::now();
            if holds {
                self.hub.counters().receiver(RECEIVER).inspect(|counters| counters.woke());
                self.take_in(&mut desk, &lead, now)?;
            }
            if is_done() {
                return Some(true);
            }
            if end.is_some_and(|end| end <= now) {
                return Some(false);
            }
        }
    }

    fn alarm(&self) -> &Alarm {
        self.hub.announcer().alarm()
    }

    /// A pass; `None` if it was the last.
    fn take_in(&self, desk: &mut Desk, lead: &Lead<'_, WatchedSocket>, now: Instant) -> Option<()> {
        let pass = match contained(&self.hub, || desk.receiver.duty_cycle(now))? {
            Ok(pass) => pass,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(()),
            // The receivers meet it too, and know what to do.
            Err(_) => return None,
        };
        desk.in_a_row = if pass.many { desk.in_a_row + 1 } else { 0 };
        let many = self.has_company && desk.in_a_row >= limits::LARGE_BATCHES;
        let is_behind = many || pass.bytes > self.most;
        if is_behind {
            desk.in_a_row = 0;
        }
        lead.took_batch(now, pass.datagrams, is_behind).then_some(())
    }
}
