//! Systems without a poller here: quinn-udp and std alone. It works, at the price of a look every
//! millisecond. Linux compiles and tests it too.

use core::sync::atomic::{AtomicBool, Ordering};
use std::{io, net::UdpSocket, time::Duration};

use crate::{clock, limits};

/// Waits until a socket can be read, or until it is told to stop.
#[derive(Debug)]
pub(crate) struct Poller {
    stopped: AtomicBool,
    rung: AtomicBool,
}

impl Poller {
    /// One that waits on `socket`.
    pub(crate) const fn new(_: &UdpSocket) -> io::Result<Self> {
        Ok(Self { stopped: AtomicBool::new(false), rung: AtomicBool::new(false) })
    }

    /// Waits until there is something to read, or for want of a way to know, a moment.
    pub(crate) fn wait(&self, socket: &UdpSocket) {
        let _holds = self.wait_until(socket, Duration::MAX, || false);
    }

    /// The same for so long at the most, or until it is rung. Whether the socket may hold something.
    pub(crate) fn wait_within(&self, socket: &UdpSocket, most: Duration) -> bool {
        self.wait_until(socket, most, || self.rung.swap(false, Ordering::AcqRel))
    }

    fn wait_until(&self, socket: &UdpSocket, most: Duration, is_rung: impl Fn() -> bool) -> bool {
        let end = clock::now().checked_add(most);
        let ended = || self.stopped.load(Ordering::Acquire) || is_rung();
        while !ended() && end.is_none_or(|end| clock::now() < end) {
            match socket.peek_from(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    clock::pause(limits::BACK_OFF.min(most));
                }
                Ok(_) | Err(_) => return true,
            }
        }
        false
    }

    /// Ends a [`Poller::wait_within`], that of now or the next.
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
    }

    /// Ends every wait, now and later.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }
}

/// Waits a moment; whether `socket` takes more then is for the next send to say.
pub(crate) fn wait_writable(_: &UdpSocket, patience: Duration) -> bool {
    clock::pause(patience.min(limits::BACK_OFF));
    true
}

/// Whether segmentation offload may be why a run was refused: nobody knows, so every error may.
pub(crate) fn may_be_the_offload(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::WouldBlock
}

/// Whether the kernel will do better in a moment.
pub(crate) fn is_out_of_buffers(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
}

/// Whether accepting failed for want of something that may come back.
pub(crate) fn is_out_of_resources(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Whether accepting failed for want of a descriptor: nobody knows.
pub(crate) const fn is_out_of_descriptors(_: &io::Error) -> bool {
    false
}

/// Nobody tells.
pub(crate) const fn kernel_drops(_: &UdpSocket) -> Option<u64> {
    None
}

/// Options of a control connection.
pub(crate) fn prepare_control(stream: &tokio::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// Bytes that the socket took and that the peer's system does not have: not known here.
pub(crate) const fn under_way(_stream: &tokio::net::TcpStream) -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poller_sees_a_datagram_and_a_stop() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let poller = Poller::new(&socket).unwrap();
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        poller.wait(&socket);
        socket.recv(&mut [0]).unwrap();
        poller.stop();
        poller.wait(&socket);
    }
}
