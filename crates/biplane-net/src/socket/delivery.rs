//! Gets a run out, whatever the kernel says to it.
//!
//! A run that is refused goes out as single datagrams: the same sealed bytes, nothing is sealed
//! twice. If those pass, segmentation offload was at fault, and stays off for the socket's state.
//! If they do not, the destination is, and what it taught the state about the kernel is forgotten,
//! so that only its own path suffers.

use std::{io, time::Duration};

use super::{DatagramSocket, Run};
use crate::{clock, limits, os};

/// What became of a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Delivery {
    /// Datagrams the kernel took.
    pub(crate) sent: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Datagrams it refused, for good.
    pub(crate) unsent: u64,
    /// The length of the shortest datagram that the interface does not carry, if there was one.
    pub(crate) too_big: Option<usize>,
    /// Whether the run went out as single datagrams.
    pub(crate) split: bool,
}

/// Sends `run`; waits for room no longer than `patience`.
pub(crate) fn deliver(socket: &dyn DatagramSocket, run: Run<'_>, patience: Duration) -> Delivery {
    let count = run.datagrams();
    match persist(socket, run, patience) {
        Ok(()) => Delivery { sent: count, bytes: run.bytes.len() as u64, ..Delivery::default() },
        Err(error) if !os::may_be_the_offload(&error) => refused(&error, run),
        Err(_) if count > 1 => singly(socket, run, patience),
        Err(error) => {
            // That one datagram is too long teaches the state nothing.
            if !quinn_udp::is_msg_size_err(&error) {
                socket.renew();
            }
            refused(&error, run)
        }
    }
}

fn singly(socket: &dyn DatagramSocket, run: Run<'_>, patience: Duration) -> Delivery {
    let mut delivery = Delivery { split: true, ..Delivery::default() };
    let mut destination_errs = false;
    for single in run.singles() {
        match persist(socket, single, patience) {
            Ok(()) => {
                delivery.sent += 1;
                delivery.bytes += single.bytes.len() as u64;
            }
            Err(error) => {
                destination_errs |= os::may_be_the_offload(&error);
                let Delivery { unsent, too_big, .. } = refused(&error, single);
                delivery.unsent += unsent;
                delivery.too_big = too_big.into_iter().chain(delivery.too_big).min();
            }
        }
    }
    if destination_errs {
        socket.renew();
    }
    delivery
}

fn refused(error: &io::Error, run: Run<'_>) -> Delivery {
    tracing::trace!(%error, len = run.bytes.len(), "datagrams not sent");
    let too_big = quinn_udp::is_msg_size_err(error).then_some(run.segment);
    Delivery { unsent: run.datagrams(), too_big, ..Delivery::default() }
}

/// Offers `run` until the kernel takes it, errs, or has been out of room for `patience`.
fn persist(socket: &dyn DatagramSocket, run: Run<'_>, patience: Duration) -> io::Result<()> {
    let mut deadline = None;
    loop {
        let error = match socket.send(run) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let blocked = error.kind() == io::ErrorKind::WouldBlock;
        if !blocked && !os::is_out_of_buffers(&error) {
            return Err(error);
        }
        let now = clock::now();
        let left = deadline.get_or_insert(now + patience).saturating_duration_since(now);
        if left.is_zero() {
            return Err(error);
        }
        if blocked {
            socket.wait_writable(left);
        } else {
            clock::pause(left.min(limits::BACK_OFF));
        }
    }
}

#[cfg(test)]
mod tests;
