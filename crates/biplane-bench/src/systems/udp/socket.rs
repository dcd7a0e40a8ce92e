//! A UDP socket, and what is read from it in one call.

use std::{
    io::{self, ErrorKind, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Context as _, Result};
use biplane_load::Tuning;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use crate::systems::poller;

/// Asked for when tuned; the kernel may give less.
const RECEIVE_BUFFER: usize = 8 << 20;
const SEND_BUFFER: usize = 4 << 20;
/// Room for one run of datagrams.
const SLOT: usize = 65_535;

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) socket: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    /// One on a free port of 127.0.0.1.
    pub(super) fn open(tuning: Tuning) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("a UDP socket")?;
        if tuning == Tuning::Tuned {
            let socket = socket2::SockRef::from(&socket);
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
            socket.set_send_buffer_size(SEND_BUFFER)?;
        }
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, state })
    }

    /// Sends datagrams of one size in one call; false if there is no room for them now.
    pub(super) fn send(
        &self,
        destination: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> Result<bool> {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        match self.state.try_send((&self.socket).into(), &transmit) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error).with_context(|| format!("sending to {destination}")),
        }
    }

    pub(super) fn is_readable(&self, patience: Duration) -> Result<bool> {
        poller::is_readable(&self.socket, patience)
    }
}

/// Room for what one call reads, and what it read.
#[derive(Debug)]
pub(super) struct Batch {
    slots: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Batch {
    pub(super) fn new() -> Self {
        let metas = vec![RecvMeta::default(); BATCH_SIZE];
        Self { slots: vec![vec![0; SLOT]; BATCH_SIZE], metas }
    }

    /// Reads what `socket` has: from where, datagrams, and the size of all of these but the last.
    pub(super) fn receive(
        &mut self,
        socket: &Socket,
    ) -> Result<impl Iterator<Item = (SocketAddr, &mut [u8], usize)>> {
        let mut slots: Vec<_> = self.slots.iter_mut().map(|slot| IoSliceMut::new(slot)).collect();
        let read = socket.state.recv((&socket.socket).into(), &mut slots, &mut self.metas);
        let count = match read {
            Ok(count) => count,
            Err(error) if is_transient(&error) => 0,
            Err(error) => return Err(error).context("receiving"),
        };
        let read = self.slots.iter_mut().zip(&self.metas).take(count);
        Ok(read.map(|(slot, meta)| (meta.addr, &mut slot[..meta.len], meta.stride)))
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
