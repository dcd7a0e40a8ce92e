//! Datagrams read many at a time: recvmmsg, and GRO where the system has it.

use std::{
    io::{self, IoSliceMut},
    net::UdpSocket,
};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};

use super::Source;

/// Room for one run of datagrams.
const SLOT: usize = 65_535;

/// Room for what one call may read.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    slots: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

/// Datagrams of one source that came together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) source: Source,
    bytes: &'a [u8],
    /// The size of all but the last.
    stride: usize,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![vec![0; SLOT]; BATCH_SIZE],
            metas: vec![RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// Reads what `socket` has; `None` if that is nothing.
    pub(crate) fn receive(
        &mut self,
        socket: &UdpSocket,
        state: &UdpSocketState,
    ) -> Option<impl Iterator<Item = Run<'_>> + use<'_>> {
        let mut slots: Vec<_> = self.slots.iter_mut().map(|slot| IoSliceMut::new(slot)).collect();
        let count = loop {
            match state.recv(socket.into(), &mut slots, &mut self.metas) {
                // A connected socket says that nobody took what was sent before, and goes on.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                outcome => break outcome.ok()?,
            }
        };
        Some(self.slots.iter().zip(&self.metas).take(count).map(move |(slot, meta)| Run {
            source: Source { address: meta.addr, local: meta.dst_ip },
            bytes: slot.get(..meta.len).unwrap_or_default(),
            stride: meta.stride,
        }))
    }
}

impl<'a> Run<'a> {
    pub(crate) fn datagrams(self) -> impl Iterator<Item = &'a [u8]> {
        // One that is empty has a stride of nothing.
        let empty = self.bytes.is_empty().then_some(self.bytes);
        self.bytes.chunks(self.stride.max(1)).chain(empty)
    }

    pub(crate) fn count(self) -> u64 {
        u64::try_from(self.datagrams().count()).unwrap_or(u64::MAX)
    }
}
