//! One holder at a time, and nothing queued before a failed take is left.

use std::sync::{Arc, Mutex};

use super::*;
use crate::sync::{
    atomic::AtomicU64,
    explore::{every_order, spawn},
};

/// What is queued for a session, and how much of it the holders sent.
#[derive(Default)]
struct Desk {
    role: SenderRole,
    queued: AtomicU64,
    /// The standard library's, which loom does not see: what orders the holders is the role.
    sent: Mutex<u64>,
}

impl Desk {
    fn queue_one(&self) {
        // Relaxed: what makes it seen is the role.
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    fn send_all(&self) {
        let mut sent = self.sent.try_lock().expect("two hold it");
        *sent = self.queued.load(Ordering::Relaxed);
    }
}

/// So many threads queue one each and then send as `send` does.
fn threads(count: u64, send: fn(&Desk)) {
    every_order(move || {
        let desk = Arc::<Desk>::default();
        let threads: Vec<_> = (0..count)
            .map(|_| {
                let desk = Arc::clone(&desk);
                spawn(move || {
                    desk.queue_one();
                    send(&desk);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*desk.sent.lock().unwrap(), count, "something was left");
    });
}

fn send(desk: &Desk) {
    let mut holder = desk.role.take();
    while let Some(held) = holder {
        desk.send_all();
        holder = held.give_back();
    }
}

#[test]
fn two_threads_send_all_and_never_at_once() {
    threads(2, send);
}

#[test]
fn three_threads_send_all_and_never_at_once() {
    threads(3, send);
}

#[test]
#[should_panic(expected = "something was left")]
fn canary_a_holder_that_does_not_look_again() {
    threads(2, |desk| {
        if let Some(held) = desk.role.take() {
            desk.send_all();
            drop(held);
        }
    });
}

#[test]
#[should_panic(expected = "two hold it")]
fn canary_a_holder_that_gave_it_back_and_goes_on() {
    threads(2, |desk| {
        let mut holder = desk.role.take();
        while let Some(held) = holder {
            holder = held.give_back();
            desk.send_all();
        }
    });
}
