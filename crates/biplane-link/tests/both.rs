//! A relay of either form, a client before it and a server behind it; and what both forms owe.

#[path = "both/scenarios.rs"]
pub(crate) mod scenarios;

use std::{
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use biplane_link::{Relay, RelayConfig, RelayStats};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force},
};

/// Nothing that is to come takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A relay and the ports of the server that it relays to.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) relay: Relay,
    pub(crate) tcp: TcpListener,
    pub(crate) udp: UdpSocket,
    /// What its figures are at any time.
    always: fn(&RelayStats) -> bool,
}

impl Scene {
    /// A relay through `profile`, as `start` starts it, whose figures are `always` so.
    pub(crate) fn of(
        profile: &str,
        always: fn(&RelayStats) -> bool,
        start: impl FnOnce(&RelayConfig) -> Relay,
    ) -> Self {
        Self::at(any_port(), always, |config| start(&config.profile(profile.parse().unwrap())))
    }

    /// A relay that listens there, through nothing unless `start` has it otherwise.
    pub(crate) fn at(
        listen: SocketAddr,
        always: fn(&RelayStats) -> bool,
        start: impl FnOnce(RelayConfig) -> Relay,
    ) -> Self {
        let (tcp, udp) = ports();
        let relay = start(RelayConfig::new(listen, tcp.local_addr().unwrap()));
        // The relay has looked whether anybody is there.
        drop(tcp.accept().unwrap());
        Self { relay, tcp, udp, always }
    }

    /// A client's socket for datagrams.
    pub(crate) fn flow(&self) -> UdpSocket {
        let socket = UdpSocket::bind(any_port()).unwrap();
        socket.connect(self.relay.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// A connection, seen from both ends.
    pub(crate) fn connection(&self) -> (TcpStream, TcpStream) {
        let (client, server) = loop {
            let client = TcpStream::connect(self.relay.address()).unwrap();
            // One that is reset before it is passed on never arrives.
            if is_readable(&self.tcp, Duration::from_secs(2)) {
                break (client, self.tcp.accept().unwrap().0);
            }
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        (client, server)
    }

    /// Waits until the figures are as they should be.
    pub(crate) fn figures(&self, wanted: impl Fn(&RelayStats) -> bool) -> RelayStats {
        let end = Instant::now() + PATIENCE;
        loop {
            let stats = self.relay.stats();
            assert!((self.always)(&stats), "{stats:?}");
            if wanted(&stats) {
                return stats;
            }
            assert!(Instant::now() < end, "{stats:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn is_readable(socket: &TcpListener, patience: Duration) -> bool {
    let patience = Timespec::try_from(patience).unwrap();
    poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&patience)).unwrap() > 0
}

/// TCP and UDP on one port, which is free for both.
pub(crate) fn ports() -> (TcpListener, UdpSocket) {
    let both = || {
        let tcp = TcpListener::bind(any_port()).unwrap();
        let udp = UdpSocket::bind(tcp.local_addr().unwrap()).ok()?;
        Some((tcp, udp))
    };
    let (tcp, udp) = (0..100).find_map(|_| both()).unwrap();
    udp.set_read_timeout(Some(PATIENCE)).unwrap();
    // What is measured is the relay, not how promptly a busy machine runs the test.
    if set_socket_recv_buffer_size_force(&udp, 8 << 20).is_err() {
        set_socket_recv_buffer_size(&udp, 8 << 20).unwrap();
    }
    (tcp, udp)
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// The next datagram, and where it comes from.
pub(crate) fn next(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    let (len, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(len);
    (buffer, from)
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
