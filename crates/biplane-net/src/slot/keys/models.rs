//! A look finds the old key or the new one; a packet comes after its key.

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

fn phases() -> Arc<Phases<u32>> {
    let phases = Phases::default();
    phases.put(OLD, Some(1));
    Arc::new(phases)
}

/// One replaces a key as `replace` does while two look.
fn swap(replace: fn(&Phases<u32>)) {
    every_order(move || {
        let phases = phases();
        let look = || -> Task {
            let phases = Arc::clone(&phases);
            Box::new(move || {
                let first = *phases.at(OLD).expect("there is no key");
                let second = *phases.at(OLD).expect("there is no key");
                assert!(first <= second && second <= 2, "{first}, then {second}");
            })
        };
        let (one, other) = (look(), look());
        let phases = Arc::clone(&phases);
        together([one, other, Box::new(move || replace(&phases))]);
    });
}

/// A session moves on by one phase; its peer, which is told, sends under the new one.
fn update(install: fn(&Phases<u32>, &Mutex<()>, &dyn Fn())) {
    every_order(move || {
        let (phases, session) = (phases(), Arc::new(Mutex::new(())));
        let (tell, told) = bounded(1);
        let opener = {
            let phases = Arc::clone(&phases);
            spawn(move || {
                told.recv().unwrap();
                assert_eq!(phases.at(OLD.next()).as_deref(), Some(&2), "a packet before its key");
            })
        };
        // What is still under way of the old phase finds its key, or finds it discarded.
        let straggler = {
            let phases = Arc::clone(&phases);
            spawn(move || assert!(phases.at(OLD).is_none_or(|key| *key == 1)))
        };
        install(&phases, &session, &|| tell.try_send(()).unwrap());
        opener.join().unwrap();
        straggler.join().unwrap();
        assert!(phases.at(OLD).is_none());
    });
}

#[test]
fn who_looks_during_a_swap_sees_old_or_new_and_never_none() {
    swap(|phases| phases.put(OLD, Some(2)));
}

#[test]
#[should_panic(expected = "there is no key")]
fn canary_a_swap_in_two_steps() {
    swap(|phases| {
        phases.put(OLD, None);
        phases.put(OLD, Some(2));
    });
}

#[test]
fn no_packet_of_the_next_phase_comes_before_its_key() {
    update(|phases, session, tell| {
        let locked = lock(session);
        phases.put(OLD.next(), Some(2));
        phases.put(OLD, None);
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
        phases.put(OLD.next(), Some(2));
        phases.put(OLD, None);
    });
}
