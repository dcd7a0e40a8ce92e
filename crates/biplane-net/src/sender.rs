//! Senders: sessions that want to transmit, and sessions whose time has come.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use crate::{
    hub::Hub, limits, outbox::Outbox, slot::Slot, socket::DatagramSocket, wheel::Tick, work::Job,
};

/// One of the senders that share an endpoint's socket.
#[derive(Debug)]
pub(crate) struct Sender {
    hub: Arc<Hub>,
    outbox: Outbox,
    /// What fired and was not yet looked at.
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
        if self.hub.work().expire(now, &mut self.fired) {
            let (only, several) = self.hub.take_overdue(now);
            only.iter().for_each(|slot| self.outbox.flush(now, slot));
            self.hub.flush_later(&several);
        }
        let mut pass = Pass { done: 0, stop: false };
        while pass.done < limits::SENDER_PASS
            && let Some((tick, slot)) = self.fired.pop_front()
        {
            self.fire(now, tick, &slot);
            pass.done += 1;
        }
        // The next stop in the list is another sender's.
        while pass.done < 2 * limits::SENDER_PASS
            && !pass.stop
            && let Some(job) = self.next.take().or_else(|| self.hub.work().take())
        {
            pass.stop = matches!(job, Job::Stop);
            self.take(now, job);
            pass.done += 1;
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
            Job::Flush(slots) => slots.iter().for_each(|slot| self.outbox.flush(now, slot)),
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
