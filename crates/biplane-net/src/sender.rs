//! Senders: sessions that want to transmit, and sessions whose time has come.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use crate::{
    crew::contained, hub::Hub, limits, outbox::Outbox, slot::Slot, socket::DatagramSocket,
    wheel::Tick, work::Job,
};

/// One of the senders that share an endpoint's socket.
#[derive(Debug)]
pub(crate) struct Sender {
    hub: Arc<Hub>,
    outbox: Outbox,
    /// What fired and was not yet looked at; empty between two passes, unless one panicked.
    fired: VecDeque<(Tick, Arc<Slot>)>,
    /// The job that ended the last wait.
    next: Option<Job>,
}

/// What one pass did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    /// Jobs and timers; none: wait.
    pub(crate) done: usize,
    /// The endpoint closes.
    pub(crate) stop: bool,
}

impl Sender {
    /// The one with this number.
    pub(crate) fn new(socket: Arc<dyn DatagramSocket>, hub: Arc<Hub>, index: usize) -> Self {
        let outbox = Outbox::new(socket, Arc::clone(&hub), limits::WORKER_PATIENCE);
        Self { hub, outbox: outbox.of_sender(index), fired: VecDeque::new(), next: None }
    }

    /// Does what there is to do, up to a bound; waits nowhere but for room in the kernel.
    pub(crate) fn duty_cycle(&mut self, now: Instant) -> Pass {
        let due = self.hub.work().expire(now, &mut self.fired);
        if due.flush {
            let (only, several) = self.hub.take_overdue(now);
            only.iter().for_each(|slot| self.outbox.flush(now, slot));
            self.hub.flush_later(&several);
        }
        let mut pass = Pass { done: 0, stop: false };
        while let Some((tick, slot)) = self.fired.pop_front() {
            self.fire(now, tick, &slot);
            pass.done += 1;
        }
        // The next stop in the list is another sender's.
        let most = pass.done + limits::SENDER_PASS;
        while pass.done < most
            && !pass.stop
            && let Some(job) = self.next.take().or_else(|| self.hub.work().take())
        {
            pass.stop = matches!(job, Job::Stop);
            self.take(now, job);
            pass.done += 1;
        }
        if due.more {
            // While there is a job nobody sleeps, so the next pass, here or elsewhere, takes them.
            self.hub.work().add(Job::Look);
        }
        pass
    }

    /// Waits for a job, or for a timer.
    pub(crate) fn wait(&mut self) {
        self.next = self.hub.work().wait();
    }

    fn take(&mut self, now: Instant, job: Job) {
        match job {
            Job::Serve(slot) => {
                slot.begin_service();
                self.outbox.serve(now, &slot);
            }
            Job::Flush(slots) => {
                for slot in &slots {
                    // One that panics keeps none of the others from leaving: they are in no list.
                    contained(&self.hub, || self.outbox.flush(now, slot));
                }
            }
            // The wheel was moved already; to stop is the thread's affair.
            Job::Look | Job::Stop => {}
        }
    }

    /// The session's entry has fired. Its deadline may have moved on since it was put in.
    fn fire(&mut self, now: Instant, tick: Tick, slot: &Arc<Slot>) {
        if !slot.timing().fire(tick) {
            return;
        }
        let work = self.hub.work();
        let Some(wanted) = slot.timing().wanted() else { return };
        let reached = work.epoch().reached(now);
        if wanted > reached {
            return work.schedule(slot);
        }
        slot.timing().act(reached);
        let ((), aftermath) = slot.enter(now, |session| session.handle_timeout(now));
        if slot.follow_in(&self.hub, aftermath) {
            self.outbox.serve(now, slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use biplane_proto::SessionConfig;
    use biplane_wire::PacketNumber;

    use super::*;
    use crate::{Threading, hub::Sizes, receiver::tests::Planned};

    #[test]
    fn nobody_may_sleep_while_more_is_due_than_a_pass_takes() {
        const SESSIONS: usize = 3 * limits::SENDER_PASS;
        let now = Instant::now();
        let threading = Threading::Inline;
        let sizes = Sizes { receivers: 1, senders: 1, sessions: SESSIONS, threading };
        let own = ([127, 0, 0, 1], 7_000).into();
        let (hub, _outlets) = Hub::new(now, own, sizes, SessionConfig::default(), PacketNumber(0));
        let mut sender = Sender::new(Arc::new(Planned::default()), Arc::clone(&hub), 0);
        let (work, soon) = (hub.work(), 5);
        let slots: Vec<_> = (0..SESSIONS).map(|_| Slot::bare(work.epoch())).collect();
        for slot in &slots {
            slot.timing().want(Some(soon));
            work.schedule(slot);
        }
        let late = now + Duration::from_millis(20);
        let seen_to = || slots.iter().filter(|slot| slot.timing().wanted() != Some(soon)).count();
        let mut passes = Vec::new();
        loop {
            let pass = sender.duty_cycle(late);
            passes.push((pass.done, seen_to()));
            if !work.has_job() {
                break;
            }
        }
        assert_eq!(seen_to(), SESSIONS, "{passes:?}");
        assert_eq!(passes.first().map(|pass| pass.1), Some(limits::SENDER_PASS), "by turns");
    }
}
