//! What is queued before a flush leaves with it; who waits for the last session hears of it once.

use core::sync::atomic::AtomicU64;

use biplane_wire::ReceiveId;

use super::*;
use crate::{
    slot::hub,
    sync::explore::{Task, every_order, orders_with, together},
};

impl Hub {
    /// Notes a session for the next flush as if there were always one.
    pub(crate) fn add_dirty_unseen(&self, slot: &Arc<Slot>) {
        lock(&self.dirty.queue).slots.push(Arc::clone(slot));
        slot.mark_dirty();
    }
}

/// Two queue for a session; the one that flushes as well must see its own leave.
fn flush(queued: fn(&Slot)) {
    orders_with(3, move || {
        let (hub, _outlets) = hub(1);
        let slot = Slot::modelled(1, &hub);
        // In the session's place: how much is queued, and how much a flush found.
        let (queue, flushed) = (Arc::new(Mutex::new(0)), Arc::new(AtomicU64::new(0)));
        let (other_slot, other_queue) = (Arc::clone(&slot), Arc::clone(&queue));
        let other: Task = Box::new(move || {
            *lock(&other_queue) += 1;
            queued(&other_slot);
        });
        let flusher = Arc::clone(&hub);
        let one: Task = Box::new(move || {
            *lock(&queue) += 1;
            let own = *lock(&queue);
            queued(&slot);
            let (only, several) = flusher.take_dirty();
            for slot in only.into_iter().chain(several) {
                slot.begin_flush();
                flushed.store(*lock(&queue), Ordering::Relaxed);
            }
            assert!(flushed.load(Ordering::Relaxed) >= own, "it did not leave");
        });
        together([one, other]);
        drop(hub);
    });
}

#[test]
fn what_was_queued_before_a_flush_leaves_with_it() {
    flush(Slot::queued);
}

#[test]
#[should_panic(expected = "it did not leave")]
fn canary_a_mark_that_is_set_before_the_list_has_it() {
    flush(|slot| {
        if slot.claim_dirty() {
            let (hub, me) = slot.around().unwrap();
            let mut queue = lock(&hub.dirty.queue);
            queue.slots.push(me);
            hub.dirty.count.store(queue.slots.len(), Ordering::SeqCst);
        }
    });
}

/// An endpoint closes as `close` does while its last session ends.
fn closing(close: fn(&Hub, Box<dyn FnOnce() + Send>)) {
    every_order(move || {
        let (hub, _outlets) = hub(1);
        let slot = Slot::modelled(7, &hub);
        hub.slots().reserve_as(ReceiveId(7)).fill(Arc::clone(&slot));
        let told = Arc::new(AtomicU64::new(0));
        let (here, done) = (Arc::clone(&hub), Arc::clone(&told));
        let done = Box::new(move || {
            done.fetch_add(1, Ordering::Relaxed);
        });
        together([Box::new(move || close(&here, done)), Box::new(move || hub.retire(&slot, None))]);
        assert_eq!(told.load(Ordering::Relaxed), 1, "told so often");
    });
}

#[test]
fn who_waits_for_the_last_session_is_told_once() {
    closing(|hub, done| {
        hub.begin_closing(done);
        hub.end_closing_if_empty();
    });
}

#[test]
#[should_panic(expected = "told so often")]
fn canary_a_close_that_does_not_look_whether_the_last_is_gone() {
    closing(|hub, done| hub.begin_closing(done));
}
