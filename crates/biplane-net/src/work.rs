//! What there is for senders to do: sessions that want to transmit, and sessions whose time comes.
//!
//! A session stands in the list at most once and in the wheel once. Senders sleep on the list. One
//! of them sleeps no longer than until the wheel's next entry; whoever puts in an earlier one wakes
//! a sender, unless one is awake anyway, since none goes to sleep without a look at the wheel. So
//! an endpoint without work makes no system call.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use crate::{
    alarm::Alarm,
    limits,
    locks::lock,
    slot::Slot,
    sync::{Mutex, Receiver, Sender, bounded},
    wheel::{Epoch, Tick, Wheel},
};

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Fill, seal and send for a session.
    Serve(Arc<Slot>),
    /// The same for all of these, after a flush.
    Flush(Vec<Arc<Slot>>),
    /// Look at the wheel.
    Look,
    /// The endpoint closes.
    Stop,
}

/// The list and the wheel.
#[derive(Debug)]
pub(crate) struct Work {
    jobs: (Sender<Job>, Receiver<Job>),
    timers: Mutex<Timers>,
    epoch: Epoch,
    /// For who does all of an endpoint's work, and sleeps on its socket and not on the list.
    alarm: Arc<Alarm>,
}

#[derive(Debug)]
struct Timers {
    wheel: Wheel<Arc<Slot>>,
    /// When somebody looks whether what is queued waits for its flush too long.
    flush: Option<Tick>,
    /// The earliest tick for which some sender wakes.
    armed: Option<Tick>,
    /// Senders that will look at the wheel before they sleep.
    awake: usize,
}

/// What a look at the wheel finds, beside what fires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// It is time to look at what is queued.
    pub(crate) flush: bool,
    /// More fires, for the next look.
    pub(crate) more: bool,
}

/// A sender's sleep: for which tick it wakes, if it is the one that watches the wheel.
#[derive(Debug)]
pub(crate) struct Watch(Option<Tick>);

impl Work {
    /// Nothing to do, for `senders` that are awake and at most `sessions` at a time.
    pub(crate) fn new(now: Instant, senders: usize, sessions: usize) -> Self {
        Self {
            jobs: bounded(2 * sessions + limits::LIST_SLACK),
            timers: Mutex::new(Timers {
                wheel: Wheel::new(),
                flush: None,
                armed: None,
                awake: senders,
            }),
            epoch: Epoch(now),
            alarm: Arc::default(),
        }
    }

    pub(crate) const fn alarm(&self) -> &Arc<Alarm> {
        &self.alarm
    }

    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Adds a job. A session stands in few jobs at a time and jobs are taken soon, so there is room.
    pub(crate) fn add(&self, job: Job) {
        let added = self.jobs.0.try_send(job);
        debug_assert!(added.is_ok(), "the senders' list is full");
        self.alarm.ring();
    }

    /// Whether there is one.
    pub(crate) fn has_job(&self) -> bool {
        !self.jobs.1.is_empty()
    }

    /// When the wheel's next entry is due, for who watches it.
    pub(crate) fn due(&self, watch: &Watch) -> Option<Instant> {
        watch.0.map(|tick| self.epoch.instant(tick))
    }

    /// Puts `slot` into the wheel for what it wants, unless it stands there early enough.
    pub(crate) fn schedule(&self, slot: &Arc<Slot>) {
        let Some(tick) = slot.timing().wanted() else { return };
        if slot.timing().stand(tick) && self.insert(tick, slot) {
            self.add(Job::Look);
        }
    }

    /// Whether a sender must be woken for it.
    fn insert(&self, tick: Tick, slot: &Arc<Slot>) -> bool {
        let mut timers = lock(&self.timers);
        let fires = timers.wheel.insert(tick, Arc::clone(slot));
        timers.is_unseen(fires)
    }

    /// Has a sender look at `tick` whether what is queued still waits for its flush; whether one must
    /// be woken for it.
    #[must_use]
    pub(crate) fn look_at_flush(&self, tick: Tick) -> bool {
        let mut timers = lock(&self.timers);
        if timers.flush.is_some_and(|at| at <= tick) {
            return false;
        }
        timers.flush = Some(tick);
        timers.is_unseen(tick)
    }

    /// Nothing waits for its flush.
    pub(crate) fn forget_flush(&self) {
        lock(&self.timers).flush = None;
    }

    /// Moves the wheel to `now`; appends what fires, [`limits::SENDER_PASS`] at the most.
    #[must_use]
    pub(crate) fn expire(&self, now: Instant, fired: &mut VecDeque<(Tick, Arc<Slot>)>) -> Due {
        let reached = self.epoch.reached(now);
        let mut timers = lock(&self.timers);
        let more = timers.wheel.expire(reached, limits::SENDER_PASS, fired);
        Due { flush: timers.flush.take_if(|at| *at <= reached).is_some(), more }
    }

    /// A job, if there is one.
    pub(crate) fn take(&self) -> Option<Job> {
        let job = self.jobs.1.try_recv().ok();
        if matches!(job, Some(Job::Look)) {
            // Who takes it is awake and looks before it sleeps, in place of the one that was armed.
            lock(&self.timers).armed = None;
        }
        job
    }

    /// Waits for a job or for the wheel's next entry; for senders, when they have nothing left.
    pub(crate) fn wait(&self) -> Option<Job> {
        let watch = self.before_sleep();
        let job = match watch.0 {
            Some(tick) => self.jobs.1.recv_deadline(self.epoch.instant(tick)).ok(),
            None => self.jobs.1.recv().ok(),
        };
        self.after_sleep(&watch, matches!(job, Some(Job::Look)));
        job
    }

    /// Who called it sleeps now.
    pub(crate) fn before_sleep(&self) -> Watch {
        let mut timers = lock(&self.timers);
        timers.awake -= 1;
        let next = timers.wheel.next().into_iter().chain(timers.flush).min();
        let watch = next.filter(|next| timers.armed.is_none_or(|armed| *next < armed));
        if watch.is_some() {
            timers.armed = watch;
        }
        Watch(watch)
    }

    /// Who slept is awake, because it was `called` or not.
    pub(crate) fn after_sleep(&self, watch: &Watch, called: bool) {
        let mut timers = lock(&self.timers);
        timers.awake += 1;
        // Who was called looks in place of the one that was armed.
        if called || (watch.0.is_some() && timers.armed == watch.0) {
            timers.armed = None;
        }
    }
}

impl Timers {
    /// Whether nobody looks before `fires`, and who is called now does.
    fn is_unseen(&mut self, fires: Tick) -> bool {
        let unseen = self.awake == 0 && self.armed.is_none_or(|armed| fires < armed);
        if unseen {
            self.armed = Some(fires);
        }
        unseen
    }
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// One sender's list and wheel, and a slot to put in.
    fn work() -> (Work, Arc<Slot>) {
        let now = Instant::now();
        (Work::new(now, 1, 16), Slot::bare(Epoch(now)))
    }

    fn want(work: &Work, slot: &Arc<Slot>, tick: Tick) {
        slot.timing().want(Some(tick));
        work.schedule(slot);
    }

    #[test]
    fn a_sender_that_is_awake_is_not_called() {
        let (work, slot) = work();
        want(&work, &slot, 5);
        assert!(work.take().is_none());
    }

    #[test]
    fn a_sleeper_is_called_for_an_earlier_tick_and_for_no_later_one() {
        let (work, slot) = work();
        let other = Slot::bare(work.epoch());
        want(&work, &slot, 50);
        let watch = work.before_sleep();
        assert_eq!(watch.0, Some(50));
        want(&work, &other, 60);
        assert!(work.take().is_none(), "later");
        want(&work, &other, 40);
        assert!(matches!(work.take(), Some(Job::Look)), "earlier");
        work.after_sleep(&watch, true);
        assert_eq!(work.before_sleep().0, Some(40));
    }

    #[test]
    fn one_of_two_sleepers_watches_the_wheel() {
        let now = Instant::now();
        let work = Work::new(now, 2, 16);
        let slot = Slot::bare(work.epoch());
        want(&work, &slot, 50);
        let (first, second) = (work.before_sleep(), work.before_sleep());
        assert_eq!((first.0, second.0), (Some(50), None));
        work.after_sleep(&first, false);
        assert_eq!(work.before_sleep().0, Some(50), "watched again");
    }

    #[test]
    fn what_fires_comes_once_even_when_it_moved() {
        let (work, slot) = work();
        want(&work, &slot, 50);
        want(&work, &slot, 10);
        let mut fired = VecDeque::new();
        assert!(!work.expire(work.epoch().instant(50), &mut fired).flush);
        let counted = fired.iter().filter(|(tick, slot)| slot.timing().fire(*tick)).count();
        assert_eq!((fired.len(), counted), (2, 1));
    }

    #[test]
    fn a_sleeper_that_another_job_woke_before_the_call_watches_the_wheel_again() {
        let (work, slot) = work();
        let other = Slot::bare(work.epoch());
        want(&work, &slot, 50);
        let watch = work.before_sleep();
        work.add(Job::Serve(Arc::clone(&slot)));
        want(&work, &other, 40);
        assert!(matches!(work.take(), Some(Job::Serve(_))));
        work.after_sleep(&watch, false);
        assert!(matches!(work.take(), Some(Job::Look)));
        assert_eq!(work.before_sleep().0, Some(40));
    }

    #[test]
    fn a_look_at_the_flush_comes_once_and_not_for_what_was_forgotten() {
        let (work, _slot) = work();
        let mut fired = VecDeque::new();
        let mut look = |tick| work.expire(work.epoch().instant(tick), &mut fired).flush;
        let watch = work.before_sleep();
        assert!(work.look_at_flush(20), "a sender must be woken");
        assert!(!work.look_at_flush(30), "it looks before that");
        work.after_sleep(&watch, true);
        assert_eq!([19, 20, 21].map(&mut look), [false, true, false]);
        assert!(!work.look_at_flush(40), "a sender is awake");
        assert_eq!(work.before_sleep().0, Some(40));
        work.forget_flush();
        assert!(!look(40));
    }

    #[test]
    fn a_wait_ends_with_the_next_entry() {
        let (work, slot) = work();
        want(&work, &slot, 1);
        assert!(work.wait().is_none());
        assert!(work.epoch().0.elapsed() >= Duration::from_millis(1));
    }
}
