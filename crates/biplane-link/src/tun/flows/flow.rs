//! One source of datagrams, and its sockets.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
    os::fd::OwnedFd,
    time::Instant,
};

use super::super::{buffers, keeper::FAR, poller::Poller, token::Token};
use super::Source;

/// Where a source's datagrams go, and the answers to them. None of its sockets waits.
#[derive(Debug)]
pub(super) struct Flow {
    /// Who sends.
    pub(super) source: Source,
    /// Connected to the far side.
    near: UdpSocket,
    /// Whether its binding has been renewed: then nothing of what comes is for the source any more.
    pub(super) is_old: bool,
    /// By which the far side knows the flow.
    pub(super) near_address: SocketAddr,
    /// Connected to the target.
    pub(super) out: UdpSocket,
    /// When the source last said something, or was told something.
    pub(super) used: Instant,
}

impl Flow {
    /// One that begins `now`, by a new socket on the `near` side and another `out` to the target.
    pub(super) fn open(
        now: Instant,
        source: Source,
        near: OwnedFd,
        out: UdpSocket,
    ) -> io::Result<Self> {
        let near = UdpSocket::from(near);
        near.connect(FAR)?;
        buffers::enlarge(&near);
        Ok(Self { source, near_address: near.local_addr()?, near, is_old: false, out, used: now })
    }

    /// Lets `poller` tell of it by this `number`.
    pub(super) fn watch(&self, number: u64, poller: &Poller) -> io::Result<()> {
        poller.add_reader(&self.near, Token::FlowNear(number))?;
        poller.add_reader(&self.out, Token::FlowOut(number))
    }

    /// Sends a datagram of the source's into the near side; whether the kernel took it.
    pub(super) fn send_up(&self, datagram: &[u8]) -> bool {
        self.near.send(datagram).is_ok()
    }

    /// Hands a datagram to the target; whether the kernel took it.
    pub(super) fn give_up(&self, datagram: &[u8]) -> bool {
        match self.out.send(datagram) {
            // That was about an earlier one, which nobody was there for; this one has not been sent.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.out.send(datagram).is_ok()
            }
            outcome => outcome.is_ok(),
        }
    }

    /// Takes a datagram for the source; its length.
    pub(super) fn receive_down(&self, datagram: &mut [u8]) -> Option<usize> {
        self.near.recv(datagram).ok()
    }
}
