//! The socket of the operating system, by way of quinn-udp.
//!
//! `try_send` and never `send`, which hides errors; transport errors (`IP_RECVERR`) stay off: they
//! would make one peer's ICMP everybody's error.
//!
//! quinn-udp has 96 bytes for what Linux tells of an arrival. Stamp, address and mark fit, and stamp,
//! size and address of a run do; the mark of a run does not, and counts as none. Whoever marks then
//! sees that marks are not told, and stops: congestion that nobody tells of must show as loss.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket},
    sync::Arc,
    time::Duration,
};

use biplane_proto::Ecn;
use quinn_udp::{BATCH_SIZE, EcnCodepoint, RecvMeta, Transmit, UdpSocketState};

use super::{Arrival, DatagramSocket, ReceiveBuffers, Run};
use crate::{
    EndpointConfig, clock, limits,
    locks::{read, write},
    os,
    sync::RwLock,
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
    pub(crate) fn new(socket: UdpSocket, config: &EndpointConfig) -> io::Result<Self> {
        // Blocking, recvmmsg would wait for a whole batch.
        socket.set_nonblocking(true)?;
        os::ask_for_room(&socket, config);
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

    /// Fills as much of `room` as there is for, up to `N` slots; each costs, filled or not.
    fn fill<'a, const N: usize>(
        &self,
        mut room: impl ExactSizeIterator<Item = &'a mut [u8]>,
        arrivals: &mut Vec<Arrival>,
    ) -> io::Result<()> {
        let asked = room.len().min(N);
        let mut slots: [IoSliceMut<'_>; N] =
            core::array::from_fn(|_| IoSliceMut::new(room.next().unwrap_or_default()));
        let mut metas = [RecvMeta::default(); N];
        let (slots, _) = slots.split_at_mut(asked);
        let count = self.state().recv((&self.socket).into(), slots, &mut metas)?;
        let wall = clock::wall();
        arrivals.extend(metas.iter().take(count).map(|meta| Arrival {
            from: canonical(meta.addr),
            to: meta.dst_ip.map(|ip| ip.to_canonical()),
            len: meta.len.min(limits::RECEIVE_SLOT),
            stride: meta.stride,
            age: meta.timestamp.map_or(Duration::ZERO, |stamp| age(wall, stamp)),
            ecn: meta.ecn.map(mark),
        }));
        Ok(())
    }

    /// An address in the family of the socket.
    fn mapped(&self, ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(v4) if self.speaks_ipv6 => v4.to_ipv6_mapped().into(),
            IpAddr::V4(_) | IpAddr::V6(_) => ip,
        }
    }

    fn destination(&self, remote: SocketAddr) -> SocketAddr {
        match remote {
            SocketAddr::V4(v4) => SocketAddr::new(self.mapped((*v4.ip()).into()), v4.port()),
            SocketAddr::V6(_) => remote,
        }
    }
}

impl DatagramSocket for UdpDatagrams {
    fn recv(&self, buffers: &mut ReceiveBuffers) -> io::Result<()> {
        let (room, arrivals) = buffers.vacate();
        if room.len() <= limits::RECEIVE_FIRST {
            self.fill::<{ limits::RECEIVE_FIRST }>(room, arrivals)
        } else {
            self.fill::<BATCH_SIZE>(room, arrivals)
        }
    }

    fn send(&self, run: Run<'_>) -> io::Result<()> {
        let transmit = Transmit {
            destination: self.destination(run.path.remote),
            ecn: run.ecn.map(codepoint),
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

const fn codepoint(mark: Ecn) -> EcnCodepoint {
    match mark {
        Ecn::Ect1 => EcnCodepoint::Ect1,
        Ecn::Ect0 => EcnCodepoint::Ect0,
        Ecn::Ce => EcnCodepoint::Ce,
    }
}

const fn mark(codepoint: EcnCodepoint) -> Ecn {
    match codepoint {
        EcnCodepoint::Ect1 => Ecn::Ect1,
        EcnCodepoint::Ect0 => Ecn::Ect0,
        EcnCodepoint::Ce => Ecn::Ce,
    }
}

/// How long ago the kernel's `stamp` is by the wall clock, which may have been set in between.
fn age(wall: Duration, stamp: Duration) -> Duration {
    wall.saturating_sub(stamp).min(limits::STAMP_AGE)
}

/// An IPv4 address that came over an IPv6 socket, as what it is. An address of one link keeps the
/// name of its interface: there is no way back without.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match (address, address.ip().to_canonical()) {
        (SocketAddr::V6(v6), IpAddr::V6(ip)) => {
            SocketAddrV6::new(ip, v6.port(), 0, v6.scope_id()).into()
        }
        (_, ip) => SocketAddr::new(ip, address.port()),
    }
}

#[cfg(test)]
mod tests {
    use biplane_proto::Path;

    use super::*;

    fn loopback() -> UdpDatagrams {
        prepared(UdpSocket::bind("127.0.0.1:0").unwrap())
    }

    fn prepared(socket: UdpSocket) -> UdpDatagrams {
        UdpDatagrams::new(socket, &EndpointConfig::single()).unwrap()
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
        here.send(Run { path, bytes: &[7; 2_500], segment: 1_200, ecn: None }).unwrap();
        assert_eq!(received(&there, 3), [1_200, 1_200, 100]);
    }

    #[test]
    fn a_datagram_arrives_with_its_mark() {
        for ecn in [None, Some(Ecn::Ect0), Some(Ecn::Ect1), Some(Ecn::Ce)] {
            let (here, there) = (loopback(), loopback());
            let path = Path { remote: there.socket().local_addr().unwrap(), local: None };
            here.send(Run { path, bytes: &[7; 100], segment: 100, ecn }).unwrap();
            let mut buffers = ReceiveBuffers::new(1);
            while there.recv(&mut buffers).is_err() {
                std::thread::yield_now();
            }
            assert_eq!(buffers.arrival(0).unwrap().ecn, ecn);
        }
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
        let run = Run { path: nowhere, bytes: &[0; 100], segment: 50, ecn: None };
        let delivery = super::super::deliver(&here, run, Duration::ZERO);
        assert_eq!((delivery.sent, delivery.unsent), (0, 2));
        assert_eq!(here.max_segments(), before);
        let somewhere = Path { remote: there.socket().local_addr().unwrap(), local: None };
        here.send(Run { path: somewhere, ..run }).unwrap();
        assert_eq!(received(&there, 2), [50, 50]);
    }

    #[test]
    fn addresses_are_written_in_one_way_and_keep_their_link() {
        for (written, meant) in [
            ("[::ffff:192.0.2.7]:9", "192.0.2.7:9"),
            ("192.0.2.7:9", "192.0.2.7:9"),
            ("[fe80::1%3]:9", "[fe80::1%3]:9"),
            ("[2001:db8::1]:9", "[2001:db8::1]:9"),
        ] {
            assert_eq!(canonical(written.parse().unwrap()), meant.parse().unwrap());
        }
    }

    #[test]
    fn a_kernel_stamp_is_an_age_within_reason() {
        let ms = Duration::from_millis;
        assert_eq!(age(ms(1_007), ms(1_000)), ms(7));
        assert_eq!(age(ms(1_000), ms(1_007)), ms(0), "the clock was set back");
        assert_eq!(age(ms(9_999), ms(1_000)), ms(100), "the clock was set forward");
    }

    /// How old a datagram seems that lay in the kernel for 5 ms and more, and how long it lay.
    fn age_of_one(here: &UdpDatagrams, there: &UdpDatagrams) -> (Duration, Duration) {
        here.socket().send_to(b"x", there.socket().local_addr().unwrap()).unwrap();
        let sent = std::time::Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        let mut buffers = ReceiveBuffers::new(1);
        let lay = sent.elapsed();
        there.recv(&mut buffers).unwrap();
        (buffers.arrival(0).unwrap().age, lay)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_lay_in_the_kernel_has_an_age() {
        let (here, there) = (loopback(), loopback());
        // The kernel begins to stamp on arrival a moment after it was asked to; before, it does when
        // a datagram is read.
        let stamped = (0..1_000)
            .map(|_| age_of_one(&here, &there))
            .find(|(age, _)| *age >= Duration::from_millis(4));
        let (age, lay) = stamped.expect("a stamp");
        assert!(age <= 2 * lay + Duration::from_millis(5), "{age:?} after {lay:?}");
    }

    #[test]
    fn an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_peer() {
        let Ok(both) = crate::endpoint::bind_udp("[::]:0".parse().unwrap()) else {
            return; // A host without IPv6.
        };
        let (both, four) = (prepared(both), loopback());
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
        both.send(Run { path: back, bytes: b"back", segment: 4, ecn: None }).unwrap();
        assert_eq!(received(&four, 1), [4]);
    }
}
