//! An entry of the wheel fires when its time comes, whoever sleeps.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{
    slot::hub,
    sync::{
        Condvar,
        explore::{orders_with, spawn},
    },
};

/// What the senders of one endpoint share, and what has fired.
struct Watchmen {
    work: Work,
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
            let now = self.work.epoch().instant(self.tick.load(Ordering::SeqCst));
            self.work.expire(now, &mut due);
            for (tick, slot) in due {
                if slot.timing().fire(tick) {
                    lock(&self.fired).push(slot.id().number());
                    self.firing.notify_all();
                }
            }
            match Option::take(&mut next).or_else(|| self.work.take()) {
                Some(Job::Stop) => return,
                Some(_) => {}
                None => next = self.work.wait(),
            }
        }
    }

    /// It is `tick`; waits until the session with this number has fired, and no other after it.
    fn reach(&self, tick: Tick, number: u64) {
        self.tick.store(tick, Ordering::SeqCst);
        self.work.jobs.1.reach(self.work.epoch().instant(tick));
        let mut fired = lock(&self.fired);
        while fired.last() != Some(&number) {
            fired = self.firing.wait(fired).unwrap();
        }
    }
}

/// While `senders` fall asleep, one session is scheduled for tick 50 and one for 40, as `schedule`
/// does; beside a single sender by two threads.
fn model(senders: usize, preemptions: usize, schedule: fn(&Work, &Arc<Slot>)) {
    orders_with(preemptions, move || {
        let (hub, _outlets) = hub(1);
        let watchmen = Arc::new(Watchmen {
            work: Work::new(hub.work().epoch().0, senders, 4),
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
        let [late, early] = [1, 2].map(|number| Slot::modelled(number, &hub));
        early.timing().want(Some(40));
        late.timing().want(Some(50));
        if senders == 1 {
            let there = Arc::clone(&watchmen);
            let elsewhere = spawn(move || schedule(&there.work, &late));
            schedule(&watchmen.work, &early);
            elsewhere.join().unwrap();
        } else {
            schedule(&watchmen.work, &late);
            schedule(&watchmen.work, &early);
        }
        watchmen.reach(40, 2);
        watchmen.reach(50, 1);
        (0..senders).for_each(|_| watchmen.work.add(Job::Stop));
        crew.into_iter().for_each(|sender| sender.join().unwrap());
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
