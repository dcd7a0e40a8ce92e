//! The one UDP socket of an endpoint, as its workers see it.
//!
//! A small trait, so that tests can stand in for the kernel: what fails there is shown in
//! `delivery`. Addresses are canonical above it (an IPv4 address is never written as IPv6).

mod buffers;
mod delivery;
mod udp;

use std::{fmt, io, time::Duration};

use biplane_proto::{Ecn, Path};

pub(crate) use buffers::{Arrival, ReceiveBuffers};
pub(crate) use delivery::deliver;
pub(crate) use udp::{UdpDatagrams, canonical};

/// What sends and receives datagrams. Any number of threads may use it at a time.
pub(crate) trait DatagramSocket: fmt::Debug + Send + Sync {
    /// Fills `buffers` with what has come; never waits.
    fn recv(&self, buffers: &mut ReceiveBuffers) -> io::Result<()>;

    /// Hands one run to the kernel, whole or not at all; never waits.
    fn send(&self, run: Run<'_>) -> io::Result<()>;

    /// How many datagrams a run may hold now.
    fn max_segments(&self) -> usize;

    /// Forgets what a destination's errors taught about the kernel.
    fn renew(&self);

    /// Waits until the kernel has room again; whether it has.
    fn wait_writable(&self, patience: Duration) -> bool;
}

/// Datagrams of one size to one place, end to end; the last may be shorter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// Where from and where to.
    pub(crate) path: Path,
    /// All of them.
    pub(crate) bytes: &'a [u8],
    /// The size of each.
    pub(crate) segment: usize,
    /// The mark of each.
    pub(crate) ecn: Option<Ecn>,
}

impl<'a> Run<'a> {
    /// How many datagrams it holds.
    pub(crate) fn datagrams(self) -> u64 {
        self.singles().count() as u64
    }

    /// Each datagram as a run of its own.
    pub(crate) fn singles(self) -> impl Iterator<Item = Self> {
        let segment = self.segment.max(1);
        let single = move |bytes: &'a [u8]| Self { bytes, segment: bytes.len(), ..self };
        self.bytes.chunks(segment).map(single)
    }
}
