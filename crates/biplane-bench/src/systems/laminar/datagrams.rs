//! The socket under laminar, which hands out only so much at once.

use std::{
    cell::Cell,
    io,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
};

use laminar::DatagramSocket;

/// Where a packet says whether it is reliable, and what it says then.
const DELIVERY: usize = 3;
const RELIABLE: u8 = 1;

/// What may be read before the other side has to hear of it: half of what a packet can ack, since
/// what is read next may go before the acks do.
const RELIABLE_AT_ONCE: usize = 16;
const DATAGRAMS_AT_ONCE: usize = 256;

/// A socket that seems empty once enough has been read.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    datagrams: Cell<usize>,
    reliable: Cell<usize>,
}

impl Datagrams {
    /// A socket that seems empty until [`Self::open`].
    pub(super) fn new(socket: UdpSocket) -> Self {
        Self { socket, datagrams: Cell::new(0), reliable: Cell::new(0) }
    }

    /// Lets the next datagrams be read.
    pub(super) fn open(&self) {
        self.datagrams.set(DATAGRAMS_AT_ONCE);
        self.reliable.set(RELIABLE_AT_ONCE);
    }

    /// Lets nothing be read; whether enough had been, so that there may be more.
    pub(super) fn close(&self) -> bool {
        self.reliable.replace(0) == 0 || self.datagrams.replace(0) == 0
    }
}

impl AsFd for Datagrams {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl DatagramSocket for Datagrams {
    fn send_packet(&mut self, address: &SocketAddr, payload: &[u8]) -> io::Result<usize> {
        self.socket.send_to(payload, address)
    }

    fn receive_packet<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<(&'a [u8], SocketAddr)> {
        if self.datagrams.get() == 0 || self.reliable.get() == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (length, address) = self.socket.recv_from(buffer)?;
        let payload = buffer.get(..length).unwrap_or_default();
        self.datagrams.set(self.datagrams.get() - 1);
        if payload.get(DELIVERY) == Some(&RELIABLE) {
            self.reliable.set(self.reliable.get() - 1);
        }
        Ok((payload, address))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn is_blocking_mode(&self) -> bool {
        false
    }
}
