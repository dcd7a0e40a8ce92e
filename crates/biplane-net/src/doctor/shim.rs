//! Faults on purpose: a socket that does one wrong thing once in ten thousand datagrams.
//!
//! It shows that the examination finds what it looks for. It stands on the sending side, and is a
//! [`DatagramSocket`] like the one behind it: nothing else knows of it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    locks::lock,
    socket::{DatagramSocket, ReceiveBuffers, Run},
    sync::Mutex,
};

/// The one thing that a socket does wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Trick {
    /// Sends a datagram twice.
    Repeat,
    /// Sends the first half of one datagram with the second half of another.
    Tear,
    /// Does not send a datagram, and says it did.
    Lose,
    /// Sends a datagram after some that were to follow it.
    Reorder,
}

/// One datagram of so many.
const EVERY: u64 = 10_000;
/// How many others go ahead of one that is held back.
const OVERTAKEN_BY: u64 = 3;

/// A socket that is not to be trusted.
#[derive(Debug)]
pub(super) struct Shim {
    inner: Arc<dyn DatagramSocket>,
    trick: Trick,
    /// Datagrams so far, of all sockets with the same tally.
    tally: Arc<AtomicU64>,
    /// The datagram before, to tear the next one with; or the one held back.
    kept: Mutex<Option<Vec<u8>>>,
}

impl Shim {
    pub(super) fn new(
        inner: Arc<dyn DatagramSocket>,
        trick: Trick,
        tally: &Arc<AtomicU64>,
    ) -> Self {
        Self { inner, trick, tally: Arc::clone(tally), kept: Mutex::new(None) }
    }

    fn play(&self, run: Run<'_>) -> io::Result<()> {
        match self.trick {
            Trick::Repeat => self.inner.send(run).and_then(|()| self.inner.send(run)),
            Trick::Lose => Ok(()),
            Trick::Tear => {
                let (front, _) = run.bytes.split_at(run.bytes.len() / 2);
                let other = lock(&self.kept).take().unwrap_or_default();
                let back = other.get(front.len()..).unwrap_or_default();
                self.inner.send(Run { bytes: &[front, back].concat(), ..run })
            }
            Trick::Reorder => {
                *lock(&self.kept) = Some(run.bytes.to_vec());
                Ok(())
            }
        }
    }

    /// One datagram, `position` after the last that was tampered with.
    fn send_one(&self, run: Run<'_>, position: u64) -> io::Result<()> {
        match (self.trick, position) {
            (_, 0) => return self.play(run),
            (Trick::Tear, before) if before == EVERY - 1 => {
                *lock(&self.kept) = Some(run.bytes.to_vec());
            }
            (Trick::Reorder, after) if after > OVERTAKEN_BY => {
                let held = lock(&self.kept).take();
                if let Some(held) = held {
                    // If there is no room for it, it is lost: this is a socket with a fault.
                    drop(self.inner.send(Run { bytes: &held, segment: held.len(), ..run }));
                }
            }
            _ => {}
        }
        self.inner.send(run)
    }
}

impl DatagramSocket for Shim {
    fn recv(&self, buffers: &mut ReceiveBuffers) -> io::Result<()> {
        self.inner.recv(buffers)
    }

    fn send(&self, run: Run<'_>) -> io::Result<()> {
        let count = run.datagrams();
        let first = self.tally.fetch_add(count, Ordering::Relaxed) % EVERY;
        if count > 1 && first > OVERTAKEN_BY + 1 && first + count < EVERY {
            return self.inner.send(run);
        }
        let positions = (first..).map(|position| position % EVERY);
        positions.zip(run.singles()).try_for_each(|(position, one)| self.send_one(one, position))
    }

    fn max_segments(&self) -> usize {
        self.inner.max_segments()
    }

    fn renew(&self) {
        self.inner.renew();
    }

    fn wait_writable(&self, patience: Duration) -> bool {
        self.inner.wait_writable(patience)
    }
}
