//! The relay's ports, and sockets towards the target.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::{
    RelayConfig, RelayError,
    limits::{self, KEEP_ALIVE},
};

/// The two ports that a relay listens on; they have the same number.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) udp: UdpSocket,
    /// `None` if only UDP is relayed.
    pub(crate) tcp: Option<TcpListener>,
}

impl Ports {
    /// Takes the ports that `config` names, or free ones.
    pub(crate) fn open(config: &RelayConfig) -> Result<Self, RelayError> {
        let attempts = if config.listen.port() == 0 { limits::PORTS } else { 1 };
        let mut outcome = Self::open_once(config);
        for _ in 1..attempts {
            if outcome.is_ok() {
                break;
            }
            // The number was free for TCP and not for UDP: another may be free for both.
            outcome = Self::open_once(config);
        }
        outcome
    }

    fn open_once(config: &RelayConfig) -> Result<Self, RelayError> {
        let refused = |plane| move |why| RelayError::Listen { listen: config.listen, plane, why };
        let tcp =
            config.tcp.then(|| listener(config.listen)).transpose().map_err(refused("TCP"))?;
        let address = tcp.as_ref().map_or(Ok(config.listen), TcpListener::local_addr);
        let address = address.map_err(refused("TCP"))?;
        let udp = UdpSocket::bind(address).and_then(prepared).map_err(refused("UDP"))?;
        ask_for_more(&udp);
        Ok(Self { udp, tcp })
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Makes a UDP socket non-blocking and asks for room.
fn prepared(socket: UdpSocket) -> io::Result<UdpSocket> {
    socket.set_nonblocking(true)?;
    let options = SockRef::from(&socket);
    // Less than was asked for is less than was asked for, and no reason to fail.
    drop(options.set_recv_buffer_size(limits::SOCKET_BUFFER));
    drop(options.set_send_buffer_size(limits::SOCKET_BUFFER));
    Ok(socket)
}

/// Asks for the room that only root may have: all flows share the port, and what does not fit while
/// this thread is kept from running is a loss that nobody asked for.
#[cfg(target_os = "linux")]
fn ask_for_more(socket: &UdpSocket) {
    use rustix::net::sockopt::set_socket_recv_buffer_size_force;
    // Whoever may not have it keeps what was granted before.
    set_socket_recv_buffer_size_force(socket, limits::SOCKET_BUFFER_OF_ROOT).ok();
}

#[cfg(not(target_os = "linux"))]
const fn ask_for_more(_: &UdpSocket) {}

/// A socket for the datagrams of one flow to `to`, from `from` if it matters.
pub(crate) fn flow(to: SocketAddr, from: Option<Ipv4Addr>) -> io::Result<UdpSocket> {
    let from = match (from, to) {
        (Some(from), SocketAddr::V4(_)) => IpAddr::V4(from),
        (None, SocketAddr::V4(_)) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        (_, SocketAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = prepared(UdpSocket::bind(SocketAddr::new(from, 0))?)?;
    socket.connect(to)?;
    Ok(socket)
}

/// Begins a connection to `to`; it is there, or has failed, once the socket can be written to.
pub(crate) fn dial(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    prepare(socket.into())
}

/// Makes a connection non-blocking; what is written to it leaves at once.
pub(crate) fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    keep_alive(&stream);
    Ok(stream)
}

/// Has the system notice that the other end of an idle connection has vanished.
pub(crate) fn keep_alive(stream: &TcpStream) {
    // Without it such a connection lasts until the relay stops, and nothing worse.
    drop(SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE)));
}

/// Has `stream` end with RST instead of FIN when it is closed.
pub(crate) fn will_reset(stream: &TcpStream) {
    // One that is gone already needs no reset.
    drop(SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)));
}

#[cfg(unix)]
fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

#[cfg(not(unix))]
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether accepting failed for want of something that may come back.
pub(crate) fn is_out_of_resources(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let wanting = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        Errno::from_io_error(error).is_some_and(|errno| wanting.contains(&errno))
    }
    #[cfg(not(unix))]
    {
        error.kind() == io::ErrorKind::OutOfMemory
    }
}
