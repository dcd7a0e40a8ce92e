//! The socket of the operating system, by way of quinn-udp.
//!
//! `try_send` and never `send`, which hides errors; transport errors (`IP_RECVERR`) stay off: they
//! would make one peer's ICMP everybody's error.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, RwLock},
    time::Duration,
};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use super::{Arrival, DatagramSocket, ReceiveBuffers, Run};
use crate::{
    limits,
    locks::{read, write},
    os,
};

/// A non-blocking UDP socket with segmentation offload where the system has it.
#[derive(Debug)]
pub(crate) struct UdpDatagrams {
    socket: UdpSocket,
    /// Replaced as a whole: an error that one destination causes turns GSO off for good.
    state: RwLock<Arc<UdpSocketState>>,
    speaks_ipv6: bool,
}

impl UdpDatagrams {
    /// Arrivals in one receive.
    pub(crate) const BATCH: usize = BATCH_SIZE;

    /// Prepares `socket` for its workers.
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        // Blocking, recvmmsg would wait for a whole batch.
        socket.set_nonblocking(true)?;
        os::ask_for_room(&socket);
        let state = RwLock::new(Arc::new(UdpSocketState::new((&socket).into())?));
        let speaks_ipv6 = socket.local_addr()?.is_ipv6();
        Ok(Self { socket, state, speaks_ipv6 })
    }

    /// The socket itself, for who waits on it.
    pub(crate) const fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    fn state(&self) -> Arc<UdpSocketState> {
        Arc::clone(&read(&self.state))
    }

    /// An address in the family of the socket.
    fn mapped(&self, ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(v4) if self.speaks_ipv6 => v4.to_ipv6_mapped().into(),
            IpAddr::V4(_) | IpAddr::V6(_) => ip,
        }
    }
}

impl DatagramSocket for UdpDatagrams {
    fn recv(&self, buffers: &mut ReceiveBuffers) -> io::Result<()> {
        let (mut room, arrivals) = buffers.vacate();
        let mut slots: [IoSliceMut<'_>; BATCH_SIZE] =
            core::array::from_fn(|_| IoSliceMut::new(room.next().unwrap_or_default()));
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let count = self.state().recv((&self.socket).into(), &mut slots, &mut metas)?;
        arrivals.extend(metas.iter().take(count).map(|meta| Arrival {
            from: canonical(meta.addr),
            to: meta.dst_ip.map(|ip| ip.to_canonical()),
            len: meta.len.min(limits::RECEIVE_SLOT),
            stride: meta.stride,
        }));
        Ok(())
    }

    fn send(&self, run: Run<'_>) -> io::Result<()> {
        let remote = run.path.remote;
        let transmit = Transmit {
            destination: SocketAddr::new(self.mapped(remote.ip()), remote.port()),
            ecn: None,
            contents: run.bytes,
            segment_size: (run.bytes.len() > run.segment).then_some(run.segment),
            src_ip: run.path.local.map(|ip| self.mapped(ip)),
        };
        self.state().try_send((&self.socket).into(), &transmit)
    }

    fn max_segments(&self) -> usize {
        self.state().max_gso_segments()
    }

    fn renew(&self) {
        // A socket that cannot be asked its options is broken; receiving will tell.
        if let Ok(state) = UdpSocketState::new((&self.socket).into()) {
            *write(&self.state) = Arc::new(state);
        }
    }

    fn wait_writable(&self, patience: Duration) -> bool {
        os::wait_writable(&self.socket, patience)
    }
}

/// An IPv4 address that came over an IPv6 socket, as what it is.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use biplane_proto::Path;

    use super::*;

    fn loopback() -> UdpDatagrams {
        UdpDatagrams::new(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap()
    }

    /// Reads until `count` datagrams are there.
    fn received(socket: &UdpDatagrams, count: usize) -> Vec<usize> {
        let mut buffers = ReceiveBuffers::new(UdpDatagrams::BATCH);
        let mut lens = Vec::new();
        while lens.len() < count {
            match socket.recv(&mut buffers) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
            let arrivals = (0..buffers.len()).filter_map(|index| buffers.arrival(index));
            lens.extend(arrivals.flat_map(|arrival| arrival.datagrams().map(|(_, len)| len)));
        }
        lens
    }

    #[test]
    fn a_run_arrives_as_its_datagrams() {
        let (here, there) = (loopback(), loopback());
        let remote = there.socket().local_addr().unwrap();
        let path = Path { remote, local: None };
        here.send(Run { path, bytes: &[7; 2_500], segment: 1_200 }).unwrap();
        assert_eq!(received(&there, 3), [1_200, 1_200, 100]);
    }

    #[test]
    fn an_empty_datagram_arrives_as_one() {
        let (here, there) = (loopback(), loopback());
        here.socket().send_to(&[], there.socket().local_addr().unwrap()).unwrap();
        assert_eq!(received(&there, 1), [0]);
    }

    #[test]
    fn a_destination_that_errs_leaves_the_offload_on() {
        let (here, there) = (loopback(), loopback());
        let before = here.max_segments();
        let nowhere = Path { remote: "127.0.0.1:0".parse().unwrap(), local: None };
        let run = Run { path: nowhere, bytes: &[0; 100], segment: 50 };
        let delivery = super::super::deliver(&here, run, Duration::ZERO);
        assert_eq!((delivery.sent, delivery.unsent), (0, 2));
        assert_eq!(here.max_segments(), before);
        let somewhere = Path { remote: there.socket().local_addr().unwrap(), local: None };
        here.send(Run { path: somewhere, bytes: &[0; 100], segment: 50 }).unwrap();
        assert_eq!(received(&there, 2), [50, 50]);
    }

    #[test]
    fn an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_peer() {
        let Ok(both) = crate::endpoint::bind_udp("[::]:0".parse().unwrap()) else {
            return; // A host without IPv6.
        };
        let (both, four) = (UdpDatagrams::new(both).unwrap(), loopback());
        let port = both.socket().local_addr().unwrap().port();
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        four.socket().send_to(b"hello", to).unwrap();
        let mut buffers = ReceiveBuffers::new(1);
        while both.recv(&mut buffers).is_err() {
            std::thread::yield_now();
        }
        let arrival = buffers.arrival(0).unwrap();
        assert_eq!(arrival.from, four.socket().local_addr().unwrap());
        assert_eq!(arrival.to, Some(to.ip()));
        let back = Path { remote: arrival.from, local: arrival.to };
        both.send(Run { path: back, bytes: b"back", segment: 4 }).unwrap();
        assert_eq!(received(&four, 1), [4]);
    }
}
