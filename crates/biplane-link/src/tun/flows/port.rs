//! The port, which may have many addresses: an answer comes from the one that was asked.

use std::{io, net::UdpSocket};

use quinn_udp::{Transmit, UdpSocketState};

use crate::udp::{Batch, Run, Source};

/// The port's socket, and room for what it has.
#[derive(Debug)]
pub(super) struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    batch: Batch,
}

impl Port {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, state, batch: Batch::new() })
    }

    /// The room for what is received, to be put back.
    pub(super) fn take_batch(&mut self) -> Batch {
        std::mem::take(&mut self.batch)
    }

    pub(super) fn put_back(&mut self, batch: Batch) {
        self.batch = batch;
    }

    /// Reads what there is into `batch`; `None` if that is nothing.
    pub(super) fn receive<'a>(
        &self,
        batch: &'a mut Batch,
    ) -> Option<impl Iterator<Item = Run<'a>> + use<'a>> {
        batch.receive(&self.socket, &self.state)
    }

    pub(super) fn send(&self, contents: &[u8], to: Source) -> io::Result<()> {
        let transmit = Transmit {
            destination: to.address,
            ecn: None,
            contents,
            segment_size: None,
            src_ip: to.local,
        };
        self.state.try_send((&self.socket).into(), &transmit)
    }
}
