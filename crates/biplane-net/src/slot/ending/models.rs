//! Whoever waits for the end of a session hears of it once.

use std::sync::Arc;

use core::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sync::explore::{Task, every_order, together};

/// Two wait while the end comes as `come` does.
fn model(come: fn(&Ending)) {
    every_order(move || {
        let (ending, told) = (Arc::new(Ending::default()), Arc::new(AtomicUsize::new(0)));
        let wait = || -> Task {
            let (ending, told) = (Arc::clone(&ending), Arc::clone(&told));
            Box::new(move || {
                ending.wait(Box::new(move || {
                    told.fetch_add(1, Ordering::Relaxed);
                }));
            })
        };
        let (one, other) = (wait(), wait());
        let coming = Arc::clone(&ending);
        together([one, other, Box::new(move || come(&coming))]);
        assert_eq!(told.load(Ordering::Relaxed), 2, "told so often");
    });
}

#[test]
fn all_who_wait_are_told_once() {
    model(Ending::come);
}

#[test]
#[should_panic(expected = "told so often")]
fn canary_an_end_that_leaves_the_list_open() {
    model(|ending| {
        let waiting = lock(&ending.waiting).0.as_mut().map(core::mem::take);
        for then in waiting.into_iter().flatten() {
            then();
        }
    });
}
