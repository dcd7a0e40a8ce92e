//! A look finds the old key or the new one, and never another epoch's; a packet comes after its key.

use std::sync::Arc;

use super::*;
use crate::{
    locks::lock,
    sync::{
        Mutex, bounded,
        explore::{Task, every_order, spawn, together},
    },
};

const OLD: KeyPhase = KeyPhase::FIRST;
/// Of the join.
const FIRST: KeyEpoch = KeyEpoch(0);
/// Of the first resume.
const SECOND: KeyEpoch = KeyEpoch(1);

fn phases() -> Arc<Epochs<u32>> {
    let phases = Epochs::default();
    phases.put(FIRST, OLD, 1);
    Arc::new(phases)
}

/// One replaces a key as `replace` does while two look.
fn swap(replace: fn(&Epochs<u32>)) {
    every_order(move || {
        let phases = phases();
        let look = || -> Task {
            let phases = Arc::clone(&phases);
            Box::new(move || {
                let first = *phases.at(FIRST, OLD).expect("there is no key");
                let second = *phases.at(FIRST, OLD).expect("there is no key");
                assert!(first <= second && second <= 2, "{first}, then {second}");
            })
        };
        let (one, other) = (look(), look());
        let phases = Arc::clone(&phases);
        together([one, other, Box::new(move || replace(&phases))]);
    });
}

/// A session moves on by one phase; its peer, which is told, sends under the new one.
fn update(install: fn(&Epochs<u32>, &Mutex<()>, &dyn Fn())) {
    every_order(move || {
        let (phases, session) = (phases(), Arc::new(Mutex::new(())));
        let (tell, told) = bounded(1);
        let opener = {
            let phases = Arc::clone(&phases);
            spawn(move || {
                told.recv().unwrap();
                assert_eq!(
                    phases.at(FIRST, OLD.next()).as_deref(),
                    Some(&2),
                    "a packet before its key"
                );
            })
        };
        // What is still under way of the old phase finds its key, or finds it discarded.
        let straggler = {
            let phases = Arc::clone(&phases);
            spawn(move || assert!(phases.at(FIRST, OLD).is_none_or(|key| *key == 1)))
        };
        install(&phases, &session, &|| tell.try_send(()).unwrap());
        opener.join().unwrap();
        straggler.join().unwrap();
        assert!(phases.at(FIRST, OLD).is_none());
    });
}

#[test]
fn who_looks_during_a_swap_sees_old_or_new_and_never_none() {
    swap(|phases| phases.put(FIRST, OLD, 2));
}

#[test]
#[should_panic(expected = "there is no key")]
fn canary_a_swap_in_two_steps() {
    swap(|phases| {
        phases.discard(FIRST, OLD);
        phases.put(FIRST, OLD, 2);
    });
}

#[test]
fn no_packet_of_the_next_phase_comes_before_its_key() {
    update(|phases, session, tell| {
        let locked = lock(session);
        phases.put(FIRST, OLD.next(), 2);
        phases.discard(FIRST, OLD);
        drop(locked);
        tell();
    });
}

#[test]
#[should_panic(expected = "a packet before its key")]
fn canary_keys_that_follow_when_the_lock_is_free_again() {
    update(|phases, session, tell| {
        drop(lock(session));
        tell();
        phases.put(FIRST, OLD.next(), 2);
        phases.discard(FIRST, OLD);
    });
}

/// A session is resumed twice as `begin` does; stragglers of the join, and of the first resume, look
/// for their keys meanwhile.
fn resumes(begin: fn(&Epochs<u32>, KeyEpoch, u32)) {
    every_order(move || {
        let epochs = phases();
        epochs.put(SECOND, OLD, 2);
        let look = |epoch, key| -> Task {
            let epochs = Arc::clone(&epochs);
            Box::new(move || {
                let found = epochs.at(epoch, OLD);
                assert!(found.is_none_or(|found| *found == key), "a key of another epoch");
            })
        };
        let (first, second) = (look(FIRST, 1), look(SECOND, 2));
        let resumed = Arc::clone(&epochs);
        together([first, second, Box::new(move || begin(&resumed, KeyEpoch(2), 3))]);
        assert_eq!(epochs.at(SECOND, OLD).as_deref(), Some(&2), "the other epoch is as it was");
    });
}

#[test]
fn a_third_epoch_takes_the_place_of_the_first_and_is_never_taken_for_it() {
    resumes(|epochs, epoch, key| {
        epochs.discard_all(FIRST);
        epochs.put(epoch, OLD, key);
    });
}

#[test]
#[should_panic(expected = "a key of another epoch")]
fn canary_an_epoch_that_is_not_looked_at() {
    resumes(|epochs, epoch, key| {
        let mut epochs = write(&epochs.0);
        epochs[place(epoch)].keys[OLD.index()] = Some(Arc::new(key));
    });
}
