//! A thread of the application's as a receiver, for as long as it waits for something to come.

use core::time::Duration;
use std::{io, sync::Arc, time::Instant};

use super::{
    Crew, contained,
    post::{Lead, Post, WatchedSocket},
};
use crate::{
    alarm::Alarm,
    clock,
    hub::Hub,
    locks::try_lock,
    receiver::{Pass, Receiver},
    socket::UdpDatagrams,
    sync::Mutex,
};

/// The receiver that callers count as: the one that leads while nobody calls.
const RECEIVER: usize = 0;

/// What a caller receives with; one at a time does.
#[derive(Debug)]
pub(crate) struct Caller {
    hub: Arc<Hub>,
    post: Arc<Post<WatchedSocket>>,
    receiver: Mutex<Receiver>,
}

impl Caller {
    /// One beside the receivers of `crew`.
    pub(super) fn of(crew: &Crew, socket: &Arc<UdpDatagrams>) -> Self {
        let (hub, post) = (Arc::clone(&crew.hub), Arc::clone(&crew.post));
        Self { hub, post, receiver: Mutex::new(crew.receiver(socket, RECEIVER)) }
    }

    /// Takes in what comes until `is_done`, or for `timeout`. Whether it is done; `None` if the
    /// receivers had better do it, or another caller does: what comes is told all the same.
    pub(crate) fn receive_until(
        &self,
        timeout: Duration,
        is_done: &dyn Fn() -> bool,
    ) -> Option<bool> {
        let mut receiver = try_lock(&self.receiver)?;
        let begun_at = clock::now();
        let end = begun_at.checked_add(timeout);
        let lead = self.post.lead(begun_at)?;
        loop {
            let holds = self.alarm().sleep(end, is_done);
            let now = clock::now();
            if holds {
                self.hub.counters().receiver(RECEIVER).inspect(|counters| counters.woke());
                self.take_in(&mut receiver, &lead, now)?;
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
    fn take_in(
        &self,
        receiver: &mut Receiver,
        lead: &Lead<'_, WatchedSocket>,
        now: Instant,
    ) -> Option<()> {
        match contained(&self.hub, || receiver.duty_cycle(now))? {
            Ok(Pass { datagrams, .. }) => lead.took_batch(now, datagrams).then_some(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(()),
            // The receivers meet it too, and know what to do.
            Err(_) => None,
        }
    }
}
