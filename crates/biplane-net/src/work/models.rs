//! An entry of the wheel fires when its time comes, whoever sleeps; so does what waits for a flush.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{
    hub::Hub,
    slot::hub,
    sync::{
        Condvar,
        explore::{orders_with, spawn},
    },
};

/// What the senders of one endpoint share, and what has fired.
struct Watchmen {
    hub: Arc<Hub>,
    /// The tick that it is.
    tick: AtomicU64,
    fired: Mutex<Vec<u64>>,
    firing: Condvar,
}

impl Watchmen {
    /// A sender's life, of which only the wheel is left.
    fn sleep_and_look(&self) {
        let mut next = None;
        loop {
            let mut due = VecDeque::new();
            let work = self.hub.work();
            let now = work.epoch().instant(self.tick.load(Ordering::SeqCst));
            if work.expire(now, &mut due).flush {
                let (only, several) = self.hub.take_overdue(now);
                only.iter().chain(&several).for_each(|slot| self.note(slot));
            }
            for (tick, slot) in due {
                if slot.timing().fire(tick) {
                    self.note(&slot);
                }
            }
            match Option::take(&mut next).or_else(|| work.take()) {
                Some(Job::Stop) => return,
                Some(_) => {}
                None => next = work.wait(),
            }
        }
    }

    fn note(&self, slot: &Slot) {
        lock(&self.fired).push(slot.id().number());
        self.firing.notify_all();
    }

    /// It is `tick`; waits until the session with this number has fired, and no other after it.
    fn reach(&self, tick: Tick, number: u64) {
        self.tick.store(tick, Ordering::SeqCst);
        let work = self.hub.work();
        work.jobs.1.reach(work.epoch().instant(tick));
        let mut fired = lock(&self.fired);
        while fired.last() != Some(&number) {
            fired = self.firing.wait(fired).unwrap();
        }
    }
}

/// Runs `act` while `senders` fall asleep.
fn watched(
    senders: usize,
    preemptions: usize,
    act: impl Fn(&Arc<Watchmen>) + Send + Sync + 'static,
) {
    orders_with(preemptions, move || {
        let (hub, _announcements) = hub(senders);
        let watchmen = Arc::new(Watchmen {
            hub,
            tick: AtomicU64::new(0),
            fired: Mutex::default(),
            firing: Condvar::new(),
        });
        let crew: Vec<_> = (0..senders)
            .map(|_| {
                let watchmen = Arc::clone(&watchmen);
                spawn(move || watchmen.sleep_and_look())
            })
            .collect();
        act(&watchmen);
        (0..senders).for_each(|_| watchmen.hub.work().add(Job::Stop));
        crew.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

/// Meanwhile one session is scheduled for tick 50 and one for 40, as `schedule` does; beside a
/// single sender by two threads.
fn model(senders: usize, preemptions: usize, schedule: fn(&Work, &Arc<Slot>)) {
    watched(senders, preemptions, move |watchmen| {
        let [late, early] = [1, 2].map(|number| Slot::modelled(number, &watchmen.hub));
        early.timing().want(Some(40));
        late.timing().want(Some(50));
        if senders == 1 {
            let there = Arc::clone(watchmen);
            let elsewhere = spawn(move || schedule(there.hub.work(), &late));
            schedule(watchmen.hub.work(), &early);
            elsewhere.join().unwrap();
        } else {
            schedule(watchmen.hub.work(), &late);
            schedule(watchmen.hub.work(), &early);
        }
        watchmen.reach(40, 2);
        watchmen.reach(50, 1);
    });
}

/// Meanwhile `queue` has a session queue something that nobody flushes.
fn unflushed(queue: fn(&Arc<Hub>, &Arc<Slot>)) {
    watched(1, 3, move |watchmen| {
        let slot = Slot::modelled(2, &watchmen.hub);
        queue(&watchmen.hub, &slot);
        // Later than the time for which anything of a session's may wait.
        watchmen.reach(100, 2);
    });
}

#[test]
fn an_entry_fires_in_time_though_the_sender_falls_asleep() {
    model(1, 3, Work::schedule);
}

#[test]
fn an_entry_fires_in_time_though_two_senders_fall_asleep() {
    model(2, 2, Work::schedule);
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_an_entry_for_which_nobody_is_called() {
    model(1, 3, |work, slot| {
        let tick = slot.timing().wanted().unwrap();
        if slot.timing().stand(tick) {
            work.insert(tick, slot);
        }
    });
}

#[test]
fn what_nobody_flushes_leaves_in_time() {
    unflushed(|hub, slot| hub.add_dirty(slot));
}

#[test]
fn what_nobody_flushes_leaves_in_time_after_a_flush_too() {
    unflushed(|hub, slot| {
        hub.add_dirty(&Slot::modelled(1, hub));
        let (flushed, _) = hub.take_dirty();
        flushed.iter().for_each(|slot| slot.begin_flush());
        hub.add_dirty(slot);
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_something_queued_for_which_nobody_is_called() {
    unflushed(|hub, slot| hub.add_dirty_unseen(slot));
}
