//! Addresses and ports, before anything runs on them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{BindError, limits};

/// How many ports are tried until one is free for both TCP and UDP.
const TRIES: usize = 32;

/// The first address that `HOST:PORT` means.
pub(super) fn resolve(address: &str) -> Result<SocketAddr, BindError> {
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "it has none");
    let found = address.to_socket_addrs().and_then(|mut all| all.next().ok_or_else(none));
    found.map_err(|source| BindError::Address { address: address.into(), source })
}

/// TCP and UDP at one port.
pub(super) fn bind_both(address: SocketAddr) -> Result<(TcpListener, UdpSocket), BindError> {
    if address.port() != 0 {
        return Ok((bind_tcp(address)?, bind_udp(address)?));
    }
    let mut tries = 0;
    loop {
        let tcp = bind_tcp(address)?;
        let found = tcp.local_addr().map_err(|source| BindError::Tcp { address, source })?;
        tries += 1;
        match bind_udp(SocketAddr::new(address.ip(), found.port())) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) if tries >= TRIES => return Err(error),
            Err(_) => {}
        }
    }
}

fn bind_tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        accept_both_families(&socket, address)?;
        // A server that comes back finds its port, with old connections still fading away on it.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(limits::BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    bind().map_err(|source| BindError::Tcp { address, source })
}

pub(crate) fn bind_udp(address: SocketAddr) -> Result<UdpSocket, BindError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        accept_both_families(&socket, address)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    bind().map_err(|source| BindError::Udp { address, source })
}

/// `[::]` means every address of either family, whatever the system's default is.
fn accept_both_families(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    Ok(())
}

/// What a link names for a server that listens on `ip`, unless it was told.
pub(super) fn public_host(ip: IpAddr) -> String {
    if ip.is_unspecified() { Ipv4Addr::LOCALHOST.to_string() } else { ip.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_0_is_one_port_for_both() {
        let (tcp, udp) = bind_both("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    }

    #[test]
    fn a_taken_port_is_named_with_its_plane() {
        let (tcp, udp) = bind_both("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = tcp.local_addr().unwrap();
        let told = bind_both(address).unwrap_err().to_string();
        assert_eq!(told, format!("cannot listen on TCP {address}: address in use"));
        drop(tcp);
        let told = bind_both(address).unwrap_err().to_string();
        assert_eq!(told, format!("cannot open UDP {address}: address in use"));
        drop(udp);
        bind_both(address).unwrap();
    }

    #[test]
    fn what_is_no_address_is_told() {
        let told = resolve("nonsense").unwrap_err().to_string();
        assert!(told.starts_with("`nonsense` is no address to listen on: "), "{told}");
    }

    #[test]
    fn a_link_names_an_address_one_can_reach() {
        assert_eq!(public_host("0.0.0.0".parse().unwrap()), "127.0.0.1");
        assert_eq!(public_host("::".parse().unwrap()), "127.0.0.1");
        assert_eq!(public_host("192.0.2.7".parse().unwrap()), "192.0.2.7");
    }
}
