//! A relay in its TUN form, a client before it and a server behind it.

use std::{
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use biplane_link::{
    Relay, RelayConfig, RelayStats,
    tun::{self, TunConfig, TunError},
};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};

/// Nothing that is to come takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Tests of one file, by name.
pub(crate) type Tests = &'static [(&'static str, fn())];

/// Lists tests under the names of their functions.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: $crate::tools::Tests =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name as fn())),*];
    };
}

/// Why this machine cannot run any of the tests, if it cannot.
pub(crate) fn obstacle() -> Option<String> {
    let config = RelayConfig::new(any_port(), any_port()).udp_only();
    match tun::start(&config, TunConfig::new()) {
        Err(error @ (TunError::Namespace(_) | TunError::Device(_))) => Some(error.to_string()),
        // Whatever else is wrong is for the tests to find.
        _ => None,
    }
}

/// A relay and the ports of the server that it relays to.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) relay: Relay,
    pub(crate) tcp: TcpListener,
    pub(crate) udp: UdpSocket,
}

impl Scene {
    /// A relay through `profile`.
    pub(crate) fn through(profile: &str) -> Self {
        Self::with(profile, TunConfig::new())
    }

    /// The same with settings of the TUN form.
    pub(crate) fn with(profile: &str, tun: TunConfig) -> Self {
        let (tcp, udp) = ports();
        let config = RelayConfig::new(any_port(), tcp.local_addr().unwrap());
        let relay = tun::start(&config.profile(profile.parse().unwrap()), tun).unwrap();
        // The relay has looked whether anybody is there.
        drop(tcp.accept().unwrap());
        Self { relay, tcp, udp }
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
        let client = TcpStream::connect(self.relay.address()).unwrap();
        let (server, _) = self.tcp.accept().unwrap();
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
            if wanted(&stats) {
                return stats;
            }
            assert!(Instant::now() < end, "{stats:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// TCP and UDP on one port.
pub(crate) fn ports() -> (TcpListener, UdpSocket) {
    let tcp = TcpListener::bind(any_port()).unwrap();
    let udp = UdpSocket::bind(tcp.local_addr().unwrap()).unwrap();
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
