//! Two threads that send for one session.

use std::io;

use biplane_wire::{ChannelId, Header, PacketNumber};
use bytes::Bytes;

use super::*;
use crate::{
    clock,
    slot::hub,
    socket::ReceiveBuffers,
    sync::explore::{Task, orders_with, together},
    work::Job,
};

/// A socket that takes everything, and remembers the numbers of what it took.
#[derive(Debug, Default)]
pub(crate) struct Wire(std::sync::Mutex<Vec<PacketNumber>>);

impl Wire {
    pub(crate) fn numbers(&self) -> Vec<PacketNumber> {
        self.0.lock().unwrap().clone()
    }
}

impl DatagramSocket for Wire {
    fn recv(&self, _: &mut ReceiveBuffers) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn send(&self, run: Run<'_>) -> io::Result<()> {
        let mut numbers = self.0.lock().unwrap();
        for single in run.singles() {
            let (header, _) = Header::decode(single.bytes).unwrap();
            numbers.push(header.number.expand(PacketNumber(0)));
        }
        Ok(())
    }

    fn max_segments(&self) -> usize {
        64
    }

    fn renew(&self) {}

    fn wait_writable(&self, _: Duration) -> bool {
        true
    }
}

impl Slot {
    /// Queues a message that leaves with the next flush.
    pub(crate) fn queue_message(&self) {
        let now = clock::now();
        let ((), aftermath) = self.enter(now, |session| {
            session.send(now, ChannelId::new(0).unwrap(), Bytes::from_static(b"message")).unwrap();
        });
        drop(aftermath);
    }

    /// Whether something waits to leave at once.
    pub(crate) fn has_unsent(&self) -> bool {
        let now = clock::now();
        let (unsent, aftermath) = self.enter(now, |session| {
            session.wants_transmit(now) || session.stats().queued_messages > 0
        });
        drop(aftermath);
        unsent
    }
}

/// Two threads queue a message each and send as `flush` does; then the senders' jobs are done.
fn two(flush: fn(&mut Outbox, &Arc<Slot>)) {
    orders_with(3, move || {
        let (hub, _outlets) = hub(1);
        let slot = Slot::modelled(1, &hub);
        let wire = Arc::new(Wire::default());
        let outbox = || {
            let socket = Arc::clone(&wire) as Arc<dyn DatagramSocket>;
            Outbox::new(socket, Arc::clone(&hub), Duration::ZERO)
        };
        let send = || -> Task {
            let (mut outbox, slot) = (outbox(), Arc::clone(&slot));
            Box::new(move || {
                slot.queue_message();
                flush(&mut outbox, &slot);
            })
        };
        let (one, other) = (send(), send());
        together([one, other]);
        while let Some(job) = hub.work().take() {
            if let Job::Serve(slot) = job {
                slot.begin_service();
                outbox().serve(clock::now(), &slot);
            }
        }
        assert!(!slot.has_unsent(), "something was left");
        let numbers = wire.numbers();
        let once = numbers.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert!(once > 0 && once == numbers.len(), "sealed twice: {numbers:?}");
    });
}

#[test]
fn two_flushes_leave_nothing_and_seal_each_packet_once() {
    two(|outbox, slot| outbox.flush(clock::now(), slot));
}

#[test]
#[should_panic(expected = "something was left")]
fn canary_a_flush_that_comes_after_the_role() {
    two(|outbox, slot| {
        let now = clock::now();
        if let Some(holder) = slot.role().take() {
            return outbox.serve_as(holder, now, slot, true);
        }
        let ((), aftermath) = slot.enter(now, |session| session.flush(now));
        drop(aftermath);
    });
}
